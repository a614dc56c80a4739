//! Guests that are made for tests.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::environment::root;
use crate::run::Run;

/// A guest of `tests/guests`, compiled if need be.
///
/// # Errors
/// When it does not compile.
pub fn guest(name: &str) -> Result<PathBuf> {
    let directory = root().join("target/guests/for-tests");
    let mut command = Command::new(root().join("scripts/wasm-cargo"));
    command
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(root().join("tests/guests/Cargo.toml"))
        .env("GUEST_TARGET_DIR", &directory);
    let run = Run::of(command)?;
    ensure!(run.code == 0, "{}", run.report());
    let file = format!("wasm32-unknown-unknown/release/{name}.wasm");
    let built = [directory.join(&file), directory.join("debian").join(&file)];
    let found = built.into_iter().find(|file| file.is_file());
    found.with_context(|| format!("scripts/wasm-cargo made no {name}.wasm"))
}
