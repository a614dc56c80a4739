//! Whole runs against a cloud in memory: what is planned, what happens, what survives a cut.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at what it does not expect")]

mod model;

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_engine::{Action, Event, Summary};
use mlflow_host_graph::{Expression, Graph, Options, Reference, Resource, Role, Value};
use model::{Bench, Fuse};
use proptest::prelude::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn text(text: &str) -> Expression {
    Expression::String(text.to_owned())
}

fn reference(urn: &str, path: &str) -> Expression {
    Expression::Attribute(Reference { urn: urn.parse().unwrap(), path: path.parse().unwrap() })
}

fn resource<const N: usize>(urn: &str, properties: [(&str, Expression); N]) -> Resource {
    Resource {
        urn: urn.parse().unwrap(),
        role: Role::Managed,
        parent: None,
        properties: properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        options: Options::default(),
    }
}

fn graph(resources: Vec<Resource>) -> Graph {
    Graph { resources, ..Graph::default() }
}

fn up(bench: &Bench, graph: &Graph) -> Summary {
    runtime().block_on(bench.run(Some(graph), &Fuse::default())).expect("nothing cuts the run")
}

fn destroy(bench: &Bench) -> Summary {
    runtime().block_on(bench.run(None, &Fuse::default())).expect("nothing cuts the run")
}

fn things(bench: &Bench) -> Vec<String> {
    bench.world.things.lock().unwrap().keys().cloned().collect()
}

/// The operations of a plan, one line each.
fn lines(bench: &Bench, graph: &Graph) -> Vec<String> {
    let plan = bench.plan(graph).unwrap();
    plan.operations
        .iter()
        .map(|operation| {
            let names: Vec<_> = operation.steps.iter().map(|step| step.urn.name().to_owned()).collect();
            let reason = operation.steps.first().map_or("", |step| step.reason.as_str());
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{} {}{reason}", operation.action, names.join(" "))
        })
        .collect()
}

const NETWORK: &str = "model.test/Thing::network";
const DATABASE: &str = "model.test/Thing::database";
const SERVICE: &str = "model.test/Thing::service";

fn small(size: &str, fixed: &str) -> Graph {
    graph(vec![
        resource(NETWORK, [("fixed", text(fixed))]),
        resource(DATABASE, [("in", reference(NETWORK, "id")), ("size", text("1"))]),
        resource(
            SERVICE,
            [("needs", Expression::List(vec![reference(DATABASE, "id")])), ("size", text(size))],
        ),
    ])
}

#[test]
fn up_twice_changes_nothing_and_destroy_leaves_nothing() {
    let bench = Bench::default();
    let summary = up(&bench, &small("1", "a"));
    assert_eq!(summary.done, BTreeMap::from([(Action::Create, 3)]));
    assert_eq!(things(&bench), ["network-seed1", "network-seed1/database-seed1", "service-seed1"]);
    let requests = bench.world.requests.load(std::sync::atomic::Ordering::SeqCst);
    assert!(bench.plan(&small("1", "a")).unwrap().is_empty());
    up(&bench, &small("1", "a"));
    assert_eq!(bench.world.requests.load(std::sync::atomic::Ordering::SeqCst), requests);
    destroy(&bench);
    assert_eq!(things(&bench), [] as [&str; 0]);
    assert!(bench.state().is_empty());
    assert_ne!(bench.state().seed, "seed1", "names of what is gone may be blocked");
    assert_eq!(*bench.world.offences.lock().unwrap(), []);
}

#[test]
fn what_can_be_changed_is_updated_and_what_cannot_is_replaced_with_what_lives_in_it() {
    let bench = Bench::default();
    up(&bench, &small("1", "a"));
    assert_eq!(lines(&bench, &small("2", "a")), ["update service"]);
    assert_eq!(
        lines(&bench, &small("1", "b")),
        [
            "replace network: `fixed` cannot be changed in place",
            "replace database: it lives in `model.test/Thing::network`, which is replaced",
            "update service",
            "delete replaced network",
            "forget database: it goes with `model.test/Thing::network`",
        ]
    );
    up(&bench, &small("1", "b"));
    assert_eq!(things(&bench).len(), 3);
    assert!(!things(&bench).contains(&"network-seed1".to_owned()), "a replacement has a new name");
    assert_eq!(*bench.world.offences.lock().unwrap(), []);
}

