//! What is asked for and cannot be: a clear word, and nothing is changed, neither in the state nor in the cloud.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::guest::Guest;

const BUCKET: &str = "storage.googleapis.com/Bucket";
const BUCKETS: &str = "storage.googleapis.com/storage/v1/b?project=mlflow-local";

/// A stack on a local cloud, with a bucket that somebody else has made beside it.
struct Life {
    bench: Bench,
    variables: Vec<(&'static str, &'static str)>,
}

impl Life {
    fn begin() -> Self {
        let bench = Bench::new();
        bench.write("dev.wasm", stack(Guest::default()));
        let life = Self { bench, variables: Vec::new() };
        let (code, said) = life.host(&["up", "dev.wasm", "--yes"]);
        assert_eq!(code, 0, "{said}");
        for (name, labels) in [
            ("theirs", json!({})),
            ("another", json!({"mlflow-host-seed": "abcde", "mlflow-host-stack": "prod"})),
        ] {
            let body = json!({"name": name, "location": "US", "labels": labels});
            life.bench.ask("POST", BUCKETS, Some(body));
        }
        life
    }

    fn host(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::cargo_bin("mlflow-host")
            .unwrap()
            .args(arguments)
            .current_dir(self.bench.path())
            .env_clear()
            .envs(self.bench.environment())
            .envs(self.variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    }

    /// Everything that must stay as it is: the files of the state, but for that of the lock, and the buckets.
    fn everything(&self) -> (BTreeMap<PathBuf, Vec<u8>>, Json) {
        let mut files = BTreeMap::new();
        let mut directories = vec![self.bench.path().join(".mlflow-host/state")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if !path.ends_with("lock") {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        (files, self.bench.ask("GET", BUCKETS, None))
    }

    /// The command is refused, says all of this, and changes nothing.
    fn refuses(&self, arguments: &[&str], says: &[&str]) {
        let before = self.everything();
        let (code, said) = self.host(arguments);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        for part in says {
            assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
        }
        assert!(self.everything() == before, "{arguments:?} has changed something");
    }
}

/// One value, and what else is declared.
fn stack(rest: Guest) -> Vec<u8> {
    rest.declare(
        "serviceusage.googleapis.com/Service",
        "storage",
        r#"{"name": "storage.googleapis.com"}"#,
        "{}",
    )
    .declare("std/Value", "first", r#"{"value": 1}"#, "{}")
    .build()
}

#[test]
fn a_plan_of_something_else() {
    let mut life = Life::begin();
    life.bench.write("dev.wasm", stack(Guest::default().value("second", "2")));
    assert_eq!(life.host(&["preview", "dev.wasm", "--out", "plan.json"]).0, 0);
    let plan = fs::read_to_string(life.bench.path().join("plan.json")).unwrap();
    life.bench.write("newer.json", plan.replacen(r#""version": 1"#, r#""version": 99"#, 1));
    life.bench.write("edited.json", plan.replacen(r#""value": 2"#, r#""value": 3"#, 1));
    life.bench.write("other.wasm", stack(Guest::default()));
    life.refuses(&["up", "dev.wasm", "--plan", "newer.json"], &["99"]);
    life.refuses(&["up", "dev.wasm", "--plan", "edited.json"], &["it was changed after it was made"]);
    life.refuses(
        &["up", "other.wasm", "--plan", "plan.json"],
        &["the stack was dev on", "now it is other on"],
    );
    life.refuses(
        &["up", "dev.wasm", "--plan", "plan.json", "--set", "a=1"],
        &["the configuration had digest"],
    );
    life.bench.write("dev.wasm", stack(Guest::default().value("third", "3")));
    life.refuses(&["up", "dev.wasm", "--plan", "plan.json"], &["the program had digest"]);
    assert_eq!(life.host(&["up", "dev.wasm", "--yes"]).0, 0);
    life.bench.write("dev.wasm", stack(Guest::default().value("second", "2")));
    life.refuses(&["up", "dev.wasm", "--plan", "plan.json"], &["the state was"]);
    // With the wrong passphrase nobody can even look.
    life.variables = vec![("MLFLOW_HOST_NEW_PASSPHRASE", "sesame")];
    assert_eq!(life.host(&["state", "rekey", "dev.wasm", "--passphrase"]).0, 0);
    life.variables = vec![("MLFLOW_HOST_PASSPHRASE", "Sesame")];
    life.refuses(&["up", "dev.wasm", "--yes"], &["the passphrase in MLFLOW_HOST_PASSPHRASE is not the one"]);
    life.refuses(
        &["destroy", "dev.wasm", "--yes"],
        &["the passphrase in MLFLOW_HOST_PASSPHRASE is not the one"],
    );
    life.variables.clear();
    life.refuses(&["up", "dev.wasm", "--yes"], &["set MLFLOW_HOST_PASSPHRASE"]);
}

#[test]
fn an_import_an_alias_and_a_target_that_cannot_be() {
    let life = Life::begin();
    let import = |name: &str, location: &str| {
        let properties = format!(r#"{{"name": "{name}", "location": "{location}"}}"#);
        let options = format!(r#"{{"import": "b/{name}"}}"#);
        life.bench.write("dev.wasm", stack(Guest::default().declare(BUCKET, "box", &properties, &options)));
    };
    let up = ["up", "dev.wasm", "--yes"];
    import("another", "US");
    life.refuses(&up, &["`b/another` belongs to the stack `prod`."]);
    life.refuses(&["up", "dev.wasm", "--yes", "--adopt"], &["`b/another` belongs to the stack `prod`."]);
    import("theirs", "EU");
    life.refuses(
        &up,
        &["cannot become what is declared without being replaced", "`location` is \"US\", not \"EU\""],
    );
    import("nowhere", "EU");
    life.refuses(&up, &["There is no `b/nowhere` to import."]);

    let alias = r#"{"aliases": ["std/Value::first"]}"#;
    let two = Guest::default().declare("std/Value", "one", r#"{"value": 1}"#, alias).declare(
        "std/Value",
        "two",
        r#"{"value": 1}"#,
        alias,
    );
    life.bench.write("dev.wasm", two.build());
    life.refuses(&up, &["Its alias `std/Value::first` is claimed by `std/Value::one` too."]);
    life.bench
        .write("dev.wasm", stack(Guest::default().declare("std/Value", "one", r#"{"value": 1}"#, alias)));
    life.refuses(&up, &["Its alias `std/Value::first` is declared as a resource of its own."]);

    life.bench.write("dev.wasm", stack(Guest::default()));
    for option in ["--target", "--exclude", "--replace"] {
        life.refuses(
            &["up", "dev.wasm", "--yes", option, "std/Value::frist"],
            &["The stack has no resource `std/Value::frist`. Did you mean `std/Value::first`?"],
        );
    }
    life.refuses(
        &["destroy", "dev.wasm", "--yes", "--target", "std/Value::frist"],
        &["Did you mean `std/Value::first`?"],
    );
}

#[test]
fn a_bucket_that_lets_nobody_in_and_a_lock_that_is_held() {
    let life = Life::begin();
    assert_eq!(life.host(&["state", "init", "gs://team-state", "dev.wasm"]).0, 0);
    assert_eq!(life.host(&["state", "migrate", "dev.wasm", "--to", "gs://team-state", "--yes"]).0, 0);
    life.bench.write("dev.toml", "[state]\nstore = \"gs://team-state\"\n");
    life.bench.write("dev.wasm", stack(Guest::default().value("second", "2")));
    let objects = "storage.googleapis.com/storage/v1/b/team-state/o";
    let kept = || life.bench.ask("GET", objects, None);

    let before = kept();
    let denied = json!({"error": {"code": 403, "message": "ada does not have storage.objects.get access."}});
    let rule = json!({"path": "b/team-state/o", "times": 1000, "action": {"answer": {"status": 403, "body": denied}}});
    life.bench.ask("POST", "_local/faults", Some(rule));
    for command in ["up", "destroy", "refresh"] {
        life.refuses(
            &[command, "dev.wasm", "--yes"],
            &["gs://team-state/", "you may not", "ada does not have", "roles/storage.objectUser"],
        );
    }
    life.bench.ask("DELETE", "_local/faults", None);
    assert_eq!(kept(), before);

    let lock = json!({
        "format": 1, "id": "x", "command": "up", "by": "ada@engine", "since": "2026-01-01T00:00:00Z",
        "process": 7, "expires_at": "2999-01-01T00:00:00Z",
    });
    let name = "dev%40local-mlflow-local%2Flock.json";
    life.bench.ask(
        "POST",
        &format!("upload/storage/v1/b/team-state/o?uploadType=media&name={name}"),
        Some(lock),
    );
    let before = kept();
    for command in ["up", "destroy", "refresh"] {
        life.refuses(
            &[command, "dev.wasm", "--yes"],
            &["up by ada@engine, since 2026-01-01T00:00:00Z (process 7)", "--lock-timeout 10m"],
        );
    }
    assert_eq!(kept(), before);
}
