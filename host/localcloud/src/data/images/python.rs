//! The machine's Python, which stands in for the one of a `python:TAG` base image.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::ImageError;
use crate::data::file::Context;

/// Names the interpreter to use, before any other is looked for.
const VARIABLE: &str = "MLFLOW_HOST_PYTHON";

/// A base image `python:TAG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// The version that the tag asks for: "3", "3.12", "3.12.4", or nothing for `latest`.
    pub(super) version: String,
}

/// An interpreter of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub(super) executable: PathBuf,
    /// For example `3.11.7`.
    pub(super) version: String,
}

impl Base {
    /// Reads an image name; `None` when it is no Python image, an error for a variant that this
    /// machine cannot stand in for.
    pub(super) fn parse(image: &str) -> Option<Result<Self, String>> {
        let image = image.split('@').next().unwrap_or(image);
        let (name, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
        let is_python = ["", "library/", "docker.io/", "docker.io/library/", "mirror.gcr.io/library/"]
            .iter()
            .any(|prefix| name.strip_prefix(prefix) == Some("python"));
        if !is_python {
            return None;
        }
        let mut parts = tag.split('-');
        let version = match parts.next().unwrap_or_default() {
            "latest" => String::new(),
            "slim" => String::new(),
            version => version.to_owned(),
        };
        let is_version = version.is_empty()
            || version
                .split('.')
                .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        let variants = ["slim", "bookworm", "trixie", "bullseye"];
        Some(if is_version && parts.all(|part| variants.contains(&part)) {
            Ok(Self { version })
        } else {
            Err(format!(
                "the local cloud has no stand-in for python:{tag}: use a Debian variant such as python:3.12-slim"
            ))
        })
    }

    /// True when the interpreter has the version that the tag asks for.
    pub(super) fn is_met_by(&self, interpreter: &Interpreter) -> bool {
        self.version.is_empty()
            || interpreter.version == self.version
            || interpreter.version.starts_with(&format!("{}.", self.version))
    }

    /// True when code for the tag's version can be expected to run: the same major version.
    pub(super) fn is_stood_in_by(&self, interpreter: &Interpreter) -> bool {
        let major = |version: &str| version.split('.').next().map(ToOwned::to_owned);
        self.version.is_empty() || major(&self.version) == major(&interpreter.version)
    }

    /// The best interpreter: the variable, then the tag's own minor version, then `python3`.
    pub(super) async fn interpreter(&self) -> Result<Interpreter, ImageError> {
        let mut candidates = Vec::new();
        match std::env::var(VARIABLE) {
            Ok(named) => candidates.push(named),
            Err(_) => {
                let mut numbers = self.version.split('.');
                if let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) {
                    candidates.push(format!("python{major}.{minor}"));
                }
                candidates.push("python3".to_owned());
            }
        }
        for candidate in &candidates {
            if let Some(interpreter) = Interpreter::ask(candidate).await {
                return Ok(interpreter);
            }
        }
        Err(ImageError::NoPython(candidates.join(" or ")))
    }
}

impl Interpreter {
    /// A name on `PATH` may be a shim for something that is not there, so the program itself says
    /// what it is.
    async fn ask(program: &str) -> Option<Self> {
        let script = "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])";
        let output = Command::new(program).args(["-c", script]).output().await.ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut lines = text.lines();
        let executable = PathBuf::from(lines.next()?);
        let version = lines.next()?.to_owned();
        (output.status.success() && executable.is_absolute()).then_some(Self { executable, version })
    }

    /// Fails when it has not got what virtual environments are made with: on Debian that is a package of its own.
    pub(super) async fn check_environments(&self) -> Result<(), ImageError> {
        let output = Command::new(&self.executable)
            .args(["-c", "import ensurepip, venv"])
            .output()
            .await
            .context("run", &self.executable)?;
        self.environments(&output)
    }

    fn environments(&self, output: &std::process::Output) -> Result<(), ImageError> {
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        Err(ImageError::NoVirtualEnvironment {
            executable: self.executable.clone(),
            output: String::from_utf8_lossy(&said).trim().to_owned(),
        })
    }

    /// Makes a virtual environment.
    pub(super) async fn make_environment(&self, directory: &Path) -> Result<(), ImageError> {
        let output = Command::new(&self.executable)
            .args(["-m", "venv"])
            .arg(directory)
            .output()
            .await
            .context("run", &self.executable)?;
        self.environments(&output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read() {
        let version = |image| Base::parse(image).map(|base| base.map(|base| base.version));
        assert_eq!(version("python:3.12-slim"), Some(Ok("3.12".to_owned())));
        assert_eq!(
            version("docker.io/library/python:3.12.4-slim-bookworm@sha256:ab"),
            Some(Ok("3.12.4".to_owned()))
        );
        assert_eq!(version("python"), Some(Ok(String::new())));
        assert_eq!(version("europe-docker.pkg.dev/p/r/python:1"), None);
        let error = version("python:3.12-alpine").unwrap().unwrap_err();
        insta::assert_snapshot!(error, @"the local cloud has no stand-in for python:3.12-alpine: use a Debian variant such as python:3.12-slim");
    }

    #[test]
    fn a_version_prefix_is_met() {
        let interpreter =
            Interpreter { executable: PathBuf::from("/usr/bin/python3"), version: "3.11.7".to_owned() };
        for (version, met) in
            [("", true), ("3", true), ("3.11", true), ("3.11.7", true), ("3.1", false), ("3.12", false)]
        {
            assert_eq!(Base { version: version.to_owned() }.is_met_by(&interpreter), met, "{version}");
        }
    }
}
