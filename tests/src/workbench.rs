//! A place of one's own: the stacks, their states, and a local cloud.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::cloud::Cloud;
use crate::environment::{host, root};
use crate::run::Run;

/// A temporary directory with a copy of the stacks and the home of a local cloud. What runs in it is stopped
/// when it is dropped.
pub struct Workbench {
    directory: TempDir,
    host: PathBuf,
}

impl Workbench {
    /// A new one. Keeps its files when MLFLOW_HOST_TEST_KEEP is set.
    ///
    /// # Errors
    /// When the binary or the stacks have not been built.
    pub fn new() -> Result<Self> {
        Self::with(host()?)
    }

    /// A new one for another binary of the host.
    ///
    /// # Errors
    /// When the stacks have not been built.
    pub fn with(host: PathBuf) -> Result<Self> {
        let mut directory = tempfile::Builder::new().prefix("mlflow-host-test-").tempdir()?;
        if std::env::var_os("MLFLOW_HOST_TEST_KEEP").is_some() {
            directory.disable_cleanup(true);
            eprintln!("      keeping {}", directory.path().display());
        }
        let bench = Self { directory, host };
        let stacks = root().join("stacks");
        for file in ["dev.wasm", "dev.toml", "prod.wasm", "prod.toml"] {
            let from = stacks.join(file);
            fs::create_dir_all(bench.stacks())?;
            fs::copy(&from, bench.stacks().join(file))
                .with_context(|| format!("{} is missing: run `make stacks`", from.display()))?;
        }
        copy(&stacks.join("mlflow/image"), &bench.stacks().join("mlflow/image"))?;
        let policies = bench.stacks().join("policies");
        fs::create_dir_all(&policies)?;
        for entry in fs::read_dir(stacks.join("policies"))? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|kind| kind == "wasm") {
                fs::copy(entry.path(), policies.join(entry.file_name()))?;
            }
        }
        fs::create_dir_all(bench.home())?;
        Ok(bench)
    }

    /// Lets other users in: for root, PostgreSQL runs as one, who has to get at its data.
    ///
    /// # Errors
    /// When the permissions cannot be set.
    pub fn open(&self) -> Result<()> {
        for directory in [self.directory(), &self.home()] {
            fs::set_permissions(directory, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Puts an image that takes no time to build in the place of MLflow's.
    ///
    /// # Errors
    /// When the files cannot be copied.
    pub fn lighten(&self) -> Result<()> {
        let image = self.stacks().join("mlflow/image");
        fs::remove_dir_all(&image)?;
        copy(&root().join("tests/image"), &image)
    }

    /// The local cloud, started if need be.
    ///
    /// # Errors
    /// When it does not start.
    pub fn cloud(&self) -> Result<Cloud> {
        let event = self.succeeds(&["cloud", "start", "--json"])?.event("cloud")?;
        Cloud::at(event["endpoint"].as_str().with_context(|| format!("no endpoint: {event}"))?)
    }

    /// The copy of the stacks.
    pub fn stacks(&self) -> PathBuf {
        self.directory.path().join("stacks")
    }

    /// Where the local cloud keeps its things.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// All of it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs the host to its end, without a terminal. Every account and setting of this machine is hidden
    /// from it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn host(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Run> {
        self.host_with(arguments, &[])
    }

    /// As [`Workbench::host`], with variables of the environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn host_with(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        variables: &[(&str, &str)],
    ) -> Result<Run> {
        let mut command = Command::new(&self.host);
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("HOME", self.home())
            .env("MLFLOW_HOST_HOME", self.home())
            .env("NO_COLOR", "1");
        // The image has the packages that the referees have: they need not be downloaded again.
        if let (None, Some(home)) = (std::env::var_os("PIP_CACHE_DIR"), std::env::var_os("HOME")) {
            command.env("PIP_CACHE_DIR", Path::new(&home).join(".cache/pip"));
        }
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let foreign = ["GOOGLE_", "CLOUDSDK_", "GCLOUD_"].iter().any(|prefix| text.starts_with(prefix));
            if foreign || text == "STORAGE_EMULATOR_HOST" {
                command.env_remove(&name);
            }
        }
        command.envs(variables.iter().copied());
        Run::of(command)
    }

    /// Runs the host and requires it to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub fn succeeds(&self, arguments: &[&str]) -> Result<Run> {
        let run = self.host(arguments)?;
        ensure!(run.code == 0, "{}", run.report());
        Ok(run)
    }

    /// Replaces a text in a file of the stacks.
    ///
    /// # Errors
    /// When the text is not in it.
    pub fn edit(&self, file: &str, old: &str, new: &str) -> Result<()> {
        let path = self.stacks().join(file);
        let content = fs::read_to_string(&path)?;
        ensure!(content.contains(old), "`{old}` is not in {file}");
        fs::write(&path, content.replacen(old, new, 1))?;
        Ok(())
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        // Whatever went wrong, nothing may go on running.
        if let Err(error) = self.host(["cloud", "stop"]) {
            eprintln!("the local cloud could not be stopped: {error:#}");
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
