//! What the trials share that are no rows of the table.

use std::path::Path;

use anyhow::{Result, ensure};
use mlflow_host_tests::{Place, Run};

/// Tries something with the guest at a path.
pub(crate) type Spring = fn(&Path) -> Result<()>;

/// A command has to end like this, and say so.
pub(crate) fn ends(place: &Place, command: &[&str], code: i32, texts: &[&str]) -> Result<Run> {
    let run = place.run_with(command, &["--yes"])?;
    ensure!(run.code == code, "expected exit code {code}\n{}", run.report());
    for text in texts {
        ensure!(run.stdout.contains(text), "it does not say “{text}”\n{}", run.report());
    }
    Ok(run)
}
