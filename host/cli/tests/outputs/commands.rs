//! Commands that run no program.

use insta::assert_snapshot;

use crate::bench::Bench;

fn run(arguments: &[&str]) -> String {
    Bench::new().run(arguments)
}

#[test]
fn every_command_explains_itself() {
    assert_snapshot!("help", run(&["--help"]));
    let commands: [&[&str]; 41] = [
        &["up"],
        &["preview"],
        &["refresh"],
        &["destroy"],
        &["outputs"],
        &["graph"],
        &["compose"],
        &["new"],
        &["build"],
        &["cloud"],
        &["cloud", "start"],
        &["cloud", "stop"],
        &["cloud", "status"],
        &["cloud", "env"],
        &["cloud", "resources"],
        &["cloud", "log"],
        &["cloud", "faults"],
        &["cloud", "reset"],
        &["schema"],
        &["schema", "list"],
        &["schema", "show"],
        &["doctor"],
        &["completions"],
        &["config"],
        &["config", "get"],
        &["config", "set"],
        &["config", "list"],
        &["config", "unset"],
        &["state"],
        &["state", "list"],
        &["state", "show"],
        &["state", "move"],
        &["state", "forget"],
        &["state", "history"],
        &["state", "export"],
        &["state", "import"],
        &["state", "unlock"],
        &["state", "restore"],
        &["state", "rekey"],
        &["state", "init"],
        &["state", "migrate"],
    ];
    for command in commands {
        assert_snapshot!(format!("help-{}", command.join("-")), run(&[command, &["--help"]].concat()));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    assert_snapshot!(run(&["upp"]), @r"
    exit 2
    --- err
    error: unrecognized subcommand 'upp'

      tip: a similar subcommand exists: 'up'

    Usage: mlflow-host [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(run(&["up"]), @r"
    exit 2
    --- err
    error: the following required arguments were not provided:
      <STACK.wasm>

    Usage: mlflow-host up <STACK.wasm>

    For more information, try '--help'.
    ");
    assert_snapshot!(run(&["up", "dev.wasm", "--set", "novalue"]), @r"
    exit 2
    --- err
    error: invalid value 'novalue' for '--set <KEY=VALUE>': write it as KEY=VALUE, e.g., `project=my-project`

    For more information, try '--help'.
    ");
    assert_snapshot!(run(&["up", "Dev.wasm"]), @r"
    exit 2
    --- err
    error: `Dev.wasm` does not name a stack.
    hint: Give the path of a Wasm file. The stack is called like the file, so use up to 40 lower-case letters, digits, `-` and `_`, with a letter first, e.g., `stacks/dev.wasm`.
    ");
    assert_snapshot!(run(&["preview", "dev.wasm", "--cloud", "gcp"]), @r#"
    exit 2
    --- err
    error: No Google Cloud project is named.
    hint: Add `--set project=my-project`, or write `[gcp.target]` and `project = "my-project"` into dev.toml.
    "#);
}

#[test]
fn the_configuration_is_checked_before_anything_else() {
    let bench = Bench::new();
    bench.write("dev.toml", "[target]\nproject = \"mlflow-dev\"\nregoin = \"europe-west1\"\n");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes"]), @r"
    exit 1
    --- err
    error: dev.toml:3: `target.regoin`: there is no such key. Did you mean `region`? Known here: `cloud`, `project`, `region`.
    ");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes", "--json"]), @r#"
    exit 1
    --- out
    {"event":"error","hints":[],"message":"dev.toml:3: `target.regoin`: there is no such key. Did you mean `region`? Known here: `cloud`, `project`, `region`.","version":1}
    {"command":"up","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":1,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert_eq!(bench.files(), ["dev.toml"]);
}

#[test]
fn what_is_no_stack_is_refused() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["preview", "dev.wasm"]), @r"
    exit 1
    --- err
    error: Cannot read dev.wasm: No such file or directory (os error 2).
    hint: Give the path of a stack that has been built. In a clone of mlflow-host, `make stacks` builds stacks/*.wasm.
    ");
    bench.write("text.wasm", "hello").write("empty.wasm", "");
    assert_snapshot!(bench.run(&["preview", "text.wasm"]), @r"
    exit 1
    --- err
    error: text.wasm: This is not WebAssembly: such a file starts with `\0asm`, and this one starts with `hello`.
    ");
    assert_snapshot!(bench.run(&["up", "empty.wasm", "--yes"]), @r"
    exit 1
    --- err
    error: empty.wasm: The file is empty: build it again.
    ");
    bench.write("core.wasm", wat::parse_str("(module)").unwrap());
    assert_snapshot!(bench.run(&["up", "core.wasm", "--yes"]), @r"
    exit 1
    --- err
    error: core.wasm: This is a WebAssembly module without a component type, so it is no stack: build it with one of the SDKs, or add the type with `wasm-tools component embed`.
    ");
    let component = wat::parse_str("(component)").unwrap();
    bench.write("half.wasm", &component[..6]).write("other.wasm", &component);
    assert!(bench.run(&["preview", "half.wasm", "--offline"]).starts_with("exit 1\n"));
    assert_snapshot!(bench.run(&["preview", "other.wasm", "--offline"]), @r"
    exit 1
    --- err
    error: other.wasm: The component has no function `run`, so it is no stack: export the world `stack` of `mlflow-host:stack`.
    ");
    assert!(!bench.path().join(".mlflow-host").exists(), "nothing may be left behind");
}

#[test]
fn without_a_state_there_is_nothing_to_show_or_delete() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["outputs", "dev.wasm"]), @r"
    exit 1
    --- err
    error: Stack `dev` has never been brought up on the local cloud, project mlflow-local.
    hint: Run `mlflow-host up dev.wasm`.
    ");
    assert_snapshot!(bench.run(&["destroy", "dev.wasm", "--yes"]), @r"
    exit 0
    --- out
    Done in TIME: nothing to do.
    --- err
    · Stack `dev` has no state on the local cloud, project mlflow-local: there is nothing to delete.
    ");
    assert_snapshot!(bench.run(&["destroy", "dev.wasm", "--yes", "--json"]), @r#"
    exit 0
    --- out
    {"event":"notice","message":"Stack `dev` has no state on the local cloud, project mlflow-local: there is nothing to delete.","version":1}
    {"command":"destroy","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert!(bench.files().is_empty());
}

#[test]
fn a_local_cloud_that_does_not_run_says_so() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["cloud", "status"]), @r"
    exit 0
    --- out
    The local cloud does not run. It starts by itself with the first stack that goes there.
    Data  HOME/cloud
    ");
    assert_snapshot!(bench.run(&["cloud", "status", "--json"]), @r#"
    exit 0
    --- out
    {"directory":"HOME/cloud","endpoint":null,"event":"cloud","process":null,"services":{},"started":null,"status":"stopped","version":1}
    {"command":"cloud","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert_snapshot!(bench.run(&["cloud", "env"]), @r"
    exit 1
    --- err
    error: The local cloud does not run.
    hint: Run `mlflow-host cloud start`.
    ");
    assert_snapshot!(bench.run(&["cloud", "reset"]), @r"
    exit 2
    --- err
    error: This needs a yes, and there is no terminal to ask on. Nothing has been changed.
    hint: Say yes in advance with --yes. To look and change nothing, there are `preview` and `refresh --exit-code`.
    ");
}

#[test]
fn kinds_are_listed_and_explained() {
    assert_snapshot!("schema-list", run(&["schema", "list"]));
    assert_snapshot!("schema-show-database", run(&["schema", "show", "sqladmin.googleapis.com/Database"]));
    assert_snapshot!(
        "schema-show-containers",
        run(&["schema", "show", "run.googleapis.com/Service", "template.containers"])
    );
    assert_snapshot!(
        "schema-show-json",
        run(&["schema", "show", "secretmanager.googleapis.com/Secret", "--json"])
    );
    assert_snapshot!(run(&["schema", "show", "run.googleapis.com/Servise"]), @r"
    exit 2
    --- err
    error: There is no kind `run.googleapis.com/Servise`.
    hint: Did you mean `run.googleapis.com/Service`?
    ");
    assert_snapshot!(run(&["schema", "show", "storage.googleapis.com/Bucket", "nothing"]), @r"
    exit 2
    --- err
    error: `storage.googleapis.com/Bucket` has no properties below `nothing`.
    hint: See `mlflow-host schema show storage.googleapis.com/Bucket`.
    ");
    assert_snapshot!(run(&["schema", "show", "std/RandomId"]), @r"
    exit 0
    --- out
    std/RandomId — A few random letters and digits that stay the same.

    Properties
      length  a number from 4 to 32  replaces
      prefix  a string  replaces

    No cloud is asked: it lives in the state alone. required: must be declared. replaces: a change makes a new one.
    ");
    assert_snapshot!(run(&["schema", "show", "std/StackReference", "--json"]), @r#"
    exit 0
    --- out
    {"event":"kind","kind":"std/StackReference","lookupOnly":true,"properties":[{"flags":["required"],"note":"","path":"stack","type":"the name of a stack"}],"summary":"The outputs of another stack, whose configuration lies beside this one's.","version":1}
    "#);
    assert_snapshot!(run(&["schema", "show", "std/Value", "nothing"]), @r"
    exit 2
    --- err
    error: `std/Value` has no properties below `nothing`.
    hint: See `mlflow-host schema show std/Value`.
    ");
}

#[test]
fn completions_are_written_for_a_shell() {
    let script = run(&["completions", "bash"]);
    assert!(script.starts_with("exit 0\n--- out\n_mlflow__host() {"), "{script}");
}
