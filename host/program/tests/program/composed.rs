//! Stacks that use other components.

use crate::common::{inputs, run};
use mlflow_host_program::{ProgramError, compose};

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
    wat::parse_str(format!(
        r#"(component
            (core module $module (func (export "number") (result i32) (i32.const {number})))
            (core instance $instance (instantiate $module))
            (func $number (result u32) (canon lift (core func $instance "number")))
            (instance $source (export "number" (func $number)))
            (export "{name}" (instance $source)))"#
    ))
    .unwrap()
}

#[test]
fn a_stack_gets_what_a_component_exports() {
    let number = source("acme:numbers/source@0.1.0", 7);
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
    let number = source("acme:numbers/source@0.1.0", 7);
    let error = compose(b"#!/bin/sh\n", &[("number.wasm", &number)]).unwrap_err();
    assert!(matches!(error, ProgramError::NotWasm(_)), "{error}");
    let error = compose(&stack(7), &[("number.wasm", b"")]).unwrap_err();
    assert!(matches!(error, ProgramError::Empty), "{error}");
    let error = compose(&stack(7), &[("number.wasm", &number[..number.len() - 3])]).unwrap_err();
    assert!(matches!(error, ProgramError::Unlinkable(_)), "{error}");
}
