//! Whole lives of small stacks on a local cloud: plans in files, parts, drift, adoption, references.

use std::fs;

use boon::{Compiler, Schemas};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::guest::Guest;

const BUCKET: &str = "storage.googleapis.com/Bucket";

/// Two values, of which the second needs the first.
fn two(first: &str) -> Vec<u8> {
    let options = r#"{"dependsOn": ["std/Value::first"]}"#;
    let second = r#"{"value": 2}"#;
    Guest::default()
        .value("first", first)
        .output_of("first", "value")
        .declare("std/Value", "second", second, options)
        .build()
}

/// A bucket with a name of its own, and the API that it needs.
fn bucket(team: &str) -> Vec<u8> {
    let service = r#"{"name": "storage.googleapis.com"}"#;
    let options = r#"{"dependsOn": ["serviceusage.googleapis.com/Service::storage"]}"#;
    let properties =
        format!(r#"{{"name": "box-of-tests", "location": "EU", "labels": {{"team": "{team}"}}}}"#);
    Guest::default()
        .declare("serviceusage.googleapis.com/Service", "storage", service, "{}")
        .declare(BUCKET, "box", &properties, options)
        .build()
}

#[test]
fn a_saved_plan_is_carried_out_to_the_letter_or_not_at_all() {
    let bench = Bench::new();
    bench.write("dev.wasm", two("1"));
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--out", "plan.json"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      + create      std/Value::first
      + create      std/Value::second

    Plan: 2 to create.
    --- err
    · Starting the local cloud.
    · The plan is in plan.json: `mlflow-host up dev.wasm --plan plan.json` carries out exactly this.
    ");
    let plan = fs::read_to_string(bench.path().join("plan.json")).unwrap();

    bench.write("edited.json", plan.replace("create", "delete")).write("other.json", "{}");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--plan", "edited.json"]), @r"
    exit 1
    --- err
    error: The plan in edited.json is not carried out: it was changed after it was made. A plan is carried out as it was previewed or not at all.
    ");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--plan", "other.json"]), @r"
    exit 1
    --- err
    error: The plan in other.json is not carried out: it is not a plan of mlflow-host: it has no version. Make one with `mlflow-host preview --out FILE`.
    ");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--plan", "missing.json"]), @r"
    exit 1
    --- err
    error: Cannot read missing.json: No such file or directory (os error 2).
    ");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--plan", "plan.json", "--target", "std/Value::first"]), @r"
    exit 2
    --- err
    error: the argument '--plan <FILE>' cannot be used with '--target <URN>'

    Usage: mlflow-host up --plan <FILE> <STACK.wasm>

    For more information, try '--help'.
    ");
    let other =
        bench.run(&["up", "dev.wasm", "--plan", "plan.json", "--set", "a=1", "--set", "region=us-east1"]);
    assert!(other.starts_with("exit 1\n"), "{other}");
    assert!(other.contains("the stack was dev on local/mlflow-local/europe-west1, now it is"), "{other}");
    assert!(other.contains("the configuration had digest"), "{other}");
    bench.write("dev.wasm", two("3"));
    let other = bench.run(&["up", "dev.wasm", "--plan", "plan.json"]);
    assert!(other.starts_with("exit 1\n") && other.contains("the program had digest"), "{other}");

    // None of these has changed anything: the plan from before still holds.
    bench.write("dev.wasm", two("1"));
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--plan", "plan.json"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      + create      std/Value::first
      + create      std/Value::second

    Plan: 2 to create.
    Outputs
      first  1
    Done in TIME: 2 created.
    --- err
      + create     std/Value::first …
    ✓ + create     std/Value::first  TIME
      + create     std/Value::second …
    ✓ + create     std/Value::second  TIME
    ");
    let again = bench.run(&["up", "dev.wasm", "--plan", "plan.json"]);
    assert!(again.starts_with("exit 1\n") && again.contains("the state was"), "{again}");
}

