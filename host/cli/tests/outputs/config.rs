//! `config`, which changes the file beside a stack.

use std::fs;

use insta::assert_snapshot;

use crate::bench::Bench;

const FILE: &str = r#"# The team's stack.
[target]
cloud = "local"        # for now
project = "mlflow-dev"

[config]
tier = "small"         # on purpose
workers = 2

[secrets]
old = "hunter2"

[local.config]
workers = 1
"#;

fn configured() -> Bench {
    let bench = Bench::new();
    bench.write("dev.toml", FILE);
    bench
}

fn file(bench: &Bench) -> String {
    fs::read_to_string(bench.path().join("dev.toml")).unwrap()
}

#[test]
fn keys_are_set_and_taken_out_and_the_rest_stays() {
    let bench = configured();
    let steps: [&[&str]; 6] = [
        &["set", "dev.wasm", "tier", "large"],
        &["set", "dev.wasm", "workers", "4"],
        &["set", "dev.wasm", "region", "us-central1"],
        &["set", "dev.wasm", "--cloud", "gcp", "project", "my-project"],
        &["set", "dev.wasm", "--secret", "admin", "env:MLFLOW_ADMIN_PASSWORD"],
        &["unset", "dev.wasm", "--secret", "old"],
    ];
    let said: Vec<_> = steps.iter().map(|step| bench.run(&[&["config"], *step].concat())).collect();
    assert_snapshot!(said.join(""), @r"
    exit 0
    --- out
    Set: `tier` in [config] of dev.toml.
    exit 0
    --- out
    Set: `workers` in [config] of dev.toml.
    --- err
    · On the local cloud what [local.config] says of `workers` still wins: `--cloud local` changes that.
    exit 0
    --- out
    Set: `region` in [target] of dev.toml.
    exit 0
    --- out
    Set: `project` in [gcp.target] of dev.toml.
    exit 0
    --- out
    Set: `admin` in [secrets] of dev.toml.
    exit 0
    --- out
    Taken out: `old` of [secrets] in dev.toml.
    ");
    assert_snapshot!(file(&bench), @r#"
    # The team's stack.
    [target]
    cloud = "local"        # for now
    project = "mlflow-dev"
    region = "us-central1"

    [config]
    tier = "large"         # on purpose
    workers = 4

    [secrets]
    admin = { env = "MLFLOW_ADMIN_PASSWORD" }

    [local.config]
    workers = 1

    [gcp.target]
    project = "my-project"
    "#);
    assert_snapshot!(bench.run(&["config", "list", "dev.wasm"]), @r"
    exit 0
    --- out
    cloud    local
    project  mlflow-dev
    region   us-central1
    tier     large
    workers  1
    admin    secret, env:MLFLOW_ADMIN_PASSWORD
    ");
    assert_snapshot!(bench.run(&["config", "list", "dev.wasm", "--cloud", "gcp", "--json"]), @r#"
    exit 0
    --- out
    {"event":"config","secrets":{"admin":"env:MLFLOW_ADMIN_PASSWORD"},"stack":"dev","values":{"cloud":"gcp","project":"my-project","region":"us-central1","tier":"large","workers":4},"version":1}
    {"command":"config","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert_snapshot!(bench.run(&["config", "get", "dev.wasm", "workers"]), @r"
    exit 0
    --- out
    1
    ");
    assert_snapshot!(bench.run(&["config", "get", "dev.wasm", "--secret", "admin", "--json"]), @r#"
    exit 0
    --- out
    {"event":"config-value","key":"admin","secret":true,"value":"env:MLFLOW_ADMIN_PASSWORD","version":1}
    {"command":"config","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
}

#[test]
fn a_stack_without_a_file_gets_one() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["config", "set", "dev.wasm", "tags", r#"["a", "b"]"#, "--json"]), @r#"
    exit 0
    --- out
    {"event":"config-set","file":"dev.toml","key":"tags","section":"config","version":1}
    {"command":"config","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert_snapshot!(file(&bench), @r#"
    [config]
    tags = ["a", "b"]
    "#);
}

#[test]
fn what_cannot_be_set_is_refused_and_nothing_is_changed() {
    let bench = configured();
    let refused: [&[&str]; 9] = [
        &["set", "dev.wasm", "--secret", "admin", "hunter2"],
        &["set", "dev.wasm", "cloud", "aws"],
        &["set", "dev.wasm", "project", "No Project"],
        &["set", "dev.wasm", "--cloud", "gcp", "cloud", "gcp"],
        &["unset", "dev.wasm", "teir"],
        &["get", "dev.wasm", "teir"],
        &["get", "dev.wasm", "--secret", "tier"],
        &["set", "Dev.wasm", "tier", "x"],
        &["set", "dev.wasm", "tier"],
    ];
    let said: Vec<_> = refused.iter().map(|step| bench.run(&[&["config"], *step].concat())).collect();
    assert!(!said.join("").contains("hunter2"), "a secret is never repeated");
    assert_snapshot!(said.join(""), @r"
    exit 2
    --- err
    error: A secret is not written into the file, which others may read. Nothing has been changed.
    hint: Say where it is found: `env:NAME` for a variable of the environment, `file:PATH` for a file.
    exit 2
    --- err
    error: `aws` is not a cloud: use `local` or `gcp`.
    exit 2
    --- err
    error: `No Project` is not a project: 6 to 30 lower-case letters, digits and `-`.
    exit 2
    --- err
    error: `cloud` says which cloud is used, so it cannot depend on the cloud.
    hint: Leave `--cloud` out.
    exit 1
    --- err
    error: `teir` is not in [config] of dev.toml. Nothing has been changed.
    hint: `mlflow-host config list` shows what is set; `--secret` and `--cloud` choose the section.
    exit 1
    --- err
    error: The key `teir` is not set for stack `dev`.
    hint: Did you mean `tier`?
    exit 1
    --- err
    error: The secret `tier` is not set for stack `dev`.
    hint: `mlflow-host config list` shows what is set.
    exit 2
    --- err
    error: `Dev.wasm` does not name a stack.
    hint: Give the path of a Wasm file. The stack is called like the file, so use up to 40 lower-case letters, digits, `-` and `_`, with a letter first, e.g., `stacks/dev.wasm`.
    exit 2
    --- err
    error: the following required arguments were not provided:
      <VALUE>

    Usage: mlflow-host config set <STACK.wasm> <KEY> <VALUE>

    For more information, try '--help'.
    ");
    assert_eq!(file(&bench), FILE);

    bench.write("dev.toml", "[confg]\n");
    assert_snapshot!(bench.run(&["config", "set", "dev.wasm", "tier", "large"]), @r"
    exit 1
    --- err
    error: dev.toml:1: `confg`: there is no such key. Did you mean `config`? Known here: `target`, `state`, `config`, `secrets`, `policies`, `kinds`, `local`, `gcp`.
    ");
    bench.write("dev.toml", "[config\n");
    assert_snapshot!(bench.run(&["config", "set", "dev.wasm", "tier", "large"]), @r"
    exit 1
    --- err
    error: dev.toml:1: this is not TOML: unclosed table, expected `]`.
    ");
    assert_eq!(file(&bench), "[config\n");
}
