//! Programs, good and bad, on a real sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod common;
mod composed;
mod escapes;
mod files;
mod guests;
mod policies;
mod wasi;
