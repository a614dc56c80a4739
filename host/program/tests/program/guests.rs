//! What stacks do with the contract, well and badly.

use std::time::Duration;

use crate::common::{REFUSED, all_problems, hostile, inputs, message, problems, run, run_on};
use mlflow_host_graph::Role;
use mlflow_host_program::{Inputs, Level, ProgramError, ProgramHost, ProgramHostConfig};
use serde_json::json;

#[test]
fn a_good_stack_gives_its_graph() {
    let outcome = run(hostile(), &inputs("good")).unwrap();
    let graph = &outcome.graph;
    let names: Vec<_> = graph.resources.iter().map(|resource| resource.urn.to_string()).collect();
    assert_eq!(names, ["std/RandomPassword::password", "std/Value::first", "std/Value::second"]);
    let second = &graph.resources[2];
    assert_eq!(
        second.properties.get("value").unwrap().to_shown_json(),
        json!({
            "whole": {"$attribute": "std/Value::first#value"},
            "part": {"$concatenation": [
                "postgres://u:",
                {"$call": "url-encode", "arguments": [{"$attribute": "std/RandomPassword::password#result"}]},
                "@h",
            ]},
            "secret": {"$secretConfig": "token"},
        })
    );
    assert_eq!(second.role, Role::Managed);
    assert!(second.options.protect);
    assert_eq!(second.options.ignore_changes[0].to_string(), "value.part");
    assert_eq!(second.options.replace_on.len(), 1);
    assert_eq!(second.dependencies().len(), 2);
    assert_eq!(graph.resources[1].parent.as_deref(), Some("all"));
    assert_eq!(graph.components[0].kind, "test:group");
    assert_eq!(graph.outputs["where"].to_shown_json(), json!("dev europe-west1"));
    assert_eq!(outcome.logs.len(), 1);
    assert_eq!(outcome.logs[0].message, "The value is ${std/Value::first#value}.");
    assert_eq!(outcome.digest.len(), 64);
}

#[test]
fn the_same_program_and_inputs_give_the_same_graph() {
    let graph = |inputs: &Inputs| run(hostile(), inputs).unwrap().graph;
    assert_eq!(graph(&inputs("good")), graph(&inputs("good")));
    let elsewhere = Inputs { region: "us-central1".to_owned(), ..inputs("good") };
    assert_ne!(graph(&inputs("good")), graph(&elsewhere));
}

#[test]
fn a_damaged_cache_does_no_harm() {
    let cache = tempfile::tempdir().unwrap();
    let config = || ProgramHostConfig { cache_directory: Some(cache.path().into()), ..Default::default() };
    let graph =
        || run_on(&ProgramHost::new(config()).unwrap(), hostile(), &inputs("good")).map(|run| run.graph);
    let first = graph().unwrap();
    assert_eq!(graph().unwrap(), first);
    let kept = std::fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path());
    let component =
        kept.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm")).unwrap();
    std::fs::write(&component, b"garbage").unwrap();
    assert_eq!(graph().unwrap(), first);
}

#[test]
fn wrong_declarations_are_named() {
    assert_eq!(
        problems("unknown-kind"),
        ["std/Nonsense::thing: There is no kind `std/Nonsense`. Did you mean `std/Value`?"]
    );
    assert_eq!(
        problems("misspelt"),
        ["std/Value::thing: `valeu`: There is no property `valeu`. Did you mean `value`?"]
    );
    assert_eq!(
        problems("duplicate"),
        ["std/Value::thing: There are two resources of this kind and name: give each its own name."]
    );
    assert_eq!(
        problems("cycle"),
        [
            "The resources depend on each other in a circle: `std/Value::first` → `std/Value::second` → `std/Value::first`."
        ]
    );
    assert_eq!(
        problems("key"),
        [
            "std/Value::second: `value`: The key `${std/Value::first#value}` holds a reference: references may be values, not keys."
        ]
    );
}

#[test]
fn mangled_references_are_named_by_property() {
    let message = "It holds a reference that was cut, changed, escaped or made up: put references into strings whole, and use \
             the SDK's function `json` for JSON in a string.";
    assert_eq!(
        problems("mangled"),
        [
            format!("std/Value::second: `value.cut`: {message}"),
            format!("std/Value::second: `value.upper`: {message}"),
        ]
    );
}

#[test]
fn a_swallowed_problem_fails_the_run_with_all_others() {
    assert_eq!(
        problems("swallowed"),
        [
            "std/Nonsense::broken: There is no kind `std/Nonsense`. Did you mean `std/Value`?",
            "std/Value::second: `valeu`: There is no property `valeu`. Did you mean `value`?",
        ]
    );
    assert!(
        message(hostile(), &inputs("swallowed")).starts_with("The stack has 3 problems:\n  std/Nonsense")
    );
    let all = all_problems("swallowed");
    let lines: Vec<_> = all[2].strip_prefix(REFUSED).unwrap().lines().collect();
    assert_eq!(lines.len(), 2, "{all:#?}");
    assert!(lines.iter().all(|line| line.starts_with("    hostile/src/lib.rs:")), "{all:#?}");
}

#[test]
fn a_stack_that_gives_up_is_quoted_without_its_escape_sequences() {
    assert_eq!(
        message(hostile(), &inputs("fail")),
        "The program failed: The moon is \u{FFFD}[31mnot\u{FFFD}[0m in the right phase."
    );
}

