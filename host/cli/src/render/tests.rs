use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use insta::assert_snapshot;
use mlflow_host_engine::{
    Action, Change, ChangeKind, Deferral, Difference, Drift, Event, Operation, OperationId, Plan, References,
    Step,
};
use mlflow_host_graph::{Diagnostic, Reference, Value};
use serde_json::json;

use super::human::{ending_text, failure_text, outputs_table, waiting_text};
use super::json::{
    drift_event, ending_event, line, outputs_event, plan_event, progress_lines, waiting_event,
};
use super::live::plain_text;
use super::*;

const PLAIN: Paint = Paint::new(false);

pub(super) fn heading() -> Heading {
    Heading {
        command: "up",
        stack: "dev".to_owned(),
        cloud: "gcp",
        cloud_title: "Google Cloud",
        project: "mlflow-dev".to_owned(),
        region: "europe-west1".to_owned(),
        archives: Vec::new(),
    }
}

fn step(urn: &str, inputs: Value) -> Step {
    Step {
        urn: urn.parse().unwrap(),
        generation: 0,
        reason: String::new(),
        changes: vec![],
        inputs,
        predicted: mlflow_host_graph::value::Map::new(),
        identity: None,
    }
}

fn change(path: &str, old: impl Into<Value>, new: impl Into<Value>, kind: ChangeKind) -> Change {
    Change { path: path.parse().unwrap(), old: old.into(), new: new.into(), kind }
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn operation(id: usize, action: Action, steps: Vec<Step>, needs: &[usize], milliseconds: u64) -> Operation {
    Operation {
        id: OperationId(id),
        action,
        steps,
        needs: needs.iter().map(|need| OperationId(*need)).collect(),
        expected_milliseconds: milliseconds,
        lock: None,
    }
}

/// A bit of everything.
pub(super) fn everything() -> Plan {
    let service = "serviceusage.googleapis.com/Service";
    let mut updated = step("run.googleapis.com/Service::mlflow", Value::empty_map());
    updated.changes = vec![
        change("template.containers[0].env[2].value", "1", "2", ChangeKind::Update),
        change(
            "template.containers[0].image",
            "registry/mlflow@sha256:1",
            Value::Unknown,
            ChangeKind::Update,
        ),
        change("labels.team", Value::Null, "ml", ChangeKind::Update),
        change("description", "old", Value::Null, ChangeKind::Update),
        change(
            "scaling",
            Value::from(json!({"minInstanceCount": 0})),
            Value::from(json!({"minInstanceCount": 1})),
            ChangeKind::Update,
        ),
    ];
    let mut replaced = step("storage.googleapis.com/Bucket::artifacts", Value::empty_map());
    replaced.generation = 1;
    replaced.reason = "`location` cannot be changed in place".to_owned();
    replaced.changes = vec![change("location", "EU", "US", ChangeKind::Replace)];
    let mut secret = step("secretmanager.googleapis.com/SecretVersion::password", Value::empty_map());
    secret.changes = vec![
        change(
            "payload.data",
            Value::from("a").into_secret(),
            Value::from("b").into_secret(),
            ChangeKind::Update,
        ),
        change("notes", "first\nsecond\n", "first\nthird\n", ChangeKind::Update),
    ];
    let user = map(&[
        ("name", "mlflow".into()),
        ("password", Value::from("hunter2").into_secret()),
        ("settings", map(&[("address", Value::Unknown), ("flags", Value::from(json!(["a", {"b": 1}])))])),
        ("text", Value::string("x".repeat(200))),
    ]);
    let mut old = step("storage.googleapis.com/Bucket::artifacts", Value::empty_map());
    old.reason = "replaced".to_owned();
    let services = ["run", "sqladmin"].map(|name| step(&format!("{service}::{name}"), Value::empty_map()));
    Plan {
        renamed: BTreeMap::from([(
            "run.googleapis.com/Job::sweeper".parse().unwrap(),
            "run.googleapis.com/Job::cleaner".parse().unwrap(),
        )]),
        partial: false,
        operations: vec![
            operation(0, Action::Create, services.to_vec(), &[], 20_000),
            operation(
                1,
                Action::Create,
                vec![step("sqladmin.googleapis.com/User::mlflow", user)],
                &[0],
                3_000,
            ),
            operation(2, Action::Replace, vec![replaced], &[0], 2_000),
            operation(3, Action::Update, vec![updated], &[1, 2], 400_000),
            operation(4, Action::Update, vec![secret], &[], 100),
            operation(5, Action::DeleteReplaced, vec![old], &[3], 2_000),
            operation(6, Action::Delete, vec![step("run.googleapis.com/Job::old", Value::Null)], &[], 10_000),
            operation(7, Action::Forget, vec![step("run.googleapis.com/Job::kept", Value::Null)], &[], 0),
        ],
        unchanged: BTreeSet::from(["compute.googleapis.com/Network::main".parse().unwrap()]),
        outputs: mlflow_host_graph::value::Map::from([
            ("url".to_owned(), Value::Unknown),
            ("password".to_owned(), Value::from("hunter2").into_secret()),
        ]),
        bookkeeping: BTreeSet::from(["sqladmin.googleapis.com/Instance::main".parse().unwrap()]),
        references: References {
            known: 3,
            unknown: BTreeSet::from([Reference {
                urn: "sqladmin.googleapis.com/Instance::main".parse().unwrap(),
                path: "ipAddresses[0].ipAddress".parse().unwrap(),
            }]),
        },
    }
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn a_plan_for_people() {
    assert_snapshot!(plan::plan(&heading(), &everything(), false, PLAIN));
}

#[test]
fn a_plan_with_details_shows_inputs_and_no_secret() {
    let text = plan::plan(&heading(), &everything(), true, PLAIN);
    assert!(!text.contains("hunter2"));
    let inputs: Vec<_> = text.lines().skip_while(|line| !line.contains("User::mlflow")).take(7).collect();
    assert_snapshot!(inputs.join("\n"));
    let known: Vec<_> = text.lines().skip_while(|line| !line.contains("attributes that are")).collect();
    assert_snapshot!(known.join("\n"), @r"
    Of 4 attributes that are referred to, 3 are known. The others show later:
      sqladmin.googleapis.com/Instance::main ipAddresses[0].ipAddress
    ");
}

#[test]
fn a_plan_without_changes() {
    let unchanged =
        Plan { operations: vec![], bookkeeping: BTreeSet::new(), renamed: BTreeMap::new(), ..everything() };
    assert_snapshot!(plan::plan(&heading(), &unchanged, false, PLAIN), @r"
    Stack dev on Google Cloud, project mlflow-dev, region europe-west1

    No changes: 1 unchanged.
    ");
}

#[test]
fn part_of_a_plan_says_so() {
    let partial = Plan { partial: true, ..everything() };
    let text = plan::plan(&heading(), &partial, false, PLAIN);
    assert!(text.contains("Only part of the stack: the rest and the outputs stay as they are.\n"), "{text}");
    assert_eq!(plan_event(&heading(), &partial)["partial"], true);
    assert_eq!(
        plan_event(&heading(), &partial)["renamed"],
        json!([{"from": "run.googleapis.com/Job::sweeper", "to": "run.googleapis.com/Job::cleaner"}])
    );
}

fn drifts() -> Vec<Drift> {
    let drift = |urn: &str, difference| Drift { urn: urn.parse().unwrap(), difference };
    let changes = vec![
        change("labels.team", "ml", "ops", ChangeKind::Update),
        change("template.timeout", Value::Null, "30s", ChangeKind::Update),
        change(
            "password",
            Value::from("a").into_secret(),
            Value::from("b").into_secret(),
            ChangeKind::Update,
        ),
    ];
    vec![
        drift("run.googleapis.com/Job::old", Difference::Gone),
        drift("run.googleapis.com/Service::mlflow", Difference::Changed(changes)),
        drift("sqladmin.googleapis.com/User::mlflow", Difference::Unreadable("Forbidden.".to_owned())),
    ]
}

#[test]
fn drift_is_a_diff_of_what_was_declared() {
    assert_snapshot!(drift::drift(&heading(), &drifts(), 12, PLAIN), @r#"
    Drift of stack dev on Google Cloud, project mlflow-dev, region europe-west1

      - gone        run.googleapis.com/Job::old
      ~ changed     run.googleapis.com/Service::mlflow
          labels.team: "ml" → "ops"
          + template.timeout: "30s"
          password: [secret] → another [secret]
      ? unreadable  sqladmin.googleapis.com/User::mlflow
          Forbidden.

    Drift: 1 changed, 1 gone, 1 unreadable, 9 as recorded.
    "#);
    assert_snapshot!(drift::drift(&heading(), &[], 12, PLAIN), @r"
    Drift of stack dev on Google Cloud, project mlflow-dev, region europe-west1

    No drift: 12 as recorded.
    ");
    assert_snapshot!(line("drift", drift_event(&heading(), &drifts(), 12)), @r#"{"cloud":"gcp","command":"up","event":"drift","project":"mlflow-dev","region":"europe-west1","resources":[{"changes":[],"difference":"gone","message":null,"urn":"run.googleapis.com/Job::old"},{"changes":[{"needs":"update","new":"ops","old":"ml","path":"labels.team"},{"needs":"update","new":"30s","old":null,"path":"template.timeout"},{"needs":"update","new":"[secret]","old":"[secret]","path":"password"}],"difference":"changed","message":null,"urn":"run.googleapis.com/Service::mlflow"},{"changes":[],"difference":"unreadable","message":"Forbidden.","urn":"sqladmin.googleapis.com/User::mlflow"}],"stack":"dev","unchanged":9,"version":1}"#);
}

#[test]
fn waiting_says_for_what_and_until_when() {
    let mut recorded = Recorded {
        urn: "compute.googleapis.com/Subnetwork::main".parse().unwrap(),
        identity: "projects/p/regions/r/subnetworks/main".to_owned(),
        inputs: Value::empty_map(),
        outputs: Value::empty_map(),
        hints: mlflow_host_engine::RecordHints::default(),
        unsettled: false,
        deferred: None,
    };
    let deferral = Deferral {
        reason: "Cloud Run still holds addresses in the subnetwork.".to_owned(),
        retry_at: "2026-01-01T01:00:00Z".to_owned(),
    };
    recorded.deferred = Some(deferral.clone());
    let (held, until) = ([(&recorded, &deferral)], deferral.retry_at.parse().unwrap());
    assert_snapshot!(waiting_text(&held, until, PLAIN), @r"
    … Waiting until 2026-01-01T01:00:00Z.
        compute.googleapis.com/Subnetwork::main: Cloud Run still holds addresses in the subnetwork.
    ");
    assert_snapshot!(line("waiting", waiting_event(&held, until)), @r#"{"event":"waiting","resources":[{"reason":"Cloud Run still holds addresses in the subnetwork.","urn":"compute.googleapis.com/Subnetwork::main"}],"until":"2026-01-01T01:00:00Z","version":1}"#);
}

#[test]
fn durations_are_those_of_google() {
    let local = Heading { cloud: "local", cloud_title: "the local cloud", ..heading() };
    let text = plan::plan(&local, &everything(), false, PLAIN);
    assert!(!text.contains("~20s") && text.contains("On Google this usually takes 7m 05s"), "{text}");
}

#[test]
fn a_plan_for_scripts() {
    let event = plan_event(&heading(), &everything());
    assert!(!event.to_string().contains("hunter2"));
    assert_snapshot!(pretty(&event));
}

#[test]
fn colours_are_only_where_they_are_wanted() {
    let coloured = plan::plan(&heading(), &everything(), true, Paint::new(true));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    assert_ne!(coloured, plain);
    assert_eq!(plain, plan::plan(&heading(), &everything(), true, PLAIN));
}

fn events() -> Vec<Event> {
    let (id, elapsed) = (OperationId, Duration::from_millis(1234));
    vec![
        Event::Recovering { what: "create run.googleapis.com/Service::mlflow".to_owned() },
        Event::Notice { message: "The cloud is slow today.".to_owned() },
        Event::Started { id: id(0) },
        Event::Running { id: id(0), note: "enabling".to_owned() },
        Event::Running { id: id(0), note: "enabling".to_owned() },
        Event::Finished { id: id(0), elapsed, unchanged: false },
        Event::Started { id: id(4) },
        Event::Finished { id: id(4), elapsed, unchanged: true },
        Event::Failed {
            id: id(1),
            elapsed: Duration::from_secs(75),
            message: "The instance is being updated.\nTry later.".to_owned(),
            hint: Some("Wait for the operation to end.".to_owned()),
        },
        Event::Skipped { id: id(3), because: "`sqladmin.googleapis.com/User::mlflow` failed".to_owned() },
        Event::Deferred {
            id: id(6),
            reason: "The address is still held.".to_owned(),
            retry_at: "2026-01-01T00:00:00Z".to_owned(),
        },
    ]
}

#[test]
fn progress_without_a_terminal_is_one_line_an_event() {
    assert_snapshot!(plain_text(&everything(), &events()));
}

#[test]
fn progress_for_scripts() {
    assert_snapshot!(progress_lines(&everything(), &events()));
}

fn some_outputs() -> Vec<Output> {
    let output = |name: &str, value: Value, local: Option<&str>| Output {
        name: name.to_owned(),
        value,
        local: local.map(str::to_owned),
    };
    vec![
        output("bucket", "artifacts-ab1cd".into(), None),
        output("password", Value::from("hunter2").into_secret(), None),
        output("ports", Value::from(json!([80, 443])), None),
        output("url", "https://mlflow-1.europe-west1.run.app".into(), Some("http://127.0.0.1:4000")),
    ]
}

#[test]
fn outputs_show_secrets_only_when_asked() {
    assert_snapshot!(outputs_table(&some_outputs(), false, PLAIN), @r"
    Outputs
      bucket    artifacts-ab1cd
      password  [secret]
      ports     [80,443]
      url       https://mlflow-1.europe-west1.run.app
                → http://127.0.0.1:4000 (local cloud)
    ");
    assert!(outputs_table(&some_outputs(), true, PLAIN).contains("password  hunter2\n"));
    let event = outputs_event(&some_outputs(), false);
    assert_eq!(event["outputs"]["password"], json!({"value": "[secret]", "secret": true}));
    assert_eq!(event["outputs"]["url"]["local"], "http://127.0.0.1:4000");
    assert_eq!(outputs_event(&some_outputs(), true)["outputs"]["password"]["value"], "hunter2");
}

fn ending(code: Code) -> Ending {
    Ending {
        counts: BTreeMap::from([(Action::Create, 3), (Action::Update, 1)]),
        unchanged: 12,
        elapsed: Duration::from_secs(63),
        ..Ending::new("up", code)
    }
}

#[test]
fn the_last_line_says_how_it_went() {
    assert_snapshot!(ending_text(&ending(Code::Done), PLAIN), @"Done in 1m 03s: 3 created, 1 updated, 12 unchanged.");
    let failed = Ending { failed: 1, skipped: 4, ..ending(Code::Failed) };
    assert_snapshot!(ending_text(&failed, PLAIN), @r"
    Not finished in 1m 03s: 3 created, 1 updated, 1 failed, 4 not begun, 12 unchanged.
    Run `mlflow-host up` again: it goes on from here.
    ");
    let stopped = Ending { interrupted: true, ..failed };
    assert!(ending_text(&stopped, PLAIN).starts_with("Stopped in"));
    let retry_at = Some("2026-01-01T01:00:00Z".to_owned());
    let deferred = Ending { deferred: 1, retry_at, ..Ending::new("destroy", Code::Deferred) };
    assert_snapshot!(ending_text(&deferred, PLAIN), @r"
    Not finished in 0.0s: 1 waiting.
    Run `mlflow-host destroy` again after 2026-01-01T01:00:00Z, or with `--wait`: what is left is recorded.
    ");
    assert_snapshot!(ending_text(&Ending::new("up", Code::Done), PLAIN), @"Done in 0.0s: nothing to do.");
    assert_snapshot!(line("summary", ending_event(&ending(Code::Failed))), @r#"{"command":"up","counts":{"create":3,"update":1},"deferred":0,"elapsedMilliseconds":63000,"event":"summary","exitCode":3,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":12,"version":1}"#);
}

#[test]
fn an_error_says_what_is_wrong_and_what_to_do() {
    let problems = vec![
        Diagnostic::error("unknown-property", "There is no field `imgae`. Did you mean `image`?")
            .about("run.googleapis.com/Service::mlflow")
            .at("template.containers[0].imgae"),
        Diagnostic::error("unknown-kind", "There is no kind `run.googleapis.com/Servce`."),
    ];
    assert_snapshot!(failure_text(&Failure::of_stack("dev", problems).with_hint("Read the manual."), PLAIN), @r"
    error: run.googleapis.com/Service::mlflow: `template.containers[0].imgae`: There is no field `imgae`. Did you mean `image`?
    error: There is no kind `run.googleapis.com/Servce`.
    error: Stack `dev` has 2 problems; nothing has been changed.
    hint: Read the manual.
    ");
}

#[test]
fn durations_are_as_exact_as_they_are_long() {
    let shown = |milliseconds| duration(Duration::from_millis(milliseconds));
    assert_eq!([400, 12_300, 185_000, 3_720_000].map(shown), ["0.4s", "12s", "3m 05s", "1h 02m"]);
    assert_eq!([0, 100, 700, 59_000, 400_000].map(text::expected), ["", "", "~1s", "~59s", "~7m"]);
}

#[test]
fn sizes_are_rounded_up() {
    assert_eq!(text::size(117_253), "118 kB");
    assert_eq!(text::size(12_610_621), "13 MB");
}

#[test]
fn what_is_packed_is_named() {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let archive = |directory: &str, files| Archive {
        digest: digest.parse().unwrap(),
        directory: directory.into(),
        files,
    };
    let archives = vec![archive("mlflow/image", 7), archive("a\u{1b}[2Jb", 1)];
    let heading = Heading { archives, ..heading() };
    insta::assert_snapshot!("archives", plan::summary(&heading, &Plan::default(), PLAIN));
    assert_eq!(json::plan_event(&heading, &Plan::default())["archives"][0]["directory"], "mlflow/image");
}
