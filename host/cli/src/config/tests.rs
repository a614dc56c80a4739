use std::fs;

use insta::assert_snapshot;
use serde_json::json;
use tempfile::TempDir;

use super::*;

struct Fixture {
    directory: TempDir,
    overrides: Overrides,
}

fn with(toml: &str) -> Fixture {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("dev.toml"), toml).unwrap();
    Fixture { directory, overrides: Overrides::default() }
}

impl Fixture {
    fn set(mut self, assignment: &str) -> Self {
        self.overrides.values.push(parse_assignment(assignment).unwrap());
        self
    }

    fn cloud(mut self, cloud: Cloud) -> Self {
        self.overrides.cloud = Some(cloud);
        self
    }

    fn read(&self) -> Result<StackConfig> {
        StackConfig::read(&self.directory.path().join("dev.wasm"), &self.overrides)
    }

    /// The message and its hints, without the directory.
    fn said(&self) -> String {
        let failure = self.read().unwrap_err();
        let lines = std::iter::once(failure.message.clone()).chain(failure.hints);
        let directory = format!("{}/", self.directory.path().display());
        lines.collect::<Vec<_>>().join("\n").replace(&directory, "")
    }
}

const FULL: &str = r#"
[target]
cloud = "gcp"
project = "real-project"
region = "us-central1"

[state]
directory = "kept"

[config]
tier = "small"
workers = 2
tags = ["a", "b"]

[secrets]
plain = "hunter2"
admin = { env = "MLFLOW_HOST_TEST_UNSET" }

[local.target]
project = "toy-project"

[local.config]
tier = "tiny"
"#;

#[test]
fn a_file_says_everything() {
    let fixture = with(FULL);
    let config = fixture.read().unwrap();
    assert_eq!((config.stack.as_str(), config.cloud), ("dev", Cloud::Gcp));
    assert_eq!((config.project.as_str(), config.region.as_str()), ("real-project", "us-central1"));
    assert_eq!(config.state_directory, fixture.directory.path().join("kept"));
    assert_eq!(json!(config.values), json!({"tier": "small", "workers": 2, "tags": ["a", "b"]}));
    assert_eq!(format!("{:?}", config.secrets["plain"]), "[secret]");
}

#[test]
fn a_cloud_has_its_own_values() {
    let config = with(FULL).cloud(Cloud::Local).read().unwrap();
    assert_eq!((config.project.as_str(), config.region.as_str()), ("toy-project", "us-central1"));
    assert_eq!(config.values["tier"], "tiny");
    assert_eq!(config.values["workers"], 2);
}

#[test]
fn the_command_line_wins_and_keeps_types() {
    let config = with(FULL).set("tier=large").set("workers=4").set("debug=true").set("region=europe-west4");
    let config = config.set("note=a b = c").read().unwrap();
    assert_eq!(config.region, "europe-west4");
    assert_eq!(
        json!(config.values),
        json!({"tier": "large", "workers": 4, "tags": ["a", "b"], "debug": true, "note": "a b = c"})
    );
}

#[test]
fn without_a_file_a_stack_goes_to_the_local_cloud() {
    let directory = TempDir::new().unwrap();
    let config = StackConfig::read(&directory.path().join("try.wasm"), &Overrides::default()).unwrap();
    assert_eq!((config.cloud, config.project.as_str()), (Cloud::Local, "mlflow-local"));
    assert_eq!(config.state_directory, directory.path().join(".mlflow-host/state"));
}

