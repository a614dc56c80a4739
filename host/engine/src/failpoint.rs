//! Points at which a test can end the process as a power cut would. They exist with the cargo feature
//! `failpoints` only, which is never shipped.
//!
//! FAILPOINTS says which: `append=3` ends the process when it comes to `append` for the third time. (The
//! crate `fail` does the same and more, but it turns on features of crates that half of the workspace's
//! dependencies need, so that the host with failpoints would be compiled anew from the ground up.)

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often each point may still be passed, itself included.
static LEFT: OnceLock<HashMap<String, AtomicU64>> = OnceLock::new();

/// Ends the process if FAILPOINTS says so.
pub fn reach(name: &str) {
    let left = LEFT.get_or_init(|| parse(&std::env::var("FAILPOINTS").unwrap_or_default()));
    if left.get(name).is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1) {
        std::process::abort();
    }
}

fn parse(text: &str) -> HashMap<String, AtomicU64> {
    let point = |part: &str| {
        let (name, number) = part.split_once('=')?;
        Some((name.to_owned(), AtomicU64::new(number.parse().ok()?)))
    };
    text.split(',').filter_map(point).collect()
}
