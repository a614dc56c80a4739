//! Cloud Build's and Artifact Registry's data planes: images built from a Dockerfile, and tags.
//!
//! An image is a directory that stands for `/`, a Python virtual environment beside it, and a
//! configuration. Steps are ordinary processes of this machine, with the environment's `bin` first
//! on `PATH`, in the directory that stands for WORKDIR; absolute paths inside commands are *not*
//! rewritten: they are this machine's, and cannot be written to ([`super::sandbox`]).
//! The supported instructions are listed in [`dockerfile`].

mod build;
mod context;
mod dockerfile;
pub(crate) mod environment;
mod expand;
mod layers;
mod python;
mod registry;
mod run;
mod shell;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::file::{self, Context, FileError};
use super::process::{ProcessError, Processes};
use super::sandbox::SandboxError;
use super::table::Table;
pub(crate) use layers::copy_tree;
use layers::{Layer, Layers};

/// The Python of this machine that images are built with, if it can do that.
pub(crate) async fn python() -> Result<String, ImageError> {
    let interpreter = python::Base { version: String::new() }.interpreter().await?;
    interpreter.check_environments().await?;
    Ok(format!("{}, {}", interpreter.version, interpreter.executable.display()))
}

/// The images of one local cloud: builder, image store and registry.
#[derive(Debug)]
pub(crate) struct Images {
    directory: PathBuf,
    layers: Layers,
    registry: Table<registry::Repository>,
    processes: Processes,
    /// Held while an image is built: two builds may want the same layer.
    building: tokio::sync::Mutex<()>,
}

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageManifest {
    /// `sha256:` and 64 hexadecimal digits, over configuration and layer keys.
    pub(crate) digest: String,
    /// When it was built, RFC 3339.
    pub(crate) created: jiff::Timestamp,
    /// The keys of its layers, base first.
    pub(crate) layers: Vec<String>,
    /// The directory that stands for the image's `/`. Read only: containers get a copy.
    pub(crate) root: PathBuf,
    /// The virtual environment that stands for the base image's Python.
    pub(crate) python: PathBuf,
    /// What containers are started with.
    pub(crate) config: ImageConfig,
}

/// An image's configuration, as instructions set it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageConfig {
    /// ENV.
    pub(crate) environment: BTreeMap<String, String>,
    /// WORKDIR, absolute within the image.
    pub(crate) working_directory: String,
    /// ENTRYPOINT.
    pub(crate) entrypoint: Vec<String>,
    /// CMD.
    pub(crate) command: Vec<String>,
    /// EXPOSE.
    pub(crate) exposed_ports: Vec<String>,
    /// USER.
    pub(crate) user: Option<String>,
    /// LABEL.
    pub(crate) labels: BTreeMap<String, String>,
    /// STOPSIGNAL.
    pub(crate) stop_signal: Option<String>,
}

/// What to build.
#[derive(Debug)]
pub(crate) struct BuildRequest {
    /// The build context as a gzipped tar archive on disk.
    pub(crate) source: PathBuf,
    /// The context's directory inside the archive; empty for its root.
    pub(crate) context: String,
    /// The Dockerfile's path inside the context.
    pub(crate) dockerfile: String,
    /// `--build-arg` values.
    pub(crate) arguments: BTreeMap<String, String>,
    /// Receives the build log, line by line, without line ends.
    pub(crate) log: UnboundedSender<String>,
}

/// One image of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistryEntry {
    /// The image's digest.
    pub(crate) digest: String,
    /// Its tags, sorted.
    pub(crate) tags: Vec<String>,
    /// When it was pushed.
    pub(crate) uploaded: jiff::Timestamp,
}

/// Why an image could not be built or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// The Dockerfile asks for something wrong or unsupported.
    #[error("Dockerfile line {line}: {message}")]
    Dockerfile {
        /// Line, from 1.
        line: usize,
        /// A sentence without its full stop.
        message: String,
    },
    /// The context has no such Dockerfile.
    #[error("the build context has no {0}: name the file with `docker build -f`")]
    NoDockerfile(String),
    /// The source archive cannot be used.
    #[error("the source archive is refused: {0}")]
    Archive(String),
    /// A step ended with a failure.
    #[error("build step {step} of {steps} failed with exit code {code}: {command}\n{}", log.join("\n"))]
    Step {
        /// Number of the step, from 1.
        step: usize,
        /// Number of steps.
        steps: usize,
        /// The instruction as written.
        command: String,
        /// The process's exit code.
        code: i32,
        /// The last lines of its output.
        log: Vec<String>,
    },
    /// The machine has no Python.
    #[error(
        "{0} is not installed: run `apt-get install python3 python3-venv`, or name an interpreter in MLFLOW_HOST_PYTHON"
    )]
    NoPython(String),
    /// The machine's Python cannot make virtual environments.
    #[error("{} cannot make a virtual environment: run `apt-get install python3-venv`\n{output}", executable.display())]
    NoVirtualEnvironment {
        /// The interpreter.
        executable: PathBuf,
        /// What it said.
        output: String,
    },
    /// The registry holds no such image.
    #[error("Image '{0}' not found.")]
    NotFound(String),
    /// A step could not be confined.
    #[error(transparent)]
    Sandbox(SandboxError),
    /// A step's process could not be recorded or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Images {
    /// Opens the store below `directory` (`layers/`, `images/`, `registry.json`).
    pub(crate) async fn open(directory: PathBuf, processes: Processes) -> Result<Self, ImageError> {
        for part in ["layers", "images"] {
            let path = directory.join(part);
            std::fs::create_dir_all(&path).context("create", &path)?;
        }
        // Scripts hold the path of their environment, so it must not depend on where we stand.
        let directory = std::fs::canonicalize(&directory).context("find", &directory)?;
        for name in file::names_with_suffix(&directory, "")? {
            if name.starts_with("context-") || name.starts_with("run-") {
                file::remove_directory(&directory.join(name))?;
            }
        }
        Ok(Self {
            layers: Layers::new(directory.join("layers")),
            registry: Table::open(directory.join("registry.json")).await?,
            directory,
            processes,
            building: tokio::sync::Mutex::default(),
        })
    }

    /// A built image, by digest.
    fn manifest(&self, digest: &str) -> Result<Option<ImageManifest>, FileError> {
        file::read_json(&self.manifest_path(digest))
    }

    fn manifest_path(&self, digest: &str) -> PathBuf {
        let name = digest.strip_prefix("sha256:").unwrap_or(digest);
        let name = file::component(name);
        self.directory.join("images").join(format!("{name}.json"))
    }
}

impl ImageManifest {
    /// The uppermost layer, to build on.
    fn top(&self) -> Layer {
        Layer {
            key: self.layers.last().cloned().unwrap_or_default(),
            instruction: format!("FROM {}", self.digest),
            root: self.root.clone(),
            python: self.python.clone(),
        }
    }
}
