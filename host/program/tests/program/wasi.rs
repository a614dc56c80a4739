//! WASI, which language runtimes insist on, and where it leads.

use std::time::Duration;

use crate::common::{inputs, run, run_on};
use crate::files::module;
use mlflow_host_program::{Level, ProgramHost, ProgramHostConfig};

#[test]
fn wasi_leads_nowhere_and_repeats_itself() {
    // Writes the time and 4 random bytes, in hexadecimal, and the numbers of variables and arguments.
    let program = module(
        r#"(module
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environment (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_prestat_get" (func $directory (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "0123456789abcdef")
            (func $hex (param $from i32) (param $count i32) (param $to i32)
                (loop $again
                    (i32.store8 (local.get $to)
                        (i32.load8_u (i32.shr_u (i32.load8_u (local.get $from)) (i32.const 4))))
                    (i32.store8 offset=1 (local.get $to)
                        (i32.load8_u (i32.and (i32.load8_u (local.get $from)) (i32.const 15))))
                    (local.set $from (i32.add (local.get $from) (i32.const 1)))
                    (local.set $to (i32.add (local.get $to) (i32.const 2)))
                    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                    (br_if $again (local.get $count))))
            (func (export "run") (result i32)
                (drop (call $time (i32.const 0) (i64.const 0) (i32.const 100)))
                (drop (call $random (i32.const 108) (i32.const 4)))
                (drop (call $environment (i32.const 112) (i32.const 116)))
                ;; 8 means: there is no such file descriptor.
                (i32.store8 (i32.const 113) (call $directory (i32.const 3) (i32.const 120)))
                (call $hex (i32.const 100) (i32.const 14) (i32.const 200))
                (i32.store8 (i32.const 228) (i32.const 10))
                (i32.store (i32.const 300) (i32.const 200))
                (i32.store (i32.const 304) (i32.const 29))
                (drop (call $write (i32.const 1) (i32.const 300) (i32.const 1) (i32.const 308)))
                (i32.const 400)))"#,
    );
    let said = |case: &str| {
        let logs = run(&program, &inputs(case)).unwrap().logs;
        assert_eq!(logs.len(), 1);
        assert_eq!(logs[0].level, Level::Info);
        logs[0].message.clone()
    };
    let first = said("one");
    // 2026-01-01 in nanoseconds; no variables; no directories.
    assert!(first.starts_with("0000faed51728618"), "{first}");
    assert!(first.ends_with("0008"), "{first}");
    assert_eq!(said("one"), first);
    assert_ne!(said("other"), first, "other inputs, other randomness");
}

#[test]
fn the_steady_clock_stands_still_but_not_at_zero() {
    // Go takes a zero for a broken clock.
    let program = module(
        r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "run") (result i32)
                (drop (call $time (i32.const 1) (i64.const 0) (i32.const 100)))
                (if (i64.ne (i64.load (i32.const 100)) (i64.const 1)) (then (unreachable)))
                (i32.const 400)))"#,
    );
    run(&program, &inputs("any")).unwrap();
}

/// A program that crashes unless `body`, which calls `import`, leaves 1.
fn program(import: &str, body: &str) -> Vec<u8> {
    module(&format!(
        r#"(module
            (import "wasi_snapshot_preview1" {import})
            (memory (export "memory") 1)
            (data (i32.const 100) "\ff\ff\ff\ff\ff\ff\ff\ff")
            (data (i32.const 200) "../../../../../../../../etc/passwd")
            (func (export "run") (result i32)
                {body}
                (if (i32.eqz) (then (unreachable)))
                (i32.const 400)))"#
    ))
}

#[test]
fn there_are_no_arguments() {
    // It cannot fail, and it sets both the number and the size to zero.
    let body = "(i32.and
        (i32.eqz (call $arguments (i32.const 100) (i32.const 104)))
        (i64.eqz (i64.load (i32.const 100))))";
    let import = r#""args_sizes_get" (func $arguments (param i32 i32) (result i32))"#;
    run(&program(import, body), &inputs("any")).unwrap();
}

#[test]
fn no_file_can_be_opened() {
    let import = r#""path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32))"#;
    let opened = |descriptor: u32, start: u32, length: u32| {
        format!(
            "(call $open (i32.const {descriptor}) (i32.const 0) (i32.const {start}) (i32.const {length})
                (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 100))"
        )
    };
    // `/etc/passwd`, the way to it from anywhere, and the directory itself.
    for (start, length) in [(223, 11), (200, 34), (200, 1)] {
        // 3 is where the directories of a program begin; 8 means: there is no such file descriptor.
        for descriptor in 3..8 {
            let body = format!("(i32.eq (i32.const 8) {})", opened(descriptor, start, length));
            run(&program(import, &body), &inputs("any")).unwrap();
        }
        // What is there is no directory.
        for descriptor in 0..3 {
            let body = format!("(i32.ne (i32.const 0) {})", opened(descriptor, start, length));
            run(&program(import, &body), &inputs("any")).unwrap();
        }
    }
}

#[test]
fn a_sleep_ends_at_the_deadline() {
    // A program that sleeps does not count ticks: without a second clock it would sleep for half a millennium.
    let import = r#""poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32))"#;
    let body = "(i32.store (i32.const 1016) (i32.const 1))
        (i64.store (i32.const 1024) (i64.const 0x7fffffffffffffff))
        (drop (call $poll (i32.const 1000) (i32.const 1100) (i32.const 1) (i32.const 1200)))
        (i32.const 1)";
    let config = ProgramHostConfig { deadline: Duration::from_millis(200), ..ProgramHostConfig::default() };
    let failure =
        run_on(&ProgramHost::new(config).unwrap(), &program(import, body), &inputs("any")).unwrap_err();
    assert_eq!(failure.to_string(), "The program did not end within 0.2 seconds: look for an endless loop.");
}