/// What is wrong with a document, in the eyes of the published schema.
fn violation(document: &Json) -> Option<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plan.schema.json");
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    let schema: Json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    compiler.add_resource("plan.schema.json", schema).unwrap();
    let schema = compiler.compile("plan.schema.json", &mut schemas).unwrap();
    schemas.validate(document, schema).err().map(|error| error.to_string())
}

#[test]
fn plan_files_are_as_the_schema_says() {
    let bench = Bench::new();
    let plan = |arguments: &[&str]| {
        let output = bench.run(&[&["preview", "dev.wasm", "--out", "plan.json"], arguments].concat());
        assert!(output.starts_with("exit 0\n"), "{output}");
        let plan: Json = serde_json::from_slice(&fs::read(bench.path().join("plan.json")).unwrap()).unwrap();
        assert_eq!(violation(&plan), None);
        plan
    };
    bench.write("dev.wasm", bucket("ml"));
    let mut created = plan(&["--adopt"]);
    assert_eq!(created["options"]["wishes"]["adopt"], true);
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    bench.write("dev.wasm", bucket("ops"));
    let updated = plan(&["--target", &format!("{BUCKET}::box")]);
    assert_eq!(updated["plan"]["operations"][0]["steps"][0]["changes"][0]["new"], "ops");
    assert_eq!(updated["plan"]["partial"], true);
    bench.write("dev.wasm", Guest::default().build());
    assert_eq!(plan(&[])["plan"]["operations"][0]["action"], "delete");

    created["plan"]["operations"][0]["action"] = json!("explode");
    assert!(violation(&created).is_some());
    assert!(violation(&json!({"version": 1})).is_some());
}

