//! The state commands, on states in a directory and in a bucket of the local cloud.

use std::fs;

use assert_cmd::Command;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::guest::Guest;

const OPEN: (&str, &str) = ("MLFLOW_HOST_PASSPHRASE", "sesame");

/// Three values; the second needs the first, the third nothing.
fn stack(second: &str) -> Vec<u8> {
    let needs = r#"{"dependsOn": ["std/Value::first"]}"#;
    let guest = Guest::default().value("first", "1").declare("std/Value", second, r#"{"value": 2}"#, needs);
    guest.declare("std/RandomPassword", "third", "{}", "{}").build()
}

/// Exit code and everything that was written.
fn run(bench: &Bench, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let output = Command::cargo_bin("mlflow-host")
        .unwrap()
        .args(arguments)
        .current_dir(bench.path())
        .env_clear()
        .envs(bench.environment())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

fn good(bench: &Bench, arguments: &[&str]) -> String {
    let (code, text) = run(bench, &[], arguments);
    assert_eq!(code, 0, "{arguments:?}: {text}");
    text
}

/// A refusal, with exit code, that says something.
fn bad(bench: &Bench, arguments: &[&str], code: i32, says: &str) {
    let (found, text) = run(bench, &[], arguments);
    assert_eq!(found, code, "{arguments:?}: {text}");
    assert!(text.contains(says), "{arguments:?}: {text}");
}

/// The first event of a kind.
fn event(text: &str, name: &str) -> Json {
    let events = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let event = events.into_iter().find(|event| event["event"] == name);
    assert!(event.is_some(), "no {name} in {text}");
    event.unwrap()
}

fn brought_up() -> Bench {
    let bench = Bench::new();
    bench.write("dev.wasm", stack("second"));
    good(&bench, &["up", "dev.wasm", "--yes"]);
    bench
}

#[test]
fn what_is_recorded_can_be_listed_shown_and_remembered() {
    let bench = brought_up();
    let text = good(&bench, &["state", "list", "dev.wasm"]);
    assert!(text.contains("std/Value::first\n") && text.contains("std/RandomPassword::third\n"), "{text}");
    let list = event(&good(&bench, &["state", "list", "dev.wasm", "--kind", "std/Value", "--json"]), "state");
    assert_eq!(list["resources"].as_array().unwrap().len(), 2);

    let shown = good(&bench, &["state", "show", "dev.wasm", "std/Value::first", "--json"]);
    assert_eq!(event(&shown, "resource")["neededBy"], json!(["std/Value::second"]));
    let shown = event(
        &good(&bench, &["state", "show", "dev.wasm", "std/RandomPassword::third", "--json"]),
        "resource",
    );
    let hidden = shown["outputs"].to_string();
    assert!(hidden.contains("secret"), "{hidden}");
    bad(&bench, &["state", "show", "dev.wasm", "std/Value::frist"], 2, "Did you mean `std/Value::first`?");

    good(&bench, &["up", "dev.wasm", "--yes"]);
    let history = event(&good(&bench, &["state", "history", "dev.wasm", "--json"]), "history");
    let runs = history["runs"].as_array().unwrap();
    assert!(
        runs.iter().all(|run| run["command"] == "up" && run["by"].as_str().unwrap().contains('@')),
        "{runs:?}"
    );
    assert_eq!(runs.last().unwrap()["program"].as_str().unwrap().len(), 64);
    assert!(runs.last().unwrap()["counts"].is_object(), "{runs:?}");
    assert!(good(&bench, &["state", "history", "dev.wasm"]).contains("  up  "));
    bad(&bench, &["state", "list", "other.wasm"], 1, "has never been brought up");
}

#[test]
fn a_resource_is_renamed_and_forgotten_with_care() {
    let bench = brought_up();
    let (first, second) = ("std/Value::first", "std/Value::second");
    bad(&bench, &["state", "move", "dev.wasm", second, first], 2, "is in the state already");
    bad(&bench, &["state", "move", "dev.wasm", second, "std/RandomId::x"], 2, "are of different kinds");
    bad(&bench, &["state", "move", "dev.wasm", "std/Value::none", "std/Value::x"], 2, "is not in the state");
    good(&bench, &["state", "move", "dev.wasm", second, "std/Value::renamed"]);
    bench.write("dev.wasm", stack("renamed"));
    let (code, text) = run(&bench, &[], &["preview", "dev.wasm", "--exit-code"]);
    assert_eq!(code, 0, "nothing is to be done: {text}");

    bad(
        &bench,
        &["state", "forget", "dev.wasm", first, "--yes"],
        1,
        "depend on `std/Value::first`: `std/Value::renamed`",
    );
    bad(&bench, &["state", "forget", "dev.wasm", "std/Value::renamed"], 2, "there is no terminal to ask on");
    let text = good(&bench, &["state", "forget", "dev.wasm", first, "--dependents", "--yes"]);
    assert_eq!(text.matches("Forgotten: ").count(), 2, "{text}");
    let list = good(&bench, &["state", "list", "dev.wasm"]);
    assert!(list.contains("third") && !list.contains("std/Value"), "{list}");
}

#[test]
fn a_state_goes_out_and_comes_back_sealed() {
    let bench = brought_up();
    let before = good(&bench, &["state", "list", "dev.wasm"]);
    good(&bench, &["state", "export", "dev.wasm", "kept.json"]);
    bad(&bench, &["state", "export", "dev.wasm", "kept.json"], 1, "File exists");
    let kept = fs::read_to_string(bench.path().join("kept.json")).unwrap();
    assert!(kept.contains("$sealed") && !kept.contains("$secret"), "{kept}");
    good(&bench, &["state", "forget", "dev.wasm", "std/RandomPassword::third", "--yes"]);
    bad(&bench, &["state", "import", "dev.wasm", "kept.json"], 2, "there is no terminal to ask on");
    good(&bench, &["state", "import", "dev.wasm", "kept.json", "--yes"]);
    assert_eq!(good(&bench, &["state", "list", "dev.wasm"]), before);

    bench.write("edited.json", kept.replace("first", "worst")).write("other.wasm", stack("second"));
    bad(&bench, &["state", "import", "dev.wasm", "edited.json", "--yes"], 1, "it has been changed");
    bad(&bench, &["state", "import", "other.wasm", "kept.json", "--yes"], 1, "belongs to stack `dev`");
    bad(&bench, &["state", "import", "dev.wasm", "none.json", "--yes"], 1, "Cannot read none.json");
    assert_eq!(good(&bench, &["state", "list", "dev.wasm"]), before);
}

#[test]
fn keys_are_changed_and_damage_is_mended() {
    let bench = brought_up();
    let rekey = ["state", "rekey", "dev.wasm", "--passphrase"];
    bad(&bench, &rekey, 2, "MLFLOW_HOST_NEW_PASSPHRASE is not set");
    bad(&bench, &["state", "rekey", "dev.wasm", "--kms-key", "k"], 2, "is no key of Cloud KMS");
    let (code, text) = run(&bench, &[("MLFLOW_HOST_NEW_PASSPHRASE", "sesame")], &rekey);
    assert_eq!(code, 0, "{text}");
    bad(&bench, &["state", "list", "dev.wasm"], 1, "they were sealed with a passphrase");
    let (code, text) = run(&bench, &[("MLFLOW_HOST_PASSPHRASE", "Sesame")], &["state", "list", "dev.wasm"]);
    assert!(code == 1 && text.contains("is not the one that they were sealed with"), "{text}");
    let list = ["state", "list", "dev.wasm"];
    assert_eq!(run(&bench, &[OPEN], &list).0, 0);

    // Two snapshots, then damage in the last one.
    for second in ["renamed", "again"] {
        bench.write("dev.wasm", stack(second));
        assert_eq!(run(&bench, &[OPEN], &["up", "dev.wasm", "--yes"]).0, 0);
    }
    let before = run(&bench, &[OPEN], &list).1;
    let snapshot = find(&bench, "snapshot.json");
    let mut content = fs::read(&snapshot).unwrap();
    content[60] ^= 1;
    fs::write(&snapshot, content).unwrap();
    let (code, text) = run(&bench, &[OPEN], &list);
    assert!(code == 1 && text.contains("is damaged: its checksum does not fit"), "{text}");
    assert!(text.contains("mlflow-host state restore"), "{text}");
    let (code, text) = run(&bench, &[OPEN], &["state", "restore", "dev.wasm", "--yes"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(run(&bench, &[OPEN], &list).1, before);
    bad(&bench, &["state", "unlock", "dev.wasm"], 0, "Nobody holds the lock.");
}

/// A file below the states.
fn find(bench: &Bench, name: &str) -> std::path::PathBuf {
    let mut directories = vec![bench.path().join(".mlflow-host")];
    let mut found = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.ends_with(name) {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_team_shares_a_state_in_a_bucket() {
    let bench = brought_up();
    let text = good(&bench, &["state", "init", "gs://team-state/mlflow", "dev.wasm"]);
    assert!(
        text.contains("Made gs://team-state.") && text.contains("store = \"gs://team-state/mlflow\""),
        "{text}"
    );
    assert!(
        good(&bench, &["state", "init", "gs://team-state", "dev.wasm"])
            .contains("There already: gs://team-state.")
    );
    bad(&bench, &["state", "init", "team-state", "dev.wasm"], 2, "write it as gs://BUCKET/PREFIX");

    let before = good(&bench, &["state", "list", "dev.wasm"]);
    bad(
        &bench,
        &["state", "migrate", "dev.wasm", "--to", "gs://no-such-bucket", "--yes"],
        1,
        "mlflow-host state init gs://no-such-bucket",
    );
    let moved = good(&bench, &["state", "migrate", "dev.wasm", "--to", "gs://team-state/mlflow", "--yes"]);
    assert!(moved.contains("3 resources moved to gs://team-state/mlflow/dev@local-mlflow-local/"), "{moved}");
    bench.write("dev.toml", "[state]\nstore = \"gs://team-state/mlflow\"\n");
    assert_eq!(good(&bench, &["state", "list", "dev.wasm"]), before);
    let again = good(&bench, &["preview", "dev.wasm", "--exit-code"]);
    assert!(!again.contains("xxxxx"), "{again}");
    bench.write("dev.wasm", stack("renamed"));
    good(&bench, &["up", "dev.wasm", "--yes"]);

    // Somebody else is at work.
    let lock = json!({
        "format": 1, "id": "x", "command": "up", "by": "ada@engine", "since": "2026-01-01T00:00:00Z",
        "process": 7, "expires_at": "2999-01-01T00:00:00Z",
    });
    let name = "mlflow%2Fdev%40local-mlflow-local%2Flock.json";
    bench.ask("POST", &format!("upload/storage/v1/b/team-state/o?uploadType=media&name={name}"), Some(lock));
    bad(&bench, &["up", "dev.wasm", "--yes"], 1, "up by ada@engine, since 2026-01-01T00:00:00Z");
    bad(
        &bench,
        &["up", "dev.wasm", "--yes", "--lock-timeout", "1s"],
        1,
        "Waiting up to 1.0s for up by ada@engine",
    );
    bad(
        &bench,
        &["refresh", "dev.wasm", "--yes", "--lock-timeout", "1s"],
        1,
        "Waiting up to 1.0s for up by ada@engine",
    );
    bad(&bench, &["state", "unlock", "dev.wasm"], 2, "The lock is held by up by ada@engine");
    assert!(good(&bench, &["state", "unlock", "dev.wasm", "--yes"]).contains("The lock is free."));
    good(&bench, &["up", "dev.wasm", "--yes"]);
    // Neither this nor the lack of a bucket is in the way of a preview that asks nobody.
    let offline = good(&bench, &["preview", "dev.wasm", "--offline"]);
    assert!(
        offline.contains("The state in gs://") && offline.contains(" is not read without a network"),
        "{offline}"
    );
    assert!(offline.contains("Nothing is recorded of this stack yet"), "{offline}");

    // And back.
    good(&bench, &["state", "migrate", "dev.wasm", "--to", "kept", "--yes"]);
    bench.write("dev.toml", "[state]\nstore = \"kept\"\n");
    assert!(good(&bench, &["state", "list", "dev.wasm"]).contains("std/Value::renamed"));
    good(&bench, &["destroy", "dev.wasm", "--yes"]);
}
