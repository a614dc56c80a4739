//! A deployment that can be put back to how it was: stacks, states, and the local cloud with all its data.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Cloud, Run, Workbench};

/// The stack under test.
pub(crate) const STACK: &str = "stacks/dev.wasm";
/// Its project.
pub(crate) const PROJECT: &str = "mlflow-dev";

/// One deployment. Everything in it has absolute paths, so copies only ever go back to where they were made.
pub(crate) struct Place {
    bench: Workbench,
    /// Holds the copies.
    copies: tempfile::TempDir,
}

impl Place {
    /// The dev stack with an image that takes no time to build.
    pub(crate) fn new(host: PathBuf) -> Result<Self> {
        let bench = Workbench::with(host)?;
        bench.lighten()?;
        bench.open()?;
        let copies = tempfile::Builder::new().prefix("mlflow-host-copies-").tempdir()?;
        Ok(Self { bench, copies })
    }

    /// The local cloud, started if need be.
    pub(crate) fn cloud(&self) -> Result<Cloud> {
        self.bench.cloud()
    }

    /// Ends the local cloud.
    pub(crate) fn stop(&self) -> Result<()> {
        self.succeeds(&["cloud", "stop"]).map(drop)
    }

    /// Runs the host, with variables of the environment.
    pub(crate) fn host(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Run> {
        self.bench.host_with(arguments, variables)
    }

    /// Runs the host and requires it to succeed.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> Result<Run> {
        self.bench.succeeds(arguments)
    }

    /// Replaces a text in the configuration of the stack.
    pub(crate) fn configure(&self, old: &str, new: &str) -> Result<()> {
        self.bench.edit("dev.toml", old, new)
    }

    /// Where the local cloud keeps its things.
    pub(crate) fn cloud_directory(&self) -> PathBuf {
        self.bench.home().join("cloud")
    }

    /// Copies everything. The local cloud must not run.
    pub(crate) fn save(&self, name: &str) -> Result<()> {
        copy(&self.bench.stacks(), &self.copies.path().join(name).join("stacks"))?;
        copy(&self.bench.home(), &self.copies.path().join(name).join("home"))
    }

    /// As [`Place::save`] for a deployment that has not begun, but with the layers of images, which take
    /// longer to make than everything else.
    pub(crate) fn save_empty(&self, name: &str) -> Result<()> {
        let home = self.copies.path().join(name).join("home");
        let layers = home.join("cloud/images/layers");
        copy(&self.cloud_directory().join("images/layers"), &layers)?;
        for directory in ["", "cloud", "cloud/images"] {
            fs::set_permissions(home.join(directory), Permissions::from_mode(0o755))?;
        }
        let stacks = self.copies.path().join(name).join("stacks");
        copy(&self.bench.stacks(), &stacks)?;
        fs::remove_dir_all(stacks.join(".mlflow-host")).context("a stack without a state")
    }

    /// Puts everything back to a copy. The local cloud must not run.
    pub(crate) fn restore(&self, name: &str) -> Result<()> {
        for (part, target) in [("stacks", self.bench.stacks()), ("home", self.bench.home())] {
            fs::remove_dir_all(&target)?;
            copy(&self.copies.path().join(name).join(part), &target)?;
        }
        Ok(())
    }
}

/// With owners and modes: PostgreSQL insists on them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut command = Command::new("cp");
    command.arg("-a").arg("-T").arg(from).arg(to);
    let run = Run::of(command)?;
    ensure!(run.code == 0, "{}", run.report());
    Ok(())
}