#[test]
fn part_of_a_stack_can_be_wanted() {
    let bench = Bench::new();
    bench.write("dev.wasm", two("1"));
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes", "--target", "std/Value::first"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      + create      std/Value::first

    Plan: 1 to create.
    Only part of the stack: the rest and the outputs stay as they are.
    Done in TIME: 1 created.
    --- err
    · Starting the local cloud.
      + create     std/Value::first …
    ✓ + create     std/Value::first  TIME
    ");
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--target", "std/Value::frist"]), @r"
    exit 1
    --- err
    error: The stack has no resource `std/Value::frist`. Did you mean `std/Value::first`?
    error: Stack `dev` has a problem; nothing has been changed.
    ");
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--target", "first"]), @r"
    exit 2
    --- err
    error: invalid value 'first' for '--target <URN>': `first` is not a URN: write it as KIND::NAME, e.g., `run.googleapis.com/Service::mlflow`.

    For more information, try '--help'.
    ");
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    bench.write("dev.wasm", two("5"));
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--exclude", "std/Value::first"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

    No changes in this part.
    Only part of the stack: the rest and the outputs stay as they are.
    ");
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--replace", "std/Value::second", "--json"]), @r#"
    exit 0
    --- out
    {"archives":[],"bookkeeping":[],"cloud":"local","command":"preview","counts":{"delete-replaced":1,"replace":1,"update":1},"event":"plan","expectedMilliseconds":0,"operations":[{"action":"update","expectedMilliseconds":0,"needs":[],"operation":0,"resources":[{"changes":[{"needs":"update","new":5,"old":1,"path":"value"}],"generation":0,"identity":"std/Value::first#SEED","inputs":{"value":5},"reason":"","urn":"std/Value::first"}]},{"action":"replace","expectedMilliseconds":0,"needs":[0],"operation":1,"resources":[{"changes":[],"generation":1,"identity":"std/Value::second#SEED","inputs":{"value":2},"reason":"it was asked for","urn":"std/Value::second"}]},{"action":"delete-replaced","expectedMilliseconds":0,"needs":[1],"operation":2,"resources":[{"changes":[],"generation":0,"identity":"std/Value::second#SEED","inputs":{},"reason":"","urn":"std/Value::second"}]}],"outputs":{"first":5},"partial":false,"project":"mlflow-local","references":{"known":1,"unknown":[]},"region":"europe-west1","renamed":[],"sequentialMilliseconds":0,"stack":"dev","unchanged":[],"version":1}
    {"command":"preview","counts":{"delete-replaced":1,"replace":1,"update":1},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert_snapshot!(bench.run(&["destroy", "dev.wasm", "--yes", "--target", "std/Value::second"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      - delete      std/Value::second

    Plan: 1 to delete.
    Only part of the stack: the rest and the outputs stay as they are.
    Done in TIME: 1 deleted.
    --- err
      - delete     std/Value::second …
    ✓ - delete     std/Value::second  TIME
    ");
    assert_snapshot!(bench.run(&["destroy", "dev.wasm", "--yes", "--wait"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      - delete      std/Value::first

    Plan: 1 to delete.
    Done in TIME: 1 deleted.
    --- err
      - delete     std/Value::first …
    ✓ - delete     std/Value::first  TIME
    ");
}

#[test]
fn drift_is_shown_recorded_and_put_right() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["refresh", "dev.wasm"]), @r"
    exit 1
    --- err
    error: Stack `dev` has never been brought up on the local cloud, project mlflow-local.
    hint: Run `mlflow-host up dev.wasm`.
    ");
    bench.write("dev.wasm", bucket("ml"));
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    assert_snapshot!(bench.run(&["refresh", "dev.wasm", "--exit-code"]), @r"
    exit 0
    --- out
    Drift of stack dev on the local cloud, project mlflow-local, region europe-west1

    No drift: 2 as recorded.
    ");

    let path = "storage.googleapis.com/storage/v1/b/box-of-tests";
    bench.ask("PATCH", path, Some(json!({"labels": {"team": "ops"}})));
    assert_snapshot!(bench.run(&["refresh", "dev.wasm", "--exit-code"]), @r#"
    exit 10
    --- out
    Drift of stack dev on the local cloud, project mlflow-local, region europe-west1

      ~ changed     storage.googleapis.com/Bucket::box
          labels.team: "ml" → "ops"

    Drift: 1 changed, 1 as recorded.
    "#);
    assert_snapshot!(bench.run(&["refresh", "dev.wasm"]), @r#"
    exit 2
    --- out
    Drift of stack dev on the local cloud, project mlflow-local, region europe-west1

      ~ changed     storage.googleapis.com/Bucket::box
          labels.team: "ml" → "ops"

    Drift: 1 changed, 1 as recorded.
    --- err
    error: This needs a yes, and there is no terminal to ask on. Nothing has been changed.
    hint: Say yes in advance with --yes. To look and change nothing, there are `preview` and `refresh --exit-code`.
    "#);
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--refresh", "--exit-code"]), @r#"
    exit 10
    --- out
    Drift of stack dev on the local cloud, project mlflow-local, region europe-west1

      ~ changed     storage.googleapis.com/Bucket::box
          labels.team: "ml" → "ops"

    Drift: 1 changed, 1 as recorded.

    Stack dev on the local cloud, project mlflow-local, region europe-west1

      ~ update      storage.googleapis.com/Bucket::box
          labels.team: "ops" → "ml"

    Plan: 1 to update, 1 unchanged.
    On Google this usually takes 1.0s (the longest chain of operations; 1.0s one after the other).
    "#);
    // Neither has recorded anything.
    assert!(bench.run(&["preview", "dev.wasm", "--exit-code"]).starts_with("exit 0\n"));
    assert_snapshot!(bench.run(&["refresh", "dev.wasm", "--yes", "--json"]), @r#"
    exit 0
    --- out
    {"cloud":"local","command":"refresh","event":"drift","project":"mlflow-local","region":"europe-west1","resources":[{"changes":[{"needs":"update","new":"ops","old":"ml","path":"labels.team"}],"difference":"changed","message":null,"urn":"storage.googleapis.com/Bucket::box"}],"stack":"dev","unchanged":1,"version":1}
    {"event":"notice","message":"It is recorded. `mlflow-host up` brings it back to what is declared.","version":1}
    {"command":"refresh","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":2,"version":1}
    "#);
    assert!(bench.run(&["preview", "dev.wasm", "--exit-code"]).starts_with("exit 10\n"));
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    assert_eq!(bench.ask("GET", path, None)["labels"]["team"], "ml");

    bench.ask("DELETE", path, None);
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes", "--refresh"]), @r"
    exit 0
    --- out
    Drift of stack dev on the local cloud, project mlflow-local, region europe-west1

      - gone        storage.googleapis.com/Bucket::box

    Drift: 1 gone, 1 as recorded.

    Stack dev on the local cloud, project mlflow-local, region europe-west1

      + create      storage.googleapis.com/Bucket::box

    Plan: 1 to create, 1 unchanged.
    On Google this usually takes 2.0s (the longest chain of operations; 2.0s one after the other).
    Done in TIME: 1 created, 1 unchanged.
    --- err
      + create     storage.googleapis.com/Bucket::box …
    ✓ + create     storage.googleapis.com/Bucket::box  TIME
    ");
    assert_eq!(bench.ask("GET", path, None)["labels"]["team"], "ml");
}

#[test]
fn what_exists_is_adopted_when_asked() {
    let bench = Bench::new();
    let service = r#"{"name": "storage.googleapis.com"}"#;
    let stack =
        Guest::default().declare("serviceusage.googleapis.com/Service", "storage", service, "{}").build();
    bench.write("dev.wasm", stack);
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    let path = "storage.googleapis.com/storage/v1/b";
    let body = json!({"name": "box-of-tests", "location": "EU", "labels": {"team": "ops"}});
    bench.ask("POST", &format!("{path}?project=mlflow-local"), Some(body));

    bench.write("dev.wasm", bucket("ml"));
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes", "--adopt"]), @r#"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      → adopt       storage.googleapis.com/Bucket::box  (`b/box-of-tests` exists)
      ~ update      storage.googleapis.com/Bucket::box  (it differs from what is declared)
          + labels.managed-by: "mlflow-host"
          + labels.mlflow-host-seed: "SEED"
          + labels.mlflow-host-stack: "dev"
          labels.team: "ops" → "ml"

    Plan: 1 to update, 1 to adopt, 1 unchanged.
    On Google this usually takes 1.0s (the longest chain of operations; 1.0s one after the other).
    Done in TIME: 1 updated, 1 adopted, 1 unchanged.
    --- err
      → adopt      storage.googleapis.com/Bucket::box …
    ✓ → adopt      storage.googleapis.com/Bucket::box  TIME
      ~ update     storage.googleapis.com/Bucket::box …
    ✓ ~ update     storage.googleapis.com/Bucket::box  TIME
    "#);
    assert_eq!(bench.ask("GET", &format!("{path}/box-of-tests"), None)["labels"]["team"], "ml");

    // What bears the mark of another stack is left alone.
    bench.write("other.wasm", bucket("evil"));
    assert_snapshot!(bench.run(&["up", "other.wasm", "--yes", "--adopt"]), @r"
    exit 1
    --- err
    error: storage.googleapis.com/Bucket::box: `b/box-of-tests` belongs to the stack `dev`.
    error: Stack `other` has a problem; nothing has been changed.
    ");
    assert_eq!(bench.ask("GET", &format!("{path}/box-of-tests"), None)["labels"]["team"], "ml");
}

#[test]
fn what_a_lost_state_has_made_is_taken_over() {
    let bench = Bench::new();
    bench.write("dev.wasm", bucket("ml"));
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    fs::remove_dir_all(bench.path().join(".mlflow-host/state")).unwrap();
    let path = "storage.googleapis.com/storage/v1/b/box-of-tests";
    let before = bench.ask("GET", path, None);
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes"]), @r"
    exit 3
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

      + create      serviceusage.googleapis.com/Service::storage
      + create      storage.googleapis.com/Bucket::box

    Plan: 2 to create.
    On Google this usually takes 14s (the longest chain of operations; 14s one after the other).
    Not finished in TIME: 1 created, 1 failed.
    Run `mlflow-host up` again: it goes on from here.
    --- err
      + create     serviceusage.googleapis.com/Service::storage …
    ✓ + create     serviceusage.googleapis.com/Service::storage  TIME
      + create     storage.googleapis.com/Bucket::box …
    ✗ + create     storage.googleapis.com/Bucket::box  after TIME
        cannot create storage.googleapis.com/Bucket `b/box-of-tests`: it exists already, and its labels say that it belongs to a stack `dev` too, whose state is not the one that is used here.
        hint: If the state was lost, take over what the stack has made: run `mlflow-host up` with `--adopt`. If there are two stacks of that name, rename one of them.
    ");
    assert_eq!(bench.ask("GET", path, None), before, "nothing has been changed");
    let output = bench.run(&["up", "dev.wasm", "--yes", "--adopt"]);
    assert!(output.starts_with("exit 0\n") && output.contains("1 adopted"), "{output}");
    assert!(bench.run(&["preview", "dev.wasm", "--exit-code"]).starts_with("exit 0\n"));
}

#[test]
fn a_stack_may_have_outputs_alone() {
    let bench = Bench::new();
    let project = "cloudresourcemanager.googleapis.com/Project";
    let stack = Guest::default().lookup(project, "here", "{}").output_of("project", "projectId");
    bench.write("dev.wasm", stack.build());
    let output = bench.run(&["up", "dev.wasm", "--yes"]);
    assert!(output.starts_with("exit 0\n") && output.contains("project  mlflow-local"), "{output}");
    assert!(bench.run(&["outputs", "dev.wasm", "project"]).contains("mlflow-local"));
}

/// A network and a subnetwork in it.
fn network() -> Vec<u8> {
    let service = r#"{"name": "compute.googleapis.com"}"#;
    Guest::default()
        .declare("serviceusage.googleapis.com/Service", "compute", service, "{}")
        .declare(
            "compute.googleapis.com/Network",
            "net",
            r#"{"name": "net", "autoCreateSubnetworks": false}"#,
            r#"{"dependsOn": ["serviceusage.googleapis.com/Service::compute"]}"#,
        )
        .declare(
            "compute.googleapis.com/Subnetwork",
            "sub",
            r#"{"name": "sub", "network": "projects/mlflow-local/global/networks/net", "ipCidrRange": "10.0.0.0/24"}"#,
            r#"{"dependsOn": ["compute.googleapis.com/Network::net"]}"#,
        )
        .build()
}

#[test]
fn what_the_cloud_still_holds_is_waited_for() {
    let bench = Bench::new();
    bench.write("dev.wasm", network());
    let output = bench.run(&["up", "dev.wasm", "--yes"]);
    assert!(output.starts_with("exit 0\n"), "{output}");
    let hold = |seconds: u64, times: usize| {
        let held = "The subnetwork resource is already being used by 'projects/p/regions/r/addresses/serverless-ipv4-1'";
        let body = json!({"error": {"code": 400, "message": held}});
        let answer = json!({"answer": {"status": 400, "body": body, "retryAfter": seconds}});
        let rule = json!({"method": "DELETE", "path": "subnetworks/sub", "times": times, "action": answer});
        bench.ask("POST", "_local/faults", Some(rule));
    };
    // Longer than anybody wants to wait: said, recorded, and its own exit code.
    hold(3600, 2);
    for arguments in [&["--yes"][..], &["--yes", "--wait=1m"]] {
        let output = bench.run(&[&["destroy", "dev.wasm"], arguments].concat());
        assert!(output.starts_with("exit 4\n") && output.contains("Cloud Run still holds"), "{output}");
    }
    bench.ask("DELETE", "_local/faults", None);
    // Two tries in vain; the third does it, in the same run.
    hold(1, 2);
    let output = bench.run(&["destroy", "dev.wasm", "--yes", "--wait=5m", "--json"]);
    assert!(output.starts_with("exit 0\n"), "{output}");
    let events: Vec<Json> = output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    let waits = named("waiting");
    assert_eq!(waits.len(), 2, "{output}");
    assert_eq!(waits[0]["resources"][0]["urn"], "compute.googleapis.com/Subnetwork::sub");
    let summary = named("summary");
    assert_eq!((summary.len(), &summary[0]["deferred"], &summary[0]["retryAt"]), (1, &json!(0), &Json::Null));
    let counts = summary[0]["counts"].as_object().unwrap();
    assert!(counts.values().filter_map(Json::as_u64).sum::<u64>() >= 2, "{output}");
    let left = bench.run(&["state", "list", "dev.wasm", "--json"]);
    assert!(left.contains(r#""resources":[]"#), "{left}");
}

#[test]
fn a_stack_can_refer_to_the_outputs_of_another() {
    let bench = Bench::new();
    let reader = |stack: &str| {
        let properties = format!(r#"{{"stack": "{stack}"}}"#);
        Guest::default()
            .lookup("std/StackReference", "base", &properties)
            .output_of("greeting", "greeting")
            .output_of("word", "password")
            .build()
    };
    bench.write("dev.wasm", reader("base"));
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes"]), @r"
    exit 1
    --- err
    · Starting the local cloud.
    error: std/StackReference::base: Stack `base` has never been brought up on the local cloud, project mlflow-local. Run `mlflow-host up base.wasm` first.
    error: Stack `dev` has a problem; nothing has been changed.
    ");
    let base = Guest::default()
        .value("greeting", r#""hello""#)
        .output_of("greeting", "value")
        .declare("std/RandomPassword", "password", "{}", "{}")
        .output_of("password", "result");
    bench.write("base.wasm", base.build());
    assert!(bench.run(&["up", "base.wasm", "--yes"]).starts_with("exit 0\n"));
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

    No changes: there is nothing.
    Outputs
      greeting  hello
      word      [secret]
    Done in TIME: nothing to do.
    ");
    for (stack, said) in [("dev", "cannot refer to itself"), ("../base", "is not the name of a stack")] {
        bench.write("dev.wasm", reader(stack));
        let output = bench.run(&["preview", "dev.wasm"]);
        assert!(output.starts_with("exit 1\n") && output.contains(said), "{output}");
    }
}

#[test]
fn a_graph_is_drawn_without_any_cloud() {
    let bench = Bench::new();
    bench.write("dev.wasm", two("1"));
    assert_snapshot!(bench.run(&["graph", "dev.wasm"]), @r#"
    exit 0
    --- out
    digraph "dev" {
      rankdir=LR;
      node [shape=box, style=rounded, fontname="sans-serif"];
      n0 [label="std/Value\nfirst"];
      n1 [label="std/Value\nsecond"];
      n0 -> n1;
    }
    "#);
    let picture = bench.run(&["graph", "dev.wasm", "--format", "svg"]);
    assert_eq!((picture.matches("<rect ").count(), picture.matches("<path ").count()), (2, 1), "{picture}");
    assert_snapshot!(bench.run(&["graph", "dev.wasm", "--format", "mermaid"]), @r#"
    exit 0
    --- out
    flowchart LR
      n0["std/Value<br/>first"]
      n1["std/Value<br/>second"]
      n0 --> n1
    "#);
    assert_snapshot!(bench.run(&["graph", "dev.wasm", "--json"]), @r#"
    exit 0
    --- out
    {"event":"graph","resources":[{"component":null,"lookup":false,"needs":[],"urn":"std/Value::first"},{"component":null,"lookup":false,"needs":["std/Value::first"],"urn":"std/Value::second"}],"version":1}
    {"command":"graph","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert!(!bench.path().join("cloud").exists());
}
