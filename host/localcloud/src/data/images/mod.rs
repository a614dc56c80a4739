//! Cloud Build's and Artifact Registry's data planes: images built from a Dockerfile, and tags.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use super::process::Processes;

/// The images of one local cloud: builder, image store and registry.
#[derive(Debug)]
pub(crate) struct Images {}

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
    /// The registry holds no such image.
    #[error("Image '{0}' not found.")]
    NotFound(String),
}

impl Images {
    /// Opens the store below `directory` (`layers/`, `images/`, `registry.json`).
    pub(crate) async fn open(directory: PathBuf, processes: Processes) -> Result<Self, ImageError> {
        let _ = (directory, processes);
        todo!()
    }
    /// Builds an image; layers whose key is known are reused.
    pub(crate) async fn build(&self, request: BuildRequest) -> Result<ImageManifest, ImageError> {
        let _ = request;
        todo!()
    }
    /// Puts an image under `repository` (`HOST/PROJECT/REPOSITORY/IMAGE`) with a tag.
    pub(crate) async fn push(&self, repository: &str, tag: &str, digest: &str) -> Result<(), ImageError> {
        let _ = (repository, tag, digest);
        todo!()
    }
    /// The image behind `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@sha256:…`.
    pub(crate) async fn resolve(&self, reference: &str) -> Result<ImageManifest, ImageError> {
        let _ = reference;
        todo!()
    }
    /// The images of every repository whose path is `prefix` or lies below it.
    pub(crate) async fn list(&self, prefix: &str) -> BTreeMap<String, Vec<RegistryEntry>> {
        let _ = prefix;
        todo!()
    }
    /// Removes a tag.
    pub(crate) async fn delete_tag(&self, repository: &str, tag: &str) -> Result<(), ImageError> {
        let _ = (repository, tag);
        todo!()
    }
    /// Removes an image with its tags from a repository.
    pub(crate) async fn delete_image(&self, repository: &str, digest: &str) -> Result<(), ImageError> {
        let _ = (repository, digest);
        todo!()
    }
    /// Removes every repository whose path is `prefix` or lies below it.
    pub(crate) async fn delete_below(&self, prefix: &str) -> Result<(), ImageError> {
        let _ = prefix;
        todo!()
    }
}
