//! Commands that run a program.

use insta::assert_snapshot;

use crate::bench::Bench;
use crate::guest::Guest;

/// A component whose `run` answers with this discriminant (0 is done) and this message.
fn component(discriminant: u8, message: &str) -> Vec<u8> {
    let length = message.len();
    let text = format!(
        r#"(component
            (core module $module
                (memory (export "memory") 1)
                (data (i32.const 0) "\{discriminant:02x}\00\00\00\10\00\00\00\{length:02x}\00\00\00")
                (data (i32.const 16) "{message}")
                (func (export "run") (result i32) i32.const 0))
            (core instance $instance (instantiate $module))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $instance "run") (memory (core memory $instance "memory")))))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_stack_that_declares_nothing_has_an_empty_plan() {
    let bench = Bench::new();
    bench.write("empty.wasm", component(0, ""));
    assert_snapshot!(bench.run(&["preview", "empty.wasm", "--offline", "--exit-code"]), @r"
    exit 0
    --- out
    Stack empty on the local cloud, project mlflow-local, region europe-west1

    No changes: there is nothing.
    --- err
    · Nothing is recorded of this stack yet: generated names are shown with `xxxxx` at their end.
    ");
    assert_snapshot!(bench.run(&["preview", "empty.wasm", "--offline", "--json"]), @r#"
    exit 0
    --- out
    {"event":"notice","message":"Nothing is recorded of this stack yet: generated names are shown with `xxxxx` at their end.","version":1}
    {"archives":[],"bookkeeping":[],"cloud":"local","command":"preview","counts":{},"event":"plan","expectedMilliseconds":0,"operations":[],"outputs":{},"partial":false,"project":"mlflow-local","references":{"known":0,"unknown":[]},"region":"europe-west1","renamed":[],"sequentialMilliseconds":0,"stack":"empty","unchanged":[],"version":1}
    {"command":"preview","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert!(!bench.path().join(".mlflow-host").exists(), "a preview leaves nothing but its cache");
}

#[test]
fn the_fuel_of_a_program_is_the_same_each_time() {
    let bench = Bench::new();
    let bucket = r#"{"location": "EU"}"#;
    let stack = Guest::default().declare("storage.googleapis.com/Bucket", "box", bucket, "{}").build();
    bench.write("dev.wasm", stack);
    let arguments = ["preview", "dev.wasm", "--offline", "--fuel"];
    let first = bench.run(&arguments);
    let line = first.lines().find(|line| line.starts_with("The program used ")).unwrap();
    let fuel: u64 = line.split(' ').nth(3).unwrap().parse().unwrap();
    assert!(fuel > 0, "{first}");
    assert_eq!(bench.run(&arguments), first);
    let events = bench.run(&["preview", "dev.wasm", "--offline", "--fuel", "--json"]);
    assert!(events.lines().last().unwrap().contains(&format!("\"fuel\":{fuel},")), "{events}");
    let uncounted = bench.run(&["preview", "dev.wasm", "--offline", "--json"]);
    assert!(!uncounted.contains("\"fuel\""), "{uncounted}");
}

#[test]
fn what_a_program_says_before_it_fails_is_shown() {
    let bench = Bench::new();
    bench.write("dev.wasm", component(1, "The key `tier` is missing."));
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes"]), @r"
    exit 1
    --- err
    error: dev.wasm: The program failed: The key `tier` is missing.
    ");
}

#[test]
fn a_secret_that_cannot_be_had_stops_up_and_not_an_offline_preview() {
    let bench = Bench::new();
    bench.write("dev.wasm", component(0, ""));
    bench.write("dev.toml", "[secrets]\nadmin = { env = \"ADMIN\" }\n");
    assert_snapshot!(bench.run(&["up", "dev.wasm", "--yes"]), @r"
    exit 1
    --- err
    error: The secret `admin` is to come from the environment, but ADMIN is not set.
    hint: Run `export ADMIN=…` first.
    ");
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--offline"]), @r"
    exit 0
    --- out
    Stack dev on the local cloud, project mlflow-local, region europe-west1

    No changes: there is nothing.
    --- err
    · The secret `admin` is not set here: an empty one stands for it.
    · Nothing is recorded of this stack yet: generated names are shown with `xxxxx` at their end.
    ");
}

#[test]
fn an_attribute_that_does_not_exist_is_named_with_the_nearest() {
    let bench = Bench::new();
    let bucket = Guest::default()
        .declare("storage.googleapis.com/Bucket", "box", r#"{"location": "EU"}"#, "{}")
        .output_of("box", "nmae")
        .declare("std/RandomId", "id", "{}", "{}")
        .output_of("id", "resutl");
    bench.write("dev.wasm", bucket.build());
    assert_snapshot!(bench.run(&["preview", "dev.wasm", "--offline"]), @r"
    exit 1
    --- err
    error: storage.googleapis.com/Bucket::box: `nmae`: there is no such attribute; did you mean `name`?
    error: std/RandomId::id: `resutl`: There is no attribute `resutl`. Did you mean `result`?
    error: Stack `dev` has 2 problems; nothing has been changed.
    ");
    assert!(!bench.path().join(".mlflow-host").exists(), "nothing is recorded");
}

#[test]
fn a_stack_is_composed_with_what_it_uses() {
    let bench = Bench::new();
    bench.write("team.wasm", component(0, ""));
    bench.write("other.wasm", wat::parse_str("(component)").unwrap());
    assert_snapshot!(bench.run(&["compose", "team.wasm", "--with", "missing.wasm"]), @r"
    exit 1
    --- err
    error: Cannot read missing.wasm: No such file or directory (os error 2).
    ");
    assert_snapshot!(bench.run(&["compose", "team.wasm", "--with", "other.wasm"]), @r"
    exit 1
    --- err
    error: The stack uses nothing of what other.wasm exports: both must be built for the same interface.
    ");
    assert_eq!(std::fs::read(bench.path().join("team.wasm")).unwrap(), component(0, ""));
}

#[test]
fn a_build_asks_for_its_components_before_it_compiles() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path().join("tracking")).unwrap();
    bench.write("tracking/main.c", "This is not C.");
    assert_snapshot!(bench.run(&["build", "tracking", "--with", "missing.wasm"]), @r"
    exit 1
    --- err
    error: Cannot read missing.wasm: No such file or directory (os error 2).
    ");
    assert_eq!(std::fs::read_dir(bench.path().join("tracking")).unwrap().count(), 1, "nothing is made");
}

#[test]
fn the_last_event_of_a_composition_is_its_summary() {
    let bench = Bench::new();
    bench.write(
        "team.wasm",
        wat::parse_str(r#"(component (import "acme:none/none@0.1.0" (instance)))"#).unwrap(),
    );
    let none = r#"(component (instance $none) (export "acme:none/none@0.1.0" (instance $none)))"#;
    bench.write("none.wasm", wat::parse_str(none).unwrap());
    let said = bench.run(&["compose", "team.wasm", "--with", "none.wasm", "--json"]);
    let events: Vec<_> = said.lines().filter(|line| line.starts_with('{')).collect();
    assert!(said.starts_with("exit 0") && events.len() == 2, "{said}");
    assert!(events[0].contains(r#""event":"composed""#), "{said}");
    assert!(
        events[1].contains(r#""command":"compose""#) && events[1].contains(r#""event":"summary""#),
        "{said}"
    );
}

#[test]
fn a_doctor_looks_at_a_stack_and_changes_nothing() {
    let bench = Bench::new();
    bench.write("dev.wasm", Guest::default().value("first", "1").build());
    bench.write("dev.toml", "[secrets]\nadmin = { env = \"MLFLOW_HOST_TEST_UNSET\" }\n");
    assert_snapshot!(bench.run(&["doctor", "dev.wasm"]), @r"
    exit 1
    --- out
    ✓ configuration  to the local cloud, project mlflow-local, region europe-west1
    ✗ secrets        The secret `admin` is to come from the environment, but MLFLOW_HOST_TEST_UNSET is not set.
                     Run `export MLFLOW_HOST_TEST_UNSET=…` first.
    ✓ program        resources declared: 1
    ✓ state          resources recorded: 0, in .mlflow-host/state/dev@local-mlflow-local
    ✓ lock           nobody holds it
    ✓ project        the local cloud does not run; the next `up` starts it
    --- err
    · Nothing is recorded of this stack yet: generated names are shown with `xxxxx` at their end.
    ");
    assert_eq!(bench.files(), [".cache", "dev.toml", "dev.wasm"]);
    assert_snapshot!(bench.run(&["doctor", "missing.wasm"]), @r"
    exit 1
    --- out
    ✓ configuration  to the local cloud, project mlflow-local, region europe-west1
    ✗ program        Cannot read missing.wasm: No such file or directory (os error 2).
                     Give the path of a stack that has been built. In a clone of mlflow-host, `make stacks` builds stacks/*.wasm.
    ");
}

#[test]
fn a_doctor_says_what_a_machine_lacks_and_how_to_get_it() {
    let bench = Bench::new();
    assert_snapshot!(bench.run_without_tools(&["doctor"]), @r#"
    exit 1
    --- out
    ✗ local cloud: PostgreSQL  PostgreSQL is not installed: run `apt-get install postgresql`, or point MLFLOW_HOST_POSTGRES_BIN at the directory that holds initdb and postgres
    ✗ local cloud: Python      /nowhere is not installed: run `apt-get install python3 python3-venv`, or name an interpreter in MLFLOW_HOST_PYTHON
    - stacks in Rust           Rust is missing. Install it with
                                   curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . "$HOME/.cargo/env"
    - stacks in Python         Python 3.11 or newer with venv is missing. Install it with
                                   sudo apt-get install -y python3 python3-venv
    - stacks in TypeScript     Node.js 20.11 or newer is missing. Install it with
                                   curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs
                               npm is missing. Install it with
                                   curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs
    - stacks in Go             Go 1.24 or newer is missing. Install it with
                                   curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz && export PATH=$PATH:/usr/local/go/bin
    - stacks in C              Python 3.11 or newer with venv is missing. Install it with
                                   sudo apt-get install -y python3 python3-venv
    "#);
}

#[test]
fn a_new_project_says_what_a_machine_lacks_to_compile_it() {
    let bench = Bench::new();
    let new = |language| bench.run_without_tools(&["new", language, language]);
    assert_snapshot!(new("rust"), @r#"
    exit 0
    --- out
    rust holds a stack in Rust.

        mlflow-host build rust                        # compiles it
        mlflow-host preview rust/rust.wasm --offline  # shows what it would make
        (cd rust && cargo test)                       # tests it

    Rust is missing. Install it with
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . "$HOME/.cargo/env"
    "#);
    assert_snapshot!(new("python"), @r"
    exit 0
    --- out
    python holds a stack in Python.

        mlflow-host build python                                    # compiles it
        mlflow-host preview python/python.wasm --offline            # shows what it would make
        (cd python && PYTHONPATH=sdk:bindings python3 -m unittest)  # tests it

    Python 3.11 or newer with venv is missing. Install it with
        sudo apt-get install -y python3 python3-venv
    ");
    assert_snapshot!(new("typescript"), @r"
    exit 0
    --- out
    typescript holds a stack in TypeScript.

        mlflow-host build typescript                              # compiles it
        mlflow-host preview typescript/typescript.wasm --offline  # shows what it would make
        (cd typescript && npm install && npm test)                # tests it

    Node.js 20.11 or newer is missing. Install it with
        curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs

    npm is missing. Install it with
        curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs
    ");
    assert_snapshot!(new("go"), @r"
    exit 0
    --- out
    go holds a stack in Go.

        mlflow-host build go                      # compiles it
        mlflow-host preview go/go.wasm --offline  # shows what it would make
        (cd go && go test ./...)                  # tests it

    Go 1.24 or newer is missing. Install it with
        curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz && export PATH=$PATH:/usr/local/go/bin
    ");
    assert_snapshot!(new("c"), @r"
    exit 0
    --- out
    c holds a stack in C.

        mlflow-host build c                                                                 # compiles it
        mlflow-host preview c/c.wasm --offline                                              # shows what it would make
        (cd c && cc -Isdk main.c test_main.c sdk/stack.c sdk/fake.c -lm -o test && ./test)  # tests it

    Python 3.11 or newer with venv is missing. Install it with
        sudo apt-get install -y python3 python3-venv
    ");
    // The projects are there, and wait for the tools.
    assert_snapshot!(bench.run_without_tools(&["build", "go"]), @r"
    exit 1
    --- err
    error: Go 1.24 or newer is missing. Install it with
        curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz && export PATH=$PATH:/usr/local/go/bin
    ");
    assert!(!bench.path().join("go/go.wasm").exists());
}

#[test]
fn of_a_file_without_end_only_the_beginning_is_read() {
    // A tebibyte that takes no room on the disk, and that no machine could hold in memory.
    let bench = Bench::new();
    bench.write("huge.wasm", component(0, ""));
    let file = std::fs::OpenOptions::new().write(true).open(bench.path().join("huge.wasm")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_snapshot!(bench.run(&["preview", "huge.wasm", "--offline"]), @r"
    exit 1
    --- err
    error: huge.wasm: The file is larger than 128 MiB, so it is not read: leave data out of the program.
    ");
}
