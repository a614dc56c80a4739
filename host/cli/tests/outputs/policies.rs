//! Policies: those that are shipped, and what becomes of a plan that one does not allow.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::bench::Bench;
use crate::guest::Guest;

/// Puts a policy of `stacks/policies` there.
fn shipped(bench: &Bench, name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../stacks/policies/{name}.wasm"));
    let policy =
        fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}: run `make stacks`", file.display()));
    bench.write(&format!("{name}.wasm"), policy);
}

/// A policy that always has the same violation.
fn refusal(message: &str) -> Vec<u8> {
    let length = message.len();
    let mut module = wat::parse_str(format!(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const 8) "\00\00\00\00\18\00\00\00\01\00\00\00")
            (data (i32.const 48) "\40\00\00\00\{length:02x}\00\00\00")
            (data (i32.const 64) "{message}")
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $start i32)
                (local.set $start (global.get $free))
                (global.set $free (i32.add (local.get $start) (local.get 3)))
                (local.get $start))
            (func (export "mlflow-host:stack/review@0.1.0#judge") (param i32 i32 i32 i32) (result i32)
                (i32.const 8)))"#
    ))
    .unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// What a shipped policy says of a stack, without the plan.
fn verdict(policy: &str, stack: Guest) -> String {
    let bench = Bench::new();
    shipped(&bench, policy);
    bench.write("bad.wasm", stack.build());
    let config = "[target]\ncloud = \"gcp\"\nproject = \"a-project\"\n";
    bench.write("bad.toml", format!("{config}[policies]\n{policy} = {{ file = \"{policy}.wasm\" }}\n"));
    let run = bench.run(&["preview", "bad.wasm", "--offline"]);
    let (code, rest) = run.split_once('\n').unwrap();
    let start = rest.find("1 policy: ").unwrap_or_else(|| panic!("{run}"));
    let end = rest.find("--- err").unwrap_or(rest.len());
    let error = rest.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    format!("{code}\n{}{error}", &rest[start..end])
}

#[test]
fn a_public_bucket_is_refused() {
    let stack = Guest::default()
        .declare("storage.googleapis.com/Bucket", "artifacts", r#"{"location": "EU"}"#, "{}")
        .declare(
            "storage.googleapis.com/BucketIamMember",
            "everybody",
            r#"{"bucket": "a-bucket", "role": "roles/storage.objectViewer", "member": "allUsers"}"#,
            "{}",
        );
    assert_snapshot!(verdict("public-bucket", stack));
}

#[test]
fn a_public_database_is_refused() {
    let properties = r#"{"databaseVersion": "POSTGRES_17", "settings": {"tier": "db-f1-micro",
        "ipConfiguration": {"authorizedNetworks": [{"value": "0.0.0.0/0"}]}}}"#;
    let stack = Guest::default().declare("sqladmin.googleapis.com/Instance", "database", properties, "{}");
    assert_snapshot!(verdict("public-database", stack));
}

#[test]
fn missing_protection_is_refused() {
    let properties = r#"{"databaseVersion": "POSTGRES_17", "settings": {"tier": "db-f1-micro"}}"#;
    let stack = Guest::default()
        .declare("sqladmin.googleapis.com/Instance", "database", properties, "{}")
        .declare("storage.googleapis.com/Bucket", "kept", "{}", r#"{"protect": true}"#)
        .declare("storage.googleapis.com/Bucket", "lost", r#"{"forceDestroy": true}"#, "{}");
    assert_snapshot!(verdict("deletion-protection", stack));
}

#[test]
fn policies_of_the_command_line_have_parameters() {
    let bench = Bench::new();
    shipped(&bench, "deletion-protection");
    let bucket = |stack: Guest, name| stack.declare("storage.googleapis.com/Bucket", name, "{}", "{}");
    bench.write("dev.wasm", ["cache", "scratch"].into_iter().fold(Guest::default(), bucket).build());
    // What the configuration gives a policy of the same name is for that one only.
    bench.write(
        "dev.toml",
        "[policies]\ndeletion-protection = { file = \"deletion-protection.wasm\", level = \"advisory\" }\n",
    );
    let preview = |parameters: &[&str]| {
        let policy = ["preview", "dev.wasm", "--offline", "--policy", "deletion-protection.wasm"];
        let set = parameters.iter().flat_map(|parameter| ["--policy-set", *parameter]);
        bench.run(&policy.into_iter().chain(set).collect::<Vec<_>>())
    };
    // Without its parameter the policy names it.
    let run = preview(&[]);
    assert!(run.starts_with("exit 5\n"), "{run}");
    assert!(run.contains("or name it in the parameter `temporary-buckets`."), "{run}");
    let one = r#"deletion-protection.temporary-buckets=["cache"]"#;
    assert!(preview(&[one]).starts_with("exit 5\n"), "a bucket is left");
    let both = r#"deletion-protection.temporary-buckets=["cache", "scratch"]"#;
    let run = preview(&[one, both]);
    assert!(run.starts_with("exit 0\n"), "the last one counts: {run}");
    assert_snapshot!("parameters_of_the_command_line", run);

    let wrong = [
        "deletion-protecton.temporary-buckets=[]",
        "roles.allowed=[]",
        "temporary-buckets=[]",
        "deletion-protection.temporary=[]",
        "deletion-protection.temporary-buckets=cache",
    ];
    let said = wrong.map(|parameter| {
        format!("{parameter}\n{}", preview(&[parameter]).split_once("--- err\n").unwrap().1)
    });
    let alone = bench.run(&["up", "dev.wasm", "--policy-set", "roles.allowed=[]"]);
    assert_snapshot!("wrong_parameters_of_the_command_line", format!("{}\nalone: {alone}", said.join("\n")));
}

#[test]
fn a_rule_that_deletes_artifacts_is_refused() {
    let properties = r#"{"lifecycle": {"rule": [
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 90}},
        {"action": {"type": "Delete"}, "condition": {"age": 90}}]}}"#;
    let stack = Guest::default().declare("storage.googleapis.com/Bucket", "artifacts", properties, "{}");
    assert_snapshot!(verdict("artifact-expiry", stack));
}