#[test]
fn a_fixed_name_is_deleted_first() {
    let bench = Bench::default();
    let bucket =
        |fixed: &str| graph(vec![resource(NETWORK, [("name", text("bucket")), ("fixed", text(fixed))])]);
    up(&bench, &bucket("a"));
    assert_eq!(
        lines(&bench, &bucket("b")),
        ["delete replaced network", "replace network: `fixed` cannot be changed in place"]
    );
    up(&bench, &bucket("b"));
    assert_eq!(things(&bench), ["bucket"]);
}

#[test]
fn members_of_one_group_are_one_operation() {
    let bench = Bench::default();
    let member = |name: &str| resource(&format!("model.test/Member::{name}"), [("of", text("policy"))]);
    let members = graph(vec![member("a"), resource(NETWORK, []), member("b")]);
    assert_eq!(lines(&bench, &members), ["create a b", "create network"]);
    up(&bench, &members);
    assert_eq!(bench.world.requests.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[test]
fn protection_stops_deletion_and_replacement() {
    let bench = Bench::default();
    let mut protected = small("1", "a");
    protected.resources[0].options.protect = true;
    up(&bench, &protected);
    let problems = bench.plan(&graph(vec![])).unwrap_err();
    assert!(problems[0].message.contains("It is protected and no longer declared."), "{problems:?}");
    let mut changed = small("1", "b");
    changed.resources[0].options.protect = true;
    assert!(bench.plan(&changed).unwrap_err()[0].message.contains("would have to be replaced"));
    // Releasing it is bookkeeping: no request.
    let plan = bench.plan(&small("1", "a")).unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan.bookkeeping.len(), 1);
    up(&bench, &small("1", "a"));
    destroy(&bench);
    assert_eq!(things(&bench), [] as [&str; 0]);
}

#[test]
fn a_failure_stops_its_dependents_only_and_a_rerun_goes_on() {
    let bench = Bench::default();
    bench.world.broken.lock().unwrap().push("network-seed1".to_owned());
    let mut wanted = small("1", "a");
    wanted.resources.push(resource("model.test/Thing::other", []));
    let summary = up(&bench, &wanted);
    assert_eq!((summary.failed, summary.skipped), (1, 2));
    assert_eq!(things(&bench), ["other-seed1"]);
    let skipped: Vec<_> = bench
        .events
        .0
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            Event::Skipped { because, .. } => Some(because.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(skipped, vec!["It needs `model.test/Thing::network`, which failed."; 2]);
    bench.world.broken.lock().unwrap().clear();
    assert_eq!(up(&bench, &wanted).done, BTreeMap::from([(Action::Create, 3)]));
}

#[test]
fn a_password_is_made_once_and_a_trigger_replaces() {
    let bench = Bench::default();
    let with = |trigger: &str| {
        let mut run = resource("model.test/Thing::run", []);
        run.options.replace_on = vec![text(trigger)];
        graph(vec![
            resource("std/RandomPassword::password", []),
            resource(
                "model.test/Thing::user",
                [("password", reference("std/RandomPassword::password", "result"))],
            ),
            run,
        ])
    };
    up(&bench, &with("1"));
    let user = bench.world.things.lock().unwrap()["user-seed1"].clone();
    assert_eq!(user["password"].as_str().unwrap().len(), 32);
    assert!(bench.plan(&with("1")).unwrap().is_empty());
    assert_eq!(
        lines(&bench, &with("2")),
        ["replace run: a value that it is replaced on has changed", "delete replaced run"]
    );
    up(&bench, &with("2"));
    assert_eq!(bench.world.things.lock().unwrap()["user-seed1"], user);
}

#[test]
fn missing_attributes_are_named() {
    let bench = Bench::default();
    up(&bench, &small("1", "a"));
    let mut wrong = small("1", "a");
    wrong.resources.push(resource("std/Value::v", [("value", reference(NETWORK, "uri"))]));
    assert_eq!(
        bench.plan(&wrong).unwrap_err()[0].to_string(),
        "std/Value::v: `model.test/Thing::network` has no attribute `uri`."
    );
}

/// A declared thing of a random graph.
#[derive(Debug, Clone)]
struct Declared {
    needs: BTreeSet<usize>,
    size: u8,
    fixed: u8,
    named: bool,
    late: bool,
}

fn any_declared() -> impl Strategy<Value = Option<Declared>> {
    let declared =
        (prop::collection::btree_set(0usize..8, 0..3), 0u8..2, 0u8..2, any::<bool>(), any::<bool>())
            .prop_map(|(needs, size, fixed, named, late)| Declared { needs, size, fixed, named, late });
    prop::option::weighted(0.8, declared)
}

/// Things may need things before them, so every draw is a graph without cycles.
fn random_graph(draw: &[Option<Declared>]) -> Graph {
    let urn = |position: usize| format!("model.test/Thing::t{position}");
    let mut resources = Vec::new();
    for (position, declared) in draw.iter().enumerate() {
        let Some(declared) = declared else { continue };
        let needs: Vec<_> =
            declared.needs.iter().filter(|need| **need < position && draw[**need].is_some()).collect();
        let mut properties = vec![
            ("size", text(&declared.size.to_string())),
            ("fixed", text(&declared.fixed.to_string())),
            ("needs", Expression::List(needs.iter().map(|need| reference(&urn(**need), "id")).collect())),
        ];
        if declared.named {
            properties.push(("name", text(&format!("named-{position}"))));
        }
        if let (true, Some(need)) = (declared.late, needs.first()) {
            properties.push(("late", reference(&urn(**need), "late")));
        }
        let mut made = resource(&urn(position), []);
        made.properties = properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        resources.push(made);
    }
    graph(resources)
}

proptest! {


    /// Whatever is declared, changed and cut off at whatever call: one plain rerun converges, the cloud
    /// holds exactly what is declared, and nothing ever lacked what it needs.
    #[test]
    fn every_cut_run_converges(
        draws in prop::collection::vec(prop::collection::vec(any_declared(), 8), 1..4),
        cut in 0usize..200,
    ) {
        let bench = Bench::default();
        let mut cut = cut;
        for draw in &draws {
            let wanted = random_graph(draw);
            if bench.plan(&wanted).is_err() {
                // The order of the new program contradicts the recorded one: told, and nothing changed.
                continue;
            }
            let fuse = Fuse { blows_at: Some(cut), ..Fuse::default() };
            if runtime().block_on(bench.run(Some(&wanted), &fuse)).is_none() {
                cut = cut / 2 + 1;
            }
            let summary = up(&bench, &wanted);
            bench.forgive_replacements();
            prop_assert_eq!((summary.failed, summary.skipped, summary.deferred), (0, 0, 0));
            let state = bench.state();
            prop_assert!(state.open.is_empty());
            prop_assert!(state.condemned.is_empty());
            prop_assert_eq!(state.integrity(), Vec::<String>::new());
            let recorded: BTreeSet<_> = state.resources.values().map(|recorded| recorded.identity.clone()).collect();
            let existing: BTreeSet<_> = things(&bench).into_iter().collect();
            prop_assert_eq!(&recorded, &existing);
            prop_assert_eq!(recorded.len(), wanted.resources.len());
            prop_assert!(bench.plan(&wanted).unwrap().is_empty());
            for recorded in state.resources.values() {
                let body = bench.world.things.lock().unwrap()[&recorded.identity].clone();
                prop_assert_eq!(Value::from(body), recorded.inputs.clone());
            }
        }
        destroy(&bench);
        prop_assert_eq!(things(&bench), Vec::<String>::new());
        prop_assert_eq!(bench.world.offences.lock().unwrap().clone(), Vec::new());
    }
}
