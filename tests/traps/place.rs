//! A small stack on a local cloud of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Cloud, Run, Workbench};
use serde_json::Value as Json;

/// The project of the stack.
pub(crate) const PROJECT: &str = "trap-project";

/// The stack.
const STACK: &str = "stacks/trap.wasm";

/// A stack, and the local cloud that it goes to.
pub(crate) struct Place {
    bench: Workbench,
    pub(crate) cloud: Cloud,
}

impl Place {
    /// A new one, with nothing in the cloud.
    pub(crate) fn new(guest: &Path) -> Result<Self> {
        let bench = Workbench::new()?;
        bench.open()?;
        fs::copy(guest, bench.stacks().join("trap.wasm"))?;
        let event = bench.succeeds(&["cloud", "start", "--json"])?.event("cloud")?;
        let endpoint = event["endpoint"].as_str().with_context(|| format!("no endpoint: {event}"))?;
        let cloud = Cloud::at(endpoint)?;
        Ok(Self { bench, cloud })
    }

    /// Says what the stack declares from now on.
    pub(crate) fn declare(&self, resources: &[Json]) -> Result<()> {
        let resources = serde_json::to_string(resources)?;
        let text = format!(
            "[target]\ncloud = \"local\"\nproject = \"{PROJECT}\"\nregion = \"europe-west1\"\n\n\
             [config]\nresources = '''{resources}'''\n"
        );
        fs::write(self.bench.stacks().join("trap.toml"), text)?;
        Ok(())
    }

    /// Runs a command on the stack.
    pub(crate) fn run(&self, command: &str) -> Result<Run> {
        self.bench.host([command, STACK, "--yes", "--json"])
    }

    /// Requires that the stack is as declared, to the last field.
    pub(crate) fn ensure_settled(&self) -> Result<()> {
        let run = self.run("up")?;
        ensure!(
            run.code == 0 && run.counts()?.is_empty(),
            "there was something left to do\n{}",
            run.report()
        );
        Ok(())
    }

    /// Destroys the stack and requires that nothing is left.
    pub(crate) fn ensure_destroyed(&self) -> Result<()> {
        let run = self.run("destroy")?;
        ensure!(run.code == 0, "{}", run.report());
        let left = self.cloud.resources(PROJECT)?;
        ensure!(left.is_empty(), "left in the project: {left:#?}\n{}", run.report());
        Ok(())
    }
}

/// Requires that every fault has struck.
pub(crate) fn ensure_struck(cloud: &Cloud, run: &Run) -> Result<()> {
    for rule in cloud.get("/_local/faults")?["faults"].as_array().into_iter().flatten() {
        let (seen, from) = (rule["seen"].as_u64(), rule["from"].as_u64());
        ensure!(seen >= from, "a fault did not strike: {rule}\n{}", run.report());
    }
    Ok(())
}
