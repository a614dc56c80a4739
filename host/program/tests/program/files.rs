//! Files that are no stacks, and stacks that want what they cannot have. All but one are written here.

use crate::common::{host, hostile, inputs, message, root, run, run_on};
use mlflow_host_program::ProgramError;
use wit_component::StringEncoding;
use wit_parser::Resolve;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component whose `run` has this body, as a core function that returns the address of its result.
fn component(memory_pages: u32, body: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component
            (core module $module
                (memory (export "memory") {memory_pages})
                (func (export "run") (result i32) {body} (i32.const 0)))
            (core instance $instance (instantiate $module))
            (alias core export $instance "memory" (core memory $memory))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $instance "run") (memory $memory))))"#
    ))
}

/// A core module with the type of a stack.
pub(crate) fn module(text: &str) -> Vec<u8> {
    let mut module = wat(text);
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("stack")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

#[test]
fn what_is_not_wasm_is_named() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "The file is empty: build it again."),
        (
            b"#!/bin/sh\nexit 0\n",
            "This is not WebAssembly: such a file starts with `\\0asm`, and this one starts with `#!/bin/s`.",
        ),
        (
            b"\x7fELF\x02\x01\x01\0",
            "This is not WebAssembly: such a file starts with `\\0asm`, and this one starts with the bytes 7f454c4602010100.",
        ),
        (b"\0asm", "The file is truncated or damaged: build it again (it ends within its first 8 bytes)."),
        (b"\0asm\x09\0\0\0", "The file is truncated or damaged: build it again (its version is unknown)."),
    ];
    for (bytes, expected) in cases {
        assert_eq!(message(bytes, &inputs("good")), expected);
    }
}

#[test]
fn a_truncated_file_is_recognised_wherever_it_ends() {
    let whole = hostile();
    for length in [9, 100, whole.len() / 2, whole.len() - 1] {
        let message = message(&whole[..length], &inputs("good"));
        let expected =
            ["The file is truncated or damaged", "This is a WebAssembly module without a component type"];
        assert!(expected.iter().any(|start| message.starts_with(start)), "{length}: {message}");
    }
    let whole = component(1, "");
    for length in [9, whole.len() / 2, whole.len() - 1] {
        let message = message(&whole[..length], &inputs("good"));
        assert!(message.starts_with("The file is truncated or damaged"), "{length}: {message}");
    }
}

#[test]
fn a_module_without_a_component_type_is_no_stack() {
    let module = wat(r#"(module (func (export "run")))"#);
    assert_eq!(
        message(&module, &inputs("good")),
        "This is a WebAssembly module without a component type, so it is no stack: build it with one of the \
         SDKs, or add the type with `wasm-tools component embed`."
    );
}

#[test]
fn another_contract_version_is_told_with_both_versions() {
    let of_version = |version: &str| {
        wat(&format!(
            r#"(component
                (import "mlflow-host:stack/config@{version}" (instance
                    (export "get" (func (param "key" string) (result (option string)))))))"#
        ))
    };
    for version in ["0.2.0", "1.0.0", "0.0.9"] {
        let failure = run(&of_version(version), &inputs("good")).unwrap_err();
        assert!(matches!(failure.error, ProgramError::WrongVersion { .. }));
        assert_eq!(
            failure.to_string(),
            format!(
                "The stack was built for version {version} of the contract `mlflow-host:stack`, and this host \
                 speaks 0.1.0: build it again with the SDK of this host, or use a host that fits."
            )
        );
    }
    // A later version of the same series fits as long as it asks for nothing new.
    let failure = run(&of_version("0.1.7"), &inputs("good")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::MissingExport(_)), "{failure}");
}

#[test]
fn unknown_imports_are_listed() {
    let program = wat(r#"(component
            (import "wasi:http/types@0.2.0" (instance))
            (import "wasi:cli/environment@0.2.0" (instance))
            (import "acme:magic/wand" (instance)))"#);
    let failure = run(&program, &inputs("good")).unwrap_err();
    let ProgramError::UnknownImports { names, .. } = &failure.error else { panic!("{failure}") };
    assert_eq!(names, &["wasi:http/types@0.2.0", "acme:magic/wand"]);
    assert!(
        failure
            .to_string()
            .starts_with("The stack asks for `wasi:http/types@0.2.0`, `acme:magic/wand`, which")
    );
    let newer = wat(r#"(component
            (import "mlflow-host:stack/graph@0.1.9" (instance (export "teleport" (func))))
            (core module $module (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 0)))
            (core instance $instance (instantiate $module))
            (alias core export $instance "memory" (core memory $memory))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $instance "run") (memory $memory))))"#);
    let failure = run(&newer, &inputs("good")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::Unlinkable(_)));
    assert!(failure.to_string().contains("teleport"), "{failure}");
}

