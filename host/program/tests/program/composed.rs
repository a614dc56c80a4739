//! Stacks that use other components.

use crate::common::{inputs, message, run};
use mlflow_host_program::{ProgramError, compose};

const SOURCE: &str = "acme:numbers/source@0.1.0";

/// A stack that crashes unless another component gives it this number.
fn stack(number: u32) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (import "acme:numbers/source@0.1.0" (instance $source (export "number" (func (result u32)))))
            (core func $number (canon lower (func $source "number")))
            (core module $module
                (import "source" "number" (func $number (result i32)))
                (memory (export "memory") 1)
                (func (export "run") (result i32)
                    (if (i32.ne (call $number) (i32.const {number})) (then unreachable))
                    (i32.const 0)))
            (core instance $instance (instantiate $module
                (with "source" (instance (export "number" (func $number))))))
            (alias core export $instance "memory" (core memory $memory))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $instance "run") (memory $memory))))"#
    ))
    .unwrap()
}

/// A component that exports a number under this name.
fn source(name: &str, number: u32) -> Vec<u8> {
    hostile(name, &format!("(i32.const {number})"))
}

/// A component that exports a number under this name, after it has done this.
fn hostile(name: &str, body: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            (core module $module
                (memory 1)
                (func (export "number") (result i32) {body}))
            (core instance $instance (instantiate $module))
            (func $number (result u32) (canon lift (core func $instance "number")))
            (instance $source (export "number" (func $number)))
            (export "{name}" (instance $source)))"#
    ))
    .unwrap()
}

/// A stack in whose place these components answer, each for one number.
fn with_two(first: &str, second: &str) -> Vec<u8> {
    let numbers = wat::parse_str(
        r#"(component
            (import "acme:numbers/first@0.1.0" (instance $first (export "number" (func (result u32)))))
            (import "acme:numbers/second@0.1.0" (instance $second (export "number" (func (result u32)))))
            (core func $first (canon lower (func $first "number")))
            (core func $second (canon lower (func $second "number")))
            (core module $module
                (import "source" "first" (func $first (result i32)))
                (import "source" "second" (func $second (result i32)))
                (memory (export "memory") 1)
                (func (export "run") (result i32)
                    (drop (call $first))
                    (drop (call $second))
                    (i32.const 0)))
            (core instance $instance (instantiate $module
                (with "source" (instance
                    (export "first" (func $first))
                    (export "second" (func $second))))))
            (alias core export $instance "memory" (core memory $memory))
            (func (export "run") (result (result (error string)))
                (canon lift (core func $instance "run") (memory $memory))))"#,
    )
    .unwrap();
    let first = hostile("acme:numbers/first@0.1.0", first);
    let second = hostile("acme:numbers/second@0.1.0", second);
    compose(&numbers, &[("first.wasm", &first), ("second.wasm", &second)]).unwrap()
}

#[test]
fn a_stack_gets_what_a_component_exports() {
    let number = source(SOURCE, 7);
    let composed = compose(&stack(7), &[("number.wasm", &number)]).unwrap();
    run(&composed, &inputs("good")).unwrap();

    // The check itself can fail.
    let composed = compose(&stack(8), &[("number.wasm", &number)]).unwrap();
    let failure = run(&composed, &inputs("good")).unwrap_err();
    assert!(matches!(failure.error, ProgramError::Trap { .. }), "{failure}");
}

#[test]
fn a_stack_without_its_component_says_how_to_bring_it_in() {
    let failure = run(&stack(7), &inputs("good")).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "The stack asks for `acme:numbers/source@0.1.0`, which a stack cannot have: it gets `mlflow-host:stack` \
         and WASI 0.2 without a world around it. What another component exports, `mlflow-host compose` brings in."
    );
}

#[test]
fn a_component_that_nothing_uses_is_named() {
    for other in ["acme:numbers/other@0.1.0", "acme:numbers/source@0.2.0"] {
        let error = compose(&stack(7), &[("other.wasm", &source(other, 7))]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The stack uses nothing of what other.wasm exports: both must be built for the same interface."
        );
    }
}

#[test]
fn what_is_no_component_is_not_composed() {
    let number = source(SOURCE, 7);
    let error = compose(b"#!/bin/sh\n", &[("number.wasm", &number)]).unwrap_err();
    assert!(matches!(error, ProgramError::NotWasm(_)), "{error}");
    let error = compose(&stack(7), &[("number.wasm", b"")]).unwrap_err();
    assert!(matches!(error, ProgramError::Empty), "{error}");
    let error = compose(&stack(7), &[("number.wasm", &number[..number.len() - 3])]).unwrap_err();
    assert!(matches!(error, ProgramError::Unlinkable(_)), "{error}");
}