#[test]
fn a_broad_role_is_refused() {
    let member = |name: &str, role: &str| {
        let properties = format!(r#"{{"role": "{role}", "member": "group:team@example.com"}}"#);
        (name.to_owned(), properties)
    };
    let members = [
        member("one", "roles/editor"),
        member("two", "roles/storage.admin"),
        member("three", "roles/run.viewer"),
    ];
    let stack = members.iter().fold(Guest::default(), |stack, (name, properties)| {
        stack.declare("cloudresourcemanager.googleapis.com/ProjectIamMember", name, properties, "{}")
    });
    assert_snapshot!(verdict("broad-role", stack));
}

#[test]
fn an_advisory_policy_is_shown_and_stops_nothing() {
    let bench = Bench::new();
    bench.write("dev.wasm", Guest::default().value("one", "1").build());
    bench.write("never.wasm", refusal("Not today."));
    bench.write("dev.toml", "[policies]\nnever = { file = \"never.wasm\", level = \"advisory\" }\n");
    assert_snapshot!("advisory", bench.run(&["preview", "dev.wasm", "--offline"]));
    let run = bench.run(&["preview", "dev.wasm", "--offline", "--json"]);
    // The digest is that of what the encoder makes of the policy, which differs from version to version.
    let (before, digest) = run.split_once(r#""digest":""#).unwrap();
    let (digest, after) = digest.split_once('"').unwrap();
    assert_eq!(digest.len(), 64);
    assert_snapshot!("advisory_for_scripts", format!(r#"{before}"digest":"DIGEST"{after}"#));
    // The command line has the last word, and it says mandatory.
    let run = bench.run(&["preview", "dev.wasm", "--offline", "--policy", "never.wasm"]);
    assert!(run.starts_with("exit 5\n"), "{run}");
    assert!(run.contains("The policy `never` does not allow this; nothing has been changed."), "{run}");
}

#[test]
fn what_a_policy_refuses_is_not_begun() {
    let bench = Bench::new();
    bench.write("dev.wasm", Guest::default().value("one", "1").build());
    bench.write("never.wasm", refusal("Not today."));
    let refused = |arguments: &[&str]| {
        let before = bench.journals();
        let run = bench.run(&[arguments, &["--policy", "never.wasm"]].concat());
        assert!(run.starts_with("exit 5\n"), "{run}");
        assert_eq!(bench.journals(), before, "nothing is begun");
    };
    let done = |arguments: &[&str]| {
        let run = bench.run(arguments);
        assert!(run.starts_with("exit 0\n"), "{run}");
    };
    refused(&["up", "dev.wasm", "--yes"]);
    refused(&["preview", "dev.wasm", "--out", "plan.json"]);
    assert!(!bench.files().contains(&"plan.json".to_owned()), "a refused plan is not kept");
    done(&["preview", "dev.wasm", "--out", "plan.json"]);
    refused(&["up", "dev.wasm", "--plan", "plan.json"]);
    done(&["up", "dev.wasm", "--plan", "plan.json"]);
    // Without a change, and without the program: what is there is judged as well.
    refused(&["up", "dev.wasm", "--yes"]);
    refused(&["destroy", "dev.wasm", "--yes"]);
    done(&["destroy", "dev.wasm", "--yes"]);
}

#[test]
fn what_cannot_judge_stops_the_run() {
    let bench = Bench::new();
    bench.write("dev.wasm", Guest::default().value("one", "1").build());
    bench.write("broken.wasm", "#!/bin/sh\n");
    shipped(&bench, "broad-role");
    let level = "level = \"advisory\"";
    bench.write("dev.toml", format!("[policies]\nbroken = {{ file = \"broken.wasm\", {level} }}\n"));
    assert_snapshot!("no_policy", bench.run(&["preview", "dev.wasm", "--offline"]));
    bench.write("dev.toml", format!("[policies]\nmissing = {{ file = \"missing.wasm\", {level} }}\n"));
    assert_snapshot!("missing_policy", bench.run(&["preview", "dev.wasm", "--offline"]));
    bench.write(
        "dev.toml",
        "[policies]\nroles = { file = \"broad-role.wasm\", parameters = { alowed = [] } }\n",
    );
    assert_snapshot!("misspelt_parameter", bench.run(&["preview", "dev.wasm", "--offline"]));
    bench.write("dev.toml", "[policies]\nroles = { file = \"broad-role.wasm\", level = \"strict\" }\n");
    assert_snapshot!("unknown_level", bench.run(&["preview", "dev.wasm", "--offline"]));
    // A stack is no policy.
    bench.write("dev.toml", "");
    let run = bench.run(&["preview", "dev.wasm", "--offline", "--policy", "dev.wasm"]);
    assert!(run.contains("The policy asks for `mlflow-host:stack/graph@0.1.0`"), "{run}");
}