#[test]
fn imports_of_a_module_beyond_its_type_are_told() {
    let program = module(
        r#"(module
            (import "env" "magic" (func))
            (memory (export "memory") 1)
            (func (export "run") (result i32) (i32.const 0)))"#,
    );
    let failure = run(&program, &inputs("good")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::Unlinkable(_)), "{failure}");
    assert!(failure.to_string().contains("env"), "{failure}");
}

#[test]
fn a_component_without_run_is_no_stack() {
    let failure = run(&wat("(component)"), &inputs("good")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::MissingExport(_)));
    let other = wat(r#"(component
            (core module $module (func (export "run")))
            (core instance $instance (instantiate $module))
            (func (export "run") (canon lift (core func $instance "run"))))"#);
    let failure = run(&other, &inputs("good")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::Unlinkable(_)), "{failure}");
}

#[test]
fn a_crash_is_told_in_few_words() {
    let cases = [
        ("unreachable", "The program crashed: it stopped itself (`unreachable`)."),
        ("(drop (i32.load (i32.const -4)))", "The program crashed: out of bounds memory access."),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "The program crashed: integer divide by zero."),
    ];
    for (body, expected) in cases {
        assert_eq!(message(&component(1, body), &inputs("good")), expected);
    }
    assert!(run(&component(1, ""), &inputs("good")).is_ok());
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let failure = run(&component(1, "(loop $again (br $again))"), &inputs("good")).unwrap_err();
    assert_eq!(failure.to_string(), "The program did not end within 5 seconds: look for an endless loop.");
}

#[test]
fn memory_is_capped() {
    let expected = "The program needs more memory than its 128 MiB.";
    // 10 GiB at once, as much as there is in small steps, and from the start.
    assert_eq!(message(&component(1, "(drop (memory.grow (i32.const 163840)))"), &inputs("good")), expected);
    let steps = "(loop $again (drop (memory.grow (i32.const 16))) (br $again))";
    assert_eq!(message(&component(1, steps), &inputs("good")), expected);
    assert_eq!(message(&component(4096, ""), &inputs("good")), expected);
}

#[test]
fn tables_count_as_memory() {
    let expected = "The program needs more memory than its 128 MiB.";
    let tables = |table: &str, body: &str| {
        let tables = table.repeat(100);
        module(&format!(
            r#"(module {tables} (memory (export "memory") 1)
                (func (export "run") (result i32) {body} (i32.const 0))
                (func (export "cabi_post_run") (param i32)))"#
        ))
    };
    // A hundred that are large from the start, and one that grows for ever.
    assert_eq!(message(&tables("(table 1000000 funcref)", ""), &inputs("good")), expected);
    let steps = "(loop $again (drop (table.grow 7 (ref.null func) (i32.const 1000))) (br $again))";
    assert_eq!(message(&tables("(table 1 funcref)", steps), &inputs("good")), expected);
    assert!(run(&tables("(table 1000 funcref)", ""), &inputs("good")).is_ok());
}

#[test]
fn fuel_is_counted_the_same_each_time() {
    let program = component(
        1,
        "(local $i i32) (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))",
    );
    let used =
        |fuel| run_on(&host(Some(fuel)), &program, &inputs("good")).map(|outcome| outcome.fuel.unwrap());
    let first = used(1_000_000).unwrap();
    assert!((1000..100_000).contains(&first), "{first}");
    assert_eq!(used(2_000_000).unwrap(), first);
    let failure = used(first / 2).unwrap_err();
    assert_eq!(failure.to_string(), format!("The program did not end within {} units of fuel.", first / 2));
}

#[test]
fn there_is_room_for_interpreters_that_nest_deeply() {
    let component = wat(r#"(component
        (core module $module
            (memory (export "memory") 1)
            (func $dive (param $levels i32)
                (if (local.get $levels) (then (call $dive (i32.sub (local.get $levels) (i32.const 1))))))
            (func (export "run") (result i32) (call $dive (i32.const 100000)) (i32.const 0)))
        (core instance $instance (instantiate $module))
        (alias core export $instance "memory" (core memory $memory))
        (func (export "run") (result (result (error string)))
            (canon lift (core func $instance "run") (memory $memory))))"#);
    // Counting fuel makes every call dearer.
    for fuel in [None, Some(1 << 40)] {
        let outcome = run_on(&host(fuel), &component, &inputs("good"));
        assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}