#[test]
fn a_component_that_loops_ends_at_the_deadline() {
    let endless = hostile(SOURCE, "(loop $again (br $again)) (unreachable)");
    let composed = compose(&stack(7), &[("endless.wasm", &endless)]).unwrap();
    assert_eq!(
        message(&composed, &inputs("good")),
        "The program did not end within 5 seconds: look for an endless loop."
    );
}

#[test]
fn components_share_one_limit_of_memory() {
    // 70 MiB, and the host of the tests allows 128.
    let greedy =
        "(if (i32.eq (memory.grow (i32.const 1120)) (i32.const -1)) (then unreachable)) (i32.const 7)";
    run(&with_two(greedy, "(i32.const 7)"), &inputs("good")).unwrap();
    assert_eq!(
        message(&with_two(greedy, greedy), &inputs("good")),
        "The program needs more memory than its 128 MiB."
    );
}

#[test]
fn a_component_gets_no_more_than_a_stack_would() {
    for world in ["wasi:http/outgoing-handler@0.2.0", "acme:host/shell@1.0.0"] {
        let reaching = wat::parse_str(format!(
            r#"(component
                (import "{world}" (instance))
                (core module $module (func (export "number") (result i32) (i32.const 7)))
                (core instance $instance (instantiate $module))
                (func $number (result u32) (canon lift (core func $instance "number")))
                (instance $source (export "number" (func $number)))
                (export "{SOURCE}" (instance $source)))"#
        ))
        .unwrap();
        let composed = compose(&stack(7), &[("reaching.wasm", &reaching)]).unwrap();
        assert_eq!(
            message(&composed, &inputs("good")),
            format!(
                "The stack asks for `{world}`, which a stack cannot have: it gets `mlflow-host:stack` and WASI 0.2 \
                 without a world around it. What another component exports, `mlflow-host compose` brings in."
            )
        );
    }
}

#[test]
fn a_component_finds_no_way_to_the_network() {
    // Looks a name up, and answers with the number of the error: 20 is `permanent-resolver-failure`.
    let asking = wat::parse_str(format!(
        r#"(component
            (import "wasi:sockets/network@0.2.0" (instance $sockets
                (export "network" (type (sub resource)))
                (type $error (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory"
                    "timeout" "concurrency-conflict" "not-in-progress" "would-block" "invalid-state"
                    "new-socket-limit" "address-not-bindable" "address-in-use" "remote-unreachable"
                    "connection-refused" "connection-reset" "connection-aborted" "datagram-too-large"
                    "name-unresolvable" "temporary-resolver-failure" "permanent-resolver-failure"))
                (export "error-code" (type (eq $error)))))
            (alias export $sockets "network" (type $network))
            (alias export $sockets "error-code" (type $error))
            (import "wasi:sockets/instance-network@0.2.0" (instance $instance-network
                (alias outer 1 $network (type $outer))
                (export "network" (type $network (eq $outer)))
                (export "instance-network" (func (result (own $network))))))
            (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
                (alias outer 1 $network (type $outer-network))
                (alias outer 1 $error (type $outer-error))
                (export "network" (type $network (eq $outer-network)))
                (export "error-code" (type $error (eq $outer-error)))
                (export "resolve-address-stream" (type $stream (sub resource)))
                (export "resolve-addresses" (func (param "network" (borrow $network)) (param "name" string)
                    (result (result (own $stream) (error $error)))))))
            (core module $memory-module (memory (export "memory") 1))
            (core instance $memory-instance (instantiate $memory-module))
            (alias core export $memory-instance "memory" (core memory $memory))
            (core func $network-lowered (canon lower (func $instance-network "instance-network")))
            (core func $resolve (canon lower (func $lookup "resolve-addresses") (memory $memory)))
            (core module $module
                (import "sockets" "network" (func $network (result i32)))
                (import "sockets" "resolve" (func $resolve (param i32 i32 i32 i32)))
                (import "sockets" "memory" (memory 1))
                (data (i32.const 16) "localhost")
                (func (export "number") (result i32)
                    (call $resolve (call $network) (i32.const 16) (i32.const 9) (i32.const 32))
                    (if (i32.eqz (i32.load8_u (i32.const 32))) (then unreachable))
                    (i32.load8_u (i32.const 36))))
            (core instance $instance (instantiate $module
                (with "sockets" (instance
                    (export "network" (func $network-lowered))
                    (export "resolve" (func $resolve))
                    (export "memory" (memory $memory))))))
            (func $number (result u32) (canon lift (core func $instance "number")))
            (instance $source (export "number" (func $number)))
            (export "{SOURCE}" (instance $source)))"#
    ))
    .unwrap();
    let composed = compose(&stack(20), &[("asking.wasm", &asking)]).unwrap();
    run(&composed, &inputs("good")).unwrap();
}