#[test]
fn a_local_project_never_becomes_a_real_one() {
    let fixture = || with("[target]\nproject = \"toy-project\"\n").cloud(Cloud::Gcp);
    assert_snapshot!(fixture().said(), @r#"
    No Google Cloud project is named.
    Add `--set project=my-project`, or write `[gcp.target]` and `project = "my-project"` into dev.toml.
    "#);
    assert_eq!(fixture().set("project=real-project").read().unwrap().project, "real-project");
}

#[test]
fn mistakes_are_named_with_file_line_and_key() {
    assert_snapshot!(with("[target]\nproject = \"p\n").said(), @"dev.toml:2: this is not TOML: invalid basic string, expected `\"`.");
    assert_snapshot!(with("\n[targte]\nproject = \"p\"\n").said(), @"dev.toml:2: `targte`: there is no such key. Did you mean `target`? Known here: `target`, `state`, `config`, `secrets`, `policies`, `kinds`, `local`, `gcp`.");
    assert_snapshot!(with("[target]\ncloud = \"local\"\nregoin = \"x\"\n").said(), @"dev.toml:3: `target.regoin`: there is no such key. Did you mean `region`? Known here: `cloud`, `project`, `region`.");
    assert_snapshot!(with("[target]\nproject = 7\n").said(), @"dev.toml:2: `target.project`: a string belongs here, not a integer.");
    assert_snapshot!(with("config = 1\n").said(), @"dev.toml:1: `config`: a table belongs here, not a integer.");
    assert_snapshot!(with("[target]\ncloud = \"aws\"\n").said(), @"dev.toml:2: `target.cloud`: `aws` is not a cloud: use `local` or `gcp`.");
    assert_snapshot!(with("[secrets]\na = { vault = \"x\" }\n").said(), @r#"dev.toml:2: `secrets.a`: write a string, `{ env = "NAME" }` or `{ file = "path" }`."#);
    assert_snapshot!(with("").set("project=Bad_Project").said(), @"`Bad_Project` is not a project: 6 to 30 lower-case letters, digits and `-`.");
    assert_snapshot!(with("").set("region=Mars").said(), @"`Mars` is not a region: as in `europe-west1`.");
    assert_snapshot!(with("").set("cloud=azure").said(), @"`azure` is not a cloud: use `local` or `gcp`.");
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let mut fixture = with("");
    fixture.overrides.file = Some(fixture.directory.path().join("other.toml"));
    assert_snapshot!(fixture.said(), @"Cannot read other.toml: No such file or directory (os error 2).");
}

#[test]
fn secrets_come_from_where_the_file_says() {
    let fixture = with("[secrets]\nb = { file = \"token\" }\n");
    fs::write(fixture.directory.path().join("token"), "s3cret\n").unwrap();
    let (secrets, missing) = fixture.read().unwrap().reveal(false).unwrap();
    assert_eq!((secrets["b"].as_str(), missing.len()), ("s3cret", 0));

    let config = with(FULL).read().unwrap();
    let failure = config.reveal(false).unwrap_err();
    assert_eq!(
        failure.message,
        "The secret `admin` is to come from the environment, but MLFLOW_HOST_TEST_UNSET is not set."
    );
    assert_eq!(config.reveal(true).unwrap().1, ["admin"]);
}

#[test]
fn the_state_is_in_a_directory_or_in_a_bucket() {
    let fixture = with(
        "[state]\nstore = \"gs://team-state/a/b/\"\nkey = \"projects/p/locations/l/keyRings/r/cryptoKeys/k\"\n",
    );
    let config = fixture.read().unwrap();
    assert_eq!(config.state_bucket.unwrap().to_string(), "gs://team-state/a/b");
    assert_eq!(config.state_directory, fixture.directory.path().join(".mlflow-host/state"));
    assert!(config.state_key.is_some());

    let fixture = with("[state]\nstore = \"kept/here\"\n");
    let config = fixture.read().unwrap();
    assert_eq!(config.state_bucket, None);
    assert_eq!(config.state_directory, fixture.directory.path().join("kept/here"));

    assert_snapshot!(with("[state]\nstore = \"gs://Team\"\n").said(), @"dev.toml:2: `state.store`: `Team` is no name of a bucket: 3 or more lower-case letters, digits, `-`, `_` and `.`.");
    assert_snapshot!(with("[state]\nstore = \"a\"\ndirectory = \"b\"\n").said(), @"dev.toml:3: `state.directory`: `store` says already where the state is kept.");
    assert_snapshot!(with("[state]\nkey = \"my-key\"\n").said(), @"dev.toml:2: `state.key`: write the full name of a key: `projects/P/locations/L/keyRings/R/cryptoKeys/K`.");
}

#[test]
fn what_holds_secrets_is_private() {
    let fixture =
        with("[state]\ndirectory = \"kept\"\n[secrets]\ntoken = { file = \"token.txt\" }\nplain = \"x\"\n");
    let private = fixture.read().unwrap().private();
    let expected = ["dev.toml", "kept", "token.txt"].map(|name| fixture.directory.path().join(name));
    assert_eq!(private, expected);
}