#[test]
fn configuration_that_is_missing_or_ill_typed_is_named() {
    let without = Inputs { config: [].into(), ..inputs("good") };
    assert_eq!(
        message(hostile(), &without),
        "The program failed: The configuration key `case` is not set: run `mlflow-host config set STACK.wasm case VALUE`."
    );
    let without = Inputs { secret_keys: [].into(), ..inputs("good") };
    assert_eq!(
        message(hostile(), &without),
        "The program failed: The secret `token` is not set: run `mlflow-host config set STACK.wasm --secret token env:NAME`."
    );
    let mut typed = inputs("typed");
    typed.config.insert("number".to_owned(), json!(["x"]));
    assert_eq!(
        message(hostile(), &typed),
        "The program failed: The configuration key `number` must be a whole number, not `[\"x\"]`."
    );
    typed.config.insert("number".to_owned(), json!(7));
    assert!(run(hostile(), &typed).is_ok());
}

#[test]
fn a_panic_is_told_in_its_own_words() {
    let failure = run(hostile(), &inputs("panic")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::Trap { .. }));
    let message = failure.to_string();
    assert!(message.starts_with("The program crashed: panic: panicked at hostile/src/lib.rs:"), "{message}");
    assert!(message.ends_with("\nthe answer was 41."), "{message}");
    assert_eq!(failure.logs.last().unwrap().level, Level::Error);
}

#[test]
fn greed_is_stopped() {
    assert_eq!(message(hostile(), &inputs("allocate")), "The program needs more memory than its 128 MiB.");
    assert_eq!(
        message(hostile(), &inputs("loop")),
        "The program did not end within 5 seconds: look for an endless loop."
    );
    let recursion = message(hostile(), &inputs("recursion"));
    assert!(recursion.starts_with("The program crashed: "), "{recursion}");
}

#[test]
fn a_flood_of_messages_is_cut_off() {
    let logs = run(hostile(), &inputs("flood")).unwrap().logs;
    assert!(logs.iter().map(|line| line.message.len()).sum::<usize>() < 1 << 20);
    assert_eq!(logs.last().unwrap().message, "The program writes too much: further messages are left out.");
}

#[test]
fn what_may_be_declared_is_bounded() {
    let found = problems("declare-forever");
    assert_eq!(found[0], "std/Value::thing-2000: The stack declares more than 2000 resources: split it.");
    assert!(found[200].starts_with("There are ") && found[200].ends_with(" more."), "{}", found[200]);
    assert_eq!(found[201], "The program did not end within 5 seconds: look for an endless loop.");
    let found = problems("declare-wrongly");
    assert_eq!(found.len(), 202);
    assert!(found[0].ends_with("There is no property `valeu`. Did you mean `value`?"), "{}", found[0]);
    assert_eq!(found[201], "The program did not end within 5 seconds: look for an endless loop.");
    let found = problems("nested-calls");
    assert!(
        found[0].contains("nested more than 64 levels deep") || found[0].contains("split it"),
        "{}",
        found[0]
    );
    assert!(found.len() <= 202);
}

#[test]
fn what_one_call_may_carry_is_bounded() {
    let large = "bytes of JSON; at most 1048576 are allowed";
    let cases = [
        ("patterns", "the directory `wit`: ", large),
        ("long-patterns", "the directory `wit`: ", "The pattern has 200000 bytes; at most 500 are allowed."),
        ("large-options", "std/Value::thing: ", large),
        ("multiplied", "the call of `join`: ", "It refers to more than a stack may declare: split it."),
    ];
    for (case, subject, expected) in cases {
        let found = &problems(case)[0];
        assert!(found.starts_with(subject) && found.contains(expected), "{case}: {found}");
    }
    // This much does not even get to the host.
    let refused = message(hostile(), &inputs("large-call"));
    assert!(refused.starts_with("The program crashed: too much data"), "{refused}");
}

#[test]
fn packing_ends_when_the_time_is_over() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("big")).unwrap();
    // As much as may be packed, which takes longer than the program may run.
    std::fs::File::create(root.path().join("big/zeros")).unwrap().set_len(256 << 20).unwrap();
    let mut inputs = Inputs { assets_root: root.path().to_owned(), ..inputs("asset") };
    inputs.config.insert("path".to_owned(), json!("big"));
    let deadline = Duration::from_millis(300);
    let host = ProgramHost::new(ProgramHostConfig { deadline, ..Default::default() }).unwrap();
    let said = run_on(&host, hostile(), &inputs).unwrap_err().to_string();
    // A machine that is slow to begin with gets no further than the program itself.
    let ends = ["the time that a program may run is over", "did not end within 0.3 seconds"];
    assert!(ends.iter().any(|end| said.contains(end)), "{said}");
}

#[test]
fn a_directory_is_packed_and_referred_to() {
    let mut inputs = inputs("asset");
    inputs.config.insert("path".to_owned(), json!("wit"));
    let graph = run(hostile(), &inputs).unwrap().graph;
    let (digest, asset) = graph.assets.first_key_value().unwrap();
    assert!(asset.files.iter().any(|file| file.path == "stack.wit"), "{:?}", asset.files);
    let resource = &graph.resources[0];
    assert_eq!(
        resource.properties.get("value").unwrap().to_shown_json(),
        json!({"archive": {"$asset": digest}})
    );
    assert_eq!(resource.options.replace_on[0].to_shown_json(), json!(digest.hexadecimal()));

    inputs.config.insert("path".to_owned(), json!("../.."));
    let failure = run(hostile(), &inputs).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "The stack has 1 problem:\n  the directory `../..`: `../..` is not below the stack's own directory: give a \
         relative path without `..`."
    );
}
