//! What can go wrong.

use std::path::{Path, PathBuf};

use crate::Language;

/// Why a project was not made or compiled.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// No file tells the language.
    #[error(
        "{0} holds no stack: there is none of Cargo.toml, main.py, main.ts, main.js, go.mod and main.c. \
         `mlflow-host new LANGUAGE DIR` makes a project"
    )]
    NoProject(PathBuf),
    /// Files of several languages.
    #[error("{directory} could be a stack in {first} or in {second}: keep the entry file of one of them")]
    Ambiguous {
        /// The project.
        directory: PathBuf,
        /// One language.
        first: Language,
        /// Another.
        second: Language,
    },
    /// The directory of a new project has something in it.
    #[error("{0} is there already and not empty: name another directory")]
    NotEmpty(PathBuf),
    /// The directory of a new project has a name that a stack cannot have.
    #[error(
        "`{0}` cannot be the name of a stack: take lower-case letters, digits and hyphens, at most 40, beginning with a \
         letter"
    )]
    NotAName(String),
    /// A tool that the machine has to have.
    #[error("{what} is missing. Install it with\n    {command}")]
    MissingTool {
        /// The tool and its least version.
        what: &'static str,
        /// A command that installs it.
        command: &'static str,
    },
    /// A tool ended with a failure; it has said why.
    #[error("{tool} failed ({status})")]
    ToolFailed {
        /// Its name.
        tool: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A compiler made nothing that can be a stack.
    #[error("The compiled module is no stack: {0}")]
    NoStack(String),
    /// The project's own WIT cannot be read.
    #[error("{path} does not describe the stack's world: {reason}")]
    NoWorld {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A component that the stack uses has types which the language's bindings do not have.
    #[error("`{interface}` cannot be used from {language}: its bindings have no {what}")]
    NoBindings {
        /// The interface, or the world.
        interface: String,
        /// The language.
        language: Language,
        /// What is in the way, in the plural.
        what: String,
    },
    /// The disk does not do as it is told.
    #[error("{path}: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl LanguageError {
    /// For `map_err`, with the place.
    pub(crate) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}
