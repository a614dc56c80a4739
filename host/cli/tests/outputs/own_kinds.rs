//! Kinds that a stack brings along: from their file to a plan, and to a cloud.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::guest::Guest;

const TOPIC: &str = "pubsub.googleapis.com/Topic";

/// A directory with the documented file of kinds, and a stack that declares a topic.
fn bench(properties: &str) -> Bench {
    let bench = Bench::new();
    for file in ["pubsub.toml", "pubsub.v1.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/own-kinds").join(file);
        bench.write(file, fs::read(path).unwrap());
    }
    bench.write("shop.wasm", Guest::default().declare(TOPIC, "orders", properties, "{}").build());
    bench.write("shop.toml", "[kinds]\nfiles = [\"pubsub.toml\"]\n");
    bench
}

const ORDERS: &str = r#"{"name": "orders", "messageRetentionDuration": "600s"}"#;

#[test]
fn a_kind_of_a_file_is_planned_like_any_other() {
    let preview = &["preview", "shop.wasm", "--offline", "--details"];
    assert_snapshot!(bench(ORDERS).run(preview), @r#"
    exit 0
    --- out
    Stack shop on the local cloud, project mlflow-local, region europe-west1

      + create      pubsub.googleapis.com/Topic::orders
          labels:
            managed-by: "mlflow-host"
            mlflow-host-seed: "SEED"
            mlflow-host-stack: "shop"
          messageRetentionDuration: "600s"
          name: "orders"
          project: "mlflow-local"

    Plan: 1 to create.
    On Google this usually takes 2.0s (the longest chain of operations; 2.0s one after the other).
    --- err
    · Nothing is recorded of this stack yet: generated names are shown with `xxxxx` at their end.
    "#);
    assert_snapshot!(bench(r#"{"name": "orders", "lables": {}}"#).run(preview), @r#"
    exit 1
    --- err
    error: pubsub.googleapis.com/Topic::orders: `lables`: there is no such property; did you mean `labels`?
    error: Stack `shop` has a problem; nothing has been changed.
    "#);
    let without = bench(ORDERS);
    without.write("shop.toml", "");
    assert_snapshot!(without.run(preview), @r#"
    exit 1
    --- err
    error: pubsub.googleapis.com/Topic::orders: There is no kind `pubsub.googleapis.com/Topic`. Did you mean `run.googleapis.com/Job`? `mlflow-host schema list` shows all kinds.
    error: Stack `shop` has a problem; nothing has been changed.
    "#);
    assert_eq!(
        without.run(&[preview as &[_], &["--kinds", "pubsub.toml"]].concat()),
        bench(ORDERS).run(preview)
    );
}

#[test]
fn the_schema_shows_the_kinds_of_files() {
    let bench = bench(ORDERS);
    let listed = bench.run(&["schema", "list", "--kinds", "pubsub.toml"]);
    assert!(listed.contains("A topic that messages are published to."), "{listed}");
    let shown = bench.run(&["schema", "show", "Topic", "--kinds", "pubsub.toml"]);
    assert!(shown.contains("From      a file of kinds"), "{shown}");
    assert_snapshot!(bench.run(&["schema", "show", "Topic", "schemaSettings", "--kinds", "pubsub.toml"]), @r#"
    exit 0
    --- out
      schemaSettings                  object
      schemaSettings.encoding         string    JSON | BINARY
      schemaSettings.firstRevisionId  string
      schemaSettings.lastRevisionId   string
      schemaSettings.schema           string    required
    "#);
}

#[test]
fn a_file_that_is_wrong_is_explained() {
    let bench = bench(ORDERS);
    let file = fs::read_to_string(bench.path().join("pubsub.toml")).unwrap();
    let run = |config: &str, file: &str| {
        bench.write("shop.toml", config).write("pubsub.toml", file);
        bench.run(&["preview", "shop.wasm", "--offline"])
    };
    let named = "[kinds]\nfiles = [\"pubsub.toml\"]\n";
    let answers = [
        run(named, &file.replace("verb = \"PUT\"", "verb = \"POST\"")),
        run(named, &file.replace("pubsub.v1.json", "pubsub.v2.json")),
        run("[kinds]\nfiles = \"pubsub.toml\"\n", &file),
        run("[kinds]\nfiles = [\"absent.toml\"]\n", &file),
        run("[kinds]\nfile = [\"pubsub.toml\"]\n", &file),
    ];
    assert_snapshot!(answers.join("\n"), @r#"
    exit 1
    --- err
    error: pubsub.toml: pubsub.googleapis.com/Topic: create: POST v1/projects/{project}/topics/{id} is no method of pubsub.v1. Did you mean `PUT v1/projects/{project}/topics/{topic}`?
    hint: docs/own-kinds.md says what such a file holds.

    exit 1
    --- err
    error: Cannot read pubsub.v2.json: No such file or directory (os error 2).

    exit 1
    --- err
    error: shop.toml:2: `kinds.files`: a list of strings belongs here.

    exit 1
    --- err
    error: Cannot read absent.toml: No such file or directory (os error 2).

    exit 1
    --- err
    error: shop.toml:2: `kinds.file`: there is no such key. Did you mean `files`? Known here: `files`.
    "#);
}

/// What the local cloud, which does not know the API, is to answer.
fn answer(bench: &Bench, method: &str, body: Json) {
    let rule = json!({
        "method": method, "path": "pubsub.googleapis.com/v1/projects/mlflow-local/topics/orders", "times": 100,
        "action": {"answer": {"status": 200, "body": body}},
    });
    bench.ask("POST", "_local/faults", Some(rule));
}

#[test]
fn a_resource_of_such_a_kind_is_made_and_goes_only_with_its_file() {
    let bench = bench(ORDERS);
    bench.run(&["cloud", "start"]);
    answer(
        &bench,
        "PUT",
        json!({"name": "projects/mlflow-local/topics/orders", "messageRetentionDuration": "600s"}),
    );
    answer(&bench, "DELETE", json!({}));
    assert_snapshot!(bench.run(&["up", "shop.wasm", "--yes"]), @r#"
    exit 0
    --- out
    Stack shop on the local cloud, project mlflow-local, region europe-west1

      + create      pubsub.googleapis.com/Topic::orders

    Plan: 1 to create.
    On Google this usually takes 2.0s (the longest chain of operations; 2.0s one after the other).
    Done in TIME: 1 created.
    --- err
      + create     pubsub.googleapis.com/Topic::orders …
    ✓ + create     pubsub.googleapis.com/Topic::orders  TIME
    "#);
    bench.write("shop.toml", "");
    assert_snapshot!(bench.run(&["destroy", "shop.wasm", "--yes"]), @r#"
    exit 1
    --- err
    error: `pubsub.googleapis.com/Topic::orders` is recorded, but there is no kind `pubsub.googleapis.com/Topic`.
    hint: Name the file of the kind in `[kinds]`, or with `--kinds FILE.toml`.
    "#);
    let gone = bench.run(&["destroy", "shop.wasm", "--yes", "--kinds", "pubsub.toml"]);
    bench.run(&["cloud", "stop"]);
    assert_snapshot!(gone, @r#"
    exit 0
    --- out
    Stack shop on the local cloud, project mlflow-local, region europe-west1

      - delete      pubsub.googleapis.com/Topic::orders

    Plan: 1 to delete.
    On Google this usually takes 2.0s (the longest chain of operations; 2.0s one after the other).
    Done in TIME: 1 deleted.
    --- err
      - delete     pubsub.googleapis.com/Topic::orders …
    ✓ - delete     pubsub.googleapis.com/Topic::orders  TIME
    "#);
}
