//! Whole runs against a cloud in memory: what is planned, what happens, what survives a cut.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at what it does not expect")]

mod model;

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_engine::{
    Action, Difference, Event, Plan, PlanDigests, SavedPlan, SavedPlanError, Selection, Summary,
};
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

/// What contradicts itself in the state after any entry of the journal.
fn contradictions(bench: &Bench) -> Vec<String> {
    let mut state = model::fresh();
    let mut found = Vec::new();
    for entry in bench.entries.lock().unwrap().iter() {
        state.apply(entry.clone());
        found.extend(state.integrity());
    }
    found
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
fn a_plan_says_which_references_it_knows() {
    let bench = Bench::default();
    let mut graph = small("1", "a");
    graph.outputs.insert("made".to_owned(), reference(SERVICE, "made"));
    let references = bench.plan(&graph).unwrap().references;
    let unknown: Vec<_> =
        references.unknown.iter().map(|reference| format!("{}#{}", reference.urn, reference.path)).collect();
    assert_eq!((references.known, references.total()), (2, 3));
    assert_eq!(unknown, [format!("{SERVICE}#made")]);
    // What is recorded is known.
    up(&bench, &small("1", "a"));
    let references = bench.plan(&small("1", "a")).unwrap().references;
    assert_eq!((references.known, references.total()), (2, 2));
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
fn what_is_to_be_kept_stays_beside_its_replacement() {
    let bench = Bench::default();
    let kept = |fixed: &str| {
        let mut kept = resource(NETWORK, [("fixed", text(fixed))]);
        kept.options.retain_on_delete = true;
        graph(vec![kept])
    };
    up(&bench, &kept("a"));
    assert_eq!(
        lines(&bench, &kept("b")),
        [
            "replace network: `fixed` cannot be changed in place",
            "forget network: it is kept in the cloud (`retainOnDelete`)",
        ]
    );
    up(&bench, &kept("b"));
    assert_eq!(things(&bench).len(), 2, "the old one is still there: {:?}", things(&bench));
    destroy(&bench);
    assert_eq!(things(&bench).len(), 2);
    assert!(bench.state().is_empty());
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
fn what_is_only_read_is_not_recorded_as_needed() {
    let bench = Bench::default();
    let mut project = resource("model.test/Thing::project", []);
    project.role = Role::Lookup;
    let number = reference("model.test/Thing::project", "number");
    let wanted = graph(vec![project, resource(NETWORK, [("number", number)])]);
    // The bench has looked nothing up, so the number stays unknown: planning is enough here.
    assert_eq!(lines(&bench, &wanted), ["create network"]);
    let mut known = graph(vec![wanted.resources[0].clone(), resource(NETWORK, [])]);
    known.resources[1].options.depends_on = [wanted.resources[0].urn.clone()].into();
    up(&bench, &known);
    assert_eq!(bench.state().integrity(), [] as [&str; 0]);
    let plan = bench.plan(&known).unwrap();
    assert!(plan.is_empty() && plan.bookkeeping.is_empty());
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

fn selection(targets: &[&str], excludes: &[&str]) -> Selection {
    let urns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Selection { targets: urns(targets), excludes: urns(excludes), ..Selection::default() }
}

fn names(plan: &Plan) -> Vec<String> {
    plan.operations
        .iter()
        .flat_map(|operation| &operation.steps)
        .map(|step| step.urn.name().to_owned())
        .collect()
}

#[test]
fn a_target_comes_with_what_it_needs_and_an_exclusion_takes_what_needs_it() {
    let bench = Bench::default();
    let wanted = small("1", "a");
    let plan = |selection: &Selection| bench.select(Some(&wanted), selection).unwrap();
    assert_eq!(names(&plan(&selection(&[DATABASE], &[]))), ["network", "database"]);
    assert_eq!(names(&plan(&selection(&[], &[DATABASE]))), ["network"]);
    let dependents = Selection { dependents: true, ..selection(&[NETWORK], &[]) };
    assert_eq!(names(&plan(&dependents)), ["network", "database", "service"]);
    let problems = bench.select(Some(&wanted), &selection(&["model.test/Thing::databse"], &[])).unwrap_err();
    assert_eq!(
        problems[0].message,
        "The stack has no resource `model.test/Thing::databse`. Did you mean `model.test/Thing::database`?"
    );
}

#[test]
fn a_replacement_can_be_asked_for() {
    let bench = Bench::default();
    up(&bench, &small("1", "a"));
    let replace = Selection { replace: [SERVICE.parse().unwrap()].into(), ..Selection::default() };
    let plan = bench.select(Some(&small("1", "a")), &replace).unwrap();
    assert_eq!(plan.operations[0].action, Action::Replace);
    assert_eq!(plan.operations[0].steps[0].reason, "it was asked for");
}

#[test]
fn the_rest_can_be_destroyed_around_what_is_protected() {
    let bench = Bench::default();
    let mut wanted = small("1", "a");
    wanted.resources[1].options.protect = true;
    up(&bench, &wanted);
    assert_eq!(bench.select(None, &Selection::default()).unwrap_err().len(), 1);
    let rest = bench.select(None, &Selection { except_protected: true, ..Selection::default() }).unwrap();
    assert_eq!(names(&rest), ["service"], "the database lives in the network");
}

#[test]
fn an_alias_renames_without_replacing() {
    let bench = Bench::default();
    up(&bench, &small("1", "a"));
    let mut renamed = small("1", "a");
    renamed.resources[2].urn = "model.test/Thing::web".parse().unwrap();
    renamed.resources[2].options.aliases = vec![SERVICE.parse().unwrap()];
    let plan = bench.plan(&renamed).unwrap();
    assert!(plan.is_empty(), "{:?}", names(&plan));
    assert_eq!(plan.renamed.len(), 1);
    up(&bench, &renamed);
    assert!(things(&bench).contains(&"service-seed1".to_owned()), "the name in the cloud stays");
    // The alias may go once the rename is recorded.
    renamed.resources[2].options.aliases.clear();
    assert_eq!(lines(&bench, &renamed), [] as [&str; 0]);
    let mut twice = renamed.clone();
    for name in ["x", "y"] {
        let mut claimant = resource(&format!("model.test/Thing::{name}"), []);
        claimant.options.aliases = vec!["model.test/Thing::web".parse().unwrap()];
        twice.resources.push(claimant);
    }
    twice.resources.remove(2);
    let message = bench.plan(&twice).unwrap_err()[0].message.clone();
    assert_eq!(message, "Its alias `model.test/Thing::web` is claimed by `model.test/Thing::x` too.");
}

#[test]
fn what_exists_is_adopted_and_brought_to_what_is_declared() {
    let bench = Bench::default();
    let exists = |name: &str, body: serde_json::Value| {
        bench.world.things.lock().unwrap().insert(name.to_owned(), body);
    };
    exists("theirs", serde_json::json!({"name": "theirs", "size": "9", "fixed": "a"}));
    let mut imported =
        resource(NETWORK, [("name", text("theirs")), ("size", text("1")), ("fixed", text("a"))]);
    imported.options.import = Some("theirs".to_owned());
    let wanted = graph(vec![imported.clone()]);
    let plan = runtime().block_on(bench.adopt(&wanted, false)).unwrap();
    let actions: Vec<_> = plan.operations.iter().map(|operation| operation.action).collect();
    assert_eq!(actions, [Action::Adopt, Action::Update]);
    let mut state = bench.state();
    runtime().block_on(bench.carry_out(&plan, &wanted, &mut state, &Fuse::default()));
    assert_eq!(bench.world.things.lock().unwrap()["theirs"]["size"], "1");
    assert!(bench.plan(&wanted).unwrap().is_empty());

    let bench = Bench::default();
    let exists = |name: &str, body: serde_json::Value| {
        bench.world.things.lock().unwrap().insert(name.to_owned(), body);
    };
    let refused = || runtime().block_on(bench.adopt(&wanted, false)).unwrap_err()[0].message.clone();
    assert_eq!(refused(), "There is no `theirs` to import.");
    exists("theirs", serde_json::json!({"name": "theirs", "size": "1", "fixed": "b"}));
    assert_eq!(
        refused(),
        "`theirs` cannot become what is declared without being replaced: `fixed` is \"b\", not \"a\". Declare it as it is."
    );
    exists("theirs", serde_json::json!({"owner": "prod"}));
    assert_eq!(refused(), "`theirs` belongs to the stack `prod`.");
    // The state is called `test`: this was made with another one, which may have been lost.
    exists("theirs", serde_json::json!({"owner": "test", "name": "theirs", "size": "1", "fixed": "a"}));
    assert_eq!(
        refused(),
        "`theirs` belongs to a stack `test` too, but its state is another one. If that was lost, `--adopt` takes over what it has made."
    );
    assert_eq!(bench.state(), model::fresh(), "nothing has been changed");
    let plan = runtime().block_on(bench.adopt(&wanted, true)).unwrap();
    assert_eq!(plan.operations[0].action, Action::Adopt);

    // What is missing beside it may be there under a name that it tells; if not, that is said in the end.
    let mut missing = resource(DATABASE, [("name", text("gone"))]);
    missing.options.import = Some("gone".to_owned());
    let both = graph(vec![imported, missing]);
    let said = runtime().block_on(bench.adopt(&both, true)).unwrap_err();
    assert_eq!(said[0].message, "There is no `gone` to import.");
    assert_eq!(said.len(), 1);
}

#[test]
fn drift_is_what_was_declared_and_is_different_now() {
    let bench = Bench::default();
    up(&bench, &small("1", "a"));
    {
        let mut things = bench.world.things.lock().unwrap();
        things.get_mut("service-seed1").unwrap()["size"] = "7".into();
        things.get_mut("service-seed1").unwrap()["labels"] = "not declared".into();
        things.remove("network-seed1/database-seed1");
    }
    let drifts = runtime().block_on(bench.refresh());
    assert_eq!(drifts.len(), 2);
    assert_eq!(drifts[0].difference, Difference::Gone);
    let Difference::Changed(changes) = &drifts[1].difference else { panic!("{drifts:?}") };
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path.to_string(), "size");
    assert_eq!(lines(&bench, &small("1", "a")), ["create database", "update service"]);
    up(&bench, &small("1", "a"));
    assert_eq!(runtime().block_on(bench.refresh()), []);
    assert!(bench.plan(&small("1", "a")).unwrap().is_empty());
}

#[test]
fn what_needed_a_resource_that_is_gone_does_not_point_at_it_any_more() {
    let bench = Bench::default();
    up(&bench, &small("1", "a"));
    bench.world.things.lock().unwrap().remove("network-seed1/database-seed1");
    assert_eq!(runtime().block_on(bench.refresh()).len(), 1);
    let needed = || bench.state().resources[&SERVICE.parse().unwrap()].hints.dependencies.clone();
    assert_eq!(needed(), [NETWORK.parse().unwrap()].into(), "the order of deletions stays");
    up(&bench, &small("1", "a"));
    assert_eq!(needed(), [DATABASE.parse().unwrap()].into());
    assert_eq!(contradictions(&bench), [] as [&str; 0]);
    destroy(&bench);
    assert_eq!(*bench.world.offences.lock().unwrap(), []);
}

#[test]
fn outputs_need_no_resources_and_the_past_outlives_them() {
    let bench = Bench::default();
    let mut wanted = Graph::default();
    wanted.outputs.insert("greeting".to_owned(), text("hello"));
    up(&bench, &wanted);
    assert_eq!(bench.state().outputs.get("greeting").and_then(Value::as_str), Some("hello"));
    destroy(&bench);
    assert_eq!(bench.state().outputs, Value::empty_map());
    assert_eq!(bench.state().history.len(), 2, "what was done is still known");
}

#[test]
fn a_new_dependency_is_recorded_once_it_is_there() {
    let bench = Bench::default();
    let thing = |name: &str| resource(&format!("model.test/Thing::{name}"), []);
    let after = |name: &str, needed: &str| {
        let mut thing = thing(name);
        thing.options.depends_on = [needed.parse().unwrap()].into();
        thing.options.replace_on = vec![reference(needed, "id")];
        thing
    };
    up(&bench, &graph(vec![thing("network"), thing("database"), after("service", NETWORK)]));
    // The service moves from what goes to what comes.
    let mut moved = after("service", NETWORK);
    moved.options.depends_on = [DATABASE.parse().unwrap(), "model.test/Thing::new".parse().unwrap()].into();
    moved.options.replace_on = vec![text("network-seed1")];
    let wanted = graph(vec![thing("database"), thing("new"), moved]);
    assert_eq!(lines(&bench, &wanted), ["create new", "delete network"]);
    up(&bench, &wanted);
    assert_eq!(contradictions(&bench), [] as [&str; 0]);
    assert_eq!(bench.state().resources[&SERVICE.parse().unwrap()].hints.dependencies.len(), 2);
    assert!(bench.plan(&wanted).unwrap().bookkeeping.is_empty());
}

#[test]
fn a_saved_plan_is_carried_out_as_it_was_or_not_at_all() {
    let bench = Bench::default();
    let digests = |state: &str| PlanDigests {
        tool: "0.1.0".to_owned(),
        stack: "test".to_owned(),
        program: "p".to_owned(),
        configuration: "c".to_owned(),
        state: state.to_owned(),
        sources: "s".to_owned(),
    };
    let plan = bench.plan(&small("1", "a")).unwrap();
    let text = serde_json::to_string(&SavedPlan::new(digests("1"), &plan, serde_json::Value::Null)).unwrap();
    let saved = SavedPlan::parse(&text).unwrap();
    assert_eq!(saved.verify(&digests("1"), &plan), Ok(()));
    let stale = saved.verify(&digests("2"), &plan).unwrap_err().to_string();
    assert!(stale.starts_with("it was made from something else: the state was 1, now it is 2."), "{stale}");
    let other = bench.plan(&small("2", "a")).unwrap();
    assert!(saved.verify(&digests("1"), &other).is_err());
    assert_eq!(SavedPlan::parse(&text.replace("service-seed1", "evil")), Err(SavedPlanError::Edited));
    let newer = text.replace("\"version\":1", "\"version\":2");
    assert_eq!(SavedPlan::parse(&newer), Err(SavedPlanError::Version { found: 2 }));
    assert!(matches!(SavedPlan::parse("{}"), Err(SavedPlanError::Malformed(_))));
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
    /// Whatever is declared, changed, refused and cut off at whatever call: one plain rerun converges, the
    /// cloud holds exactly what is declared, and nothing ever lacked what it needs.
    #[test]
    fn every_cut_run_converges(
        draws in prop::collection::vec(prop::collection::vec(any_declared(), 8), 1..4),
        cut in 0usize..200,
        refused in prop::collection::vec(0usize..20, 0..4),
    ) {
        let bench = Bench::default();
        let mut cut = cut;
        for draw in &draws {
            let wanted = random_graph(draw);
            if bench.plan(&wanted).is_err() {
                // The order of the new program contradicts the recorded one: told, and nothing changed.
                continue;
            }
            let first = bench.world.requests.load(std::sync::atomic::Ordering::SeqCst);
            *bench.world.failures.lock().unwrap() = refused.iter().map(|number| first + number).collect();
            let fuse = Fuse { blows_at: Some(cut), ..Fuse::default() };
            if runtime().block_on(bench.run(Some(&wanted), &fuse)).is_none() {
                cut = cut / 2 + 1;
            }
            bench.world.failures.lock().unwrap().clear();
            let summary = up(&bench, &wanted);
            bench.forgive_replacements();
            prop_assert_eq!((summary.failed, summary.skipped, summary.deferred), (0, 0, 0));
            let state = bench.state();
            prop_assert!(state.open.is_empty());
            prop_assert!(state.condemned.is_empty());
            prop_assert_eq!(contradictions(&bench), Vec::<String>::new());
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
