//! What stacks try, and how it ends.

/// A stack that does what it should not do.
pub(crate) struct Row {
    /// The file.
    pub(crate) stack: &'static str,
    /// Settings of its configuration.
    pub(crate) settings: &'static [&'static str],
    /// The exit code of `preview`.
    pub(crate) code: i32,
    /// What is said: one of these.
    pub(crate) said: &'static [&'static str],
}

impl Row {
    pub(crate) fn name(&self) -> &'static str {
        let setting = self.settings.first().and_then(|setting| setting.strip_prefix("case="));
        setting.unwrap_or(self.stack)
    }
}

/// The guest of many cases.
pub(crate) const STACK: &str = "hostile.wasm";

const ENDLESS: &str = "The program did not end within 10 seconds: look for an endless loop.";
const TOO_MUCH: &str = "It refers to more than a stack may declare: split it.";
const NO_REFERENCE: &str = "It holds a reference that was cut, changed, escaped or made up";
const LARGE: &str = "bytes of JSON; at most 1048576 are allowed.";
const DEEP: &str = "cannot be read as JSON: recursion limit exceeded";

const fn refused(settings: &'static [&'static str], said: &'static [&'static str]) -> Row {
    Row { stack: STACK, settings, code: 1, said }
}

const fn file(stack: &'static str, settings: &'static [&'static str], said: &'static [&'static str]) -> Row {
    Row { stack, settings, code: 1, said }
}

/// Where two things are given that may be said, it is for the machine's speed to say which limit comes first.
pub(crate) const ROWS: &[Row] = &[
    refused(&["case=loop"], &[ENDLESS]),
    refused(
        &["case=declare-forever"],
        &["The stack declares more than 100000 resources: split it.", ENDLESS],
    ),
    refused(&["case=declare-wrongly"], &[ENDLESS]),
    refused(&["case=multiplied"], &[TOO_MUCH, ENDLESS]),
    refused(&["case=nested-calls"], &[TOO_MUCH, "nested more than 64 levels deep", ENDLESS]),
    refused(&["case=allocate"], &["The program needs more memory than its 512 MiB."]),
    refused(&["case=recursion"], &["The program crashed: "]),
    refused(&["case=panic"], &["The program crashed: panic: panicked at hostile/src/lib.rs:"]),
    Row {
        stack: STACK,
        settings: &["case=flood"],
        code: 0,
        said: &["The program writes too much: further messages are left out."],
    },
    refused(&["case=patterns"], &[LARGE]),
    refused(&["case=long-patterns"], &["The pattern has 200000 bytes; at most 500 are allowed."]),
    refused(&["case=large-options"], &[LARGE]),
    refused(&["case=large-call"], &["The program crashed: too much data"]),
    refused(&["case=deep"], &[DEEP]),
    refused(&["case=deep-properties"], &[DEEP]),
    refused(&["case=deep-options"], &[DEEP]),
    refused(&["case=deep-call"], &[DEEP]),
    refused(&["case=mangled"], &[NO_REFERENCE]),
    refused(&["case=forged"], &[NO_REFERENCE]),
    refused(&["case=sliced"], &[NO_REFERENCE]),
    refused(&["case=swapped"], &[NO_REFERENCE]),
    refused(&["case=secret-key"], &["holds a reference: references may be values, not keys."]),
    refused(&["case=secret-name"], &["is not a resource name"]),
    refused(&["case=secret-error"], &["The program failed: It is ${secret:token}!"]),
    refused(&["case=asset", "path=../.."], &["is not below the stack's own directory"]),
    file(
        "network.wasm",
        &["port=1"],
        &["TCP: access-denied; UDP: access-denied; looking up a name: permanent-resolver-failure"],
    ),
    file("half.wasm", &[], &["The file is truncated or damaged: build it again"]),
    file("huge.wasm", &[], &["The file is larger than 128 MiB, so it is not read"]),
];
