//! A stack of the guest `declared`, on a local cloud of its own.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value as Json;

use crate::{Cloud, Run, Workbench};

/// The project of the stack.
pub const PROJECT: &str = "test-project";

/// The stack.
const STACK: &str = "stacks/declared.wasm";

/// A stack, and the local cloud that it goes to.
pub struct Place {
    /// What it is made in.
    pub bench: Workbench,
    /// The local cloud.
    pub cloud: Cloud,
}

impl Place {
    /// A new one, with nothing in the cloud.
    ///
    /// # Errors
    /// When the local cloud does not start.
    pub fn new(guest: &Path) -> Result<Self> {
        let bench = Workbench::new()?;
        bench.open()?;
        fs::copy(guest, bench.stacks().join("declared.wasm"))?;
        let cloud = bench.cloud()?;
        Ok(Self { bench, cloud })
    }

    /// Says what the stack declares from now on.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn declare(&self, resources: &[Json]) -> Result<()> {
        let resources = serde_json::to_string(resources)?;
        let text = format!(
            "[target]\ncloud = \"local\"\nproject = \"{PROJECT}\"\nregion = \"europe-west1\"\n\n\
             [config]\nresources = '''{resources}'''\n"
        );
        fs::write(self.bench.stacks().join("declared.toml"), text)?;
        Ok(())
    }

    /// Runs a command on the stack, saying yes to what it asks.
    ///
    /// # Errors
    /// When the host cannot be started.
    pub fn run(&self, command: &str) -> Result<Run> {
        self.run_with(&[command], &["--yes"])
    }

    /// Runs a command on the stack, with options.
    ///
    /// # Errors
    /// When the host cannot be started.
    pub fn run_with(&self, command: &[&str], options: &[&str]) -> Result<Run> {
        self.bench.host([command, &[STACK], options, &["--json"]].concat())
    }

    /// Requires that the stack is as declared, to the last field.
    ///
    /// # Errors
    /// When something is left to do.
    pub fn ensure_settled(&self) -> Result<()> {
        let run = self.run("up")?;
        ensure!(
            run.code == 0 && run.counts()?.is_empty(),
            "there was something left to do\n{}",
            run.report()
        );
        Ok(())
    }

    /// Requires that the cloud is as recorded.
    ///
    /// # Errors
    /// When something is different there.
    pub fn ensure_as_recorded(&self) -> Result<()> {
        let run = self.run_with(&["refresh"], &["--exit-code"])?;
        ensure!(run.code == 0, "something is not as it was made\n{}", run.report());
        Ok(())
    }

    /// Destroys the stack and requires that nothing is left.
    ///
    /// # Errors
    /// When something is left.
    pub fn ensure_destroyed(&self) -> Result<()> {
        let run = self.run("destroy")?;
        ensure!(run.code == 0, "{}", run.report());
        let left = self.cloud.resources(PROJECT)?;
        ensure!(left.is_empty(), "left in the project: {left:#?}\n{}", run.report());
        Ok(())
    }
}
