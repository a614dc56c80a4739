//! Policies in the sandbox.

use crate::common::{host, root};
use mlflow_host_program::{Failure, ProgramError, Review};
use serde_json::{Value as Json, json};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// A policy whose `judge` has this body, as a core function that returns the address of its result.
fn policy(imports: &str, body: &str) -> Vec<u8> {
    let mut module = wat::parse_str(format!(
        r#"(module
            {imports}
            (memory (export "memory") 1)
            (global $free (mut i32) (i32.const 32768))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $start i32)
                (local.set $start (global.get $free))
                (global.set $free (i32.add (local.get $start) (local.get 3)))
                (local.get $start))
            (func (export "mlflow-host:stack/review@0.1.0#judge")
                (param $plan i32) (param $length i32) (param i32 i32) (result i32) {body}))"#
    ))
    .unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

fn review(policy: &[u8], plan: &Json) -> Result<Review, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(host(None).review(policy.to_vec().into(), plan, &json!({})))
}

/// One violation at address 1000, whose message is what the body puts at 1024 and 1028.
const ONE: &str = "(i32.store (i32.const 2004) (i32.const 1000)) (i32.store (i32.const 2008) (i32.const 1))";

#[test]
fn a_policy_sees_the_plan_and_nothing_else() {
    // The message is the plan itself.
    let echo = policy(
        "",
        &format!(
            "{ONE} (i32.store (i32.const 1024) (local.get $plan)) (i32.store (i32.const 1028) (local.get $length))
             (i32.const 2000)"
        ),
    );
    let plan = json!({"stack": "dev\u{1b}[31m", "resources": []});
    let found = review(&echo, &plan).unwrap();
    assert_eq!(found.violations.len(), 1);
    assert_eq!(found.violations[0].message, plan.to_string());
    assert_eq!((found.more, found.digest.len()), (0, 64));
    assert_eq!(review(&echo, &plan).unwrap(), found, "and always says the same of it");

    for interface in ["graph", "config", "assets"] {
        let greedy = wat::parse_str(format!(
            r#"(component (import "mlflow-host:stack/{interface}@0.1.0" (instance)))"#
        ));
        let failure = review(&greedy.unwrap(), &plan).unwrap_err();
        assert!(matches!(failure.error, ProgramError::UnknownImports { .. }), "{failure}");
        assert!(failure.to_string().starts_with("The policy asks for `mlflow-host:stack/"), "{failure}");
    }
}

#[test]
fn greed_is_stopped_and_what_is_no_policy_is_named() {
    let plan = json!({});
    let said = |policy: &[u8]| review(policy, &plan).unwrap_err().to_string();
    let endless = policy("", "(loop $again (br $again)) (i32.const 0)");
    assert_eq!(said(&endless), "The program did not end within 5 seconds: look for an endless loop.");
    let hungry = policy("", "(drop (memory.grow (i32.const 16384))) (i32.const 0)");
    assert_eq!(said(&hungry), "The program needs more memory than its 128 MiB.");
    // More violations than anybody reads, all of them empty.
    let many = policy(
        "",
        "(drop (memory.grow (i32.const 600)))
         (i32.store (i32.const 2004) (i32.const 65536)) (i32.store (i32.const 2008) (i32.const 100000))
         (i32.const 2000)",
    );
    let many = review(&many, &plan).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((many.violations.len(), many.more), (1000, 99_000));
    // A million violations that all point to the same 32 kilobytes.
    let amplified = policy(
        "",
        "(local $at i32)
         (drop (memory.grow (i32.const 600)))
         (local.set $at (i32.const 65536))
         (loop $again
            (i32.store offset=28 (local.get $at) (i32.const 32000))
            (local.set $at (i32.add (local.get $at) (i32.const 32)))
            (br_if $again (i32.lt_u (local.get $at) (i32.const 32065536))))
         (i32.store (i32.const 2004) (i32.const 65536)) (i32.store (i32.const 2008) (i32.const 1000000))
         (i32.const 2000)",
    );
    let failure = review(&amplified, &plan).unwrap_err();
    assert!(matches!(failure.error, ProgramError::Trap { .. }), "{failure}");
    assert_eq!(
        said(&wat::parse_str("(component)").unwrap()),
        "The component has no interface `review`, so it is no policy: export the world `policy` of \
         `mlflow-host:stack`."
    );
}
