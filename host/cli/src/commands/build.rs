//! `mlflow-host build`

use std::path::{Path, PathBuf};

use mlflow_host_languages::{LanguageError, Tools};
use serde_json::json;

use super::compose::{Parts, read, write};
use crate::failure::{Code, Failure, Result};
use crate::places;
use crate::render::{self, Reporter};

/// Compile a project to a stack.
///
/// The project is in Rust, Python, TypeScript, Go or C; its files tell. Compilers
/// that are pinned are installed the first time, into the user's cache. What is
/// missing is named with the command that installs it.
///
/// A stack may use components whose interfaces are in its directory `wit`. Their
/// bindings are written into its directory `bindings`, and `--with` puts the
/// components and the stack together.
///
/// Examples:
///   mlflow-host build tracking                      # makes tracking/tracking.wasm
///   mlflow-host build tracking --output stack.wasm
///   mlflow-host build tracking --with stacks/mlflow-component.wasm
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Build {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The file to write; by default it has the project's name, and lies beside the configuration of that name: in the
    /// project if it is there, otherwise beside the project
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A component that the stack uses, to be put into the same file; may be given several times
    #[arg(long = "with", value_name = "COMPONENT")]
    components: Vec<PathBuf>,
}

impl Build {
    pub(crate) fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        let output = match self.output {
            Some(output) => output,
            None => beside(&self.project)?,
        };
        // What is missing is known before the compiler takes its time.
        let parts = Parts::read(&self.components)?;
        let build =
            |file: &Path| mlflow_host_languages::build(&self.project, file, &tools()?).map_err(failure);
        if self.components.is_empty() {
            build(&output)?;
        } else {
            // The stack by itself does not take the place of one that can run.
            let alone = output.with_added_extension(format!("{}.alone", std::process::id()));
            let composed = build(&alone).and_then(|()| parts.with(&read(&alone)?));
            // When the build failed, it is not there; and the first error matters more.
            let _ = std::fs::remove_file(&alone);
            write(&output, &composed?)?;
        }
        let bytes = std::fs::metadata(&output).map(|file| file.len()).unwrap_or_default();
        let text = format!("{} is built ({}).\n", output.display(), render::size(bytes));
        reporter.answer(
            "built",
            json!({"file": output, "components": self.components, "bytes": bytes}),
            &text,
        );
        Ok(Code::Done)
    }
}

/// The stack of a project: it lies beside its configuration, which is in the project or beside it.
fn beside(project: &Path) -> Result<PathBuf> {
    let usage = |error| Failure::usage(format!("{}: {error}.", project.display()));
    let project = match project.file_name() {
        Some(_) => project.to_owned(),
        None => project.canonicalize().map_err(usage)?,
    };
    let Some(name) = project.file_name() else {
        return Err(
            Failure::usage("The project has no name.").with_hint("Say where to write with --output FILE.")
        );
    };
    let file = |ending: &str| format!("{}.{ending}", name.to_string_lossy());
    let inside = project.join(file("toml")).is_file();
    Ok(if inside { project.join(file("wasm")) } else { project.with_file_name(file("wasm")) })
}

fn tools() -> Result<Tools> {
    let cache = places::cache().ok_or_else(|| {
        Failure::new("There is no place for compilers, because HOME is not set.")
            .with_hint("Set XDG_CACHE_HOME to a directory.")
    })?;
    Ok(Tools::new(cache.join("tools")))
}

/// An error of the languages as one of the command line.
pub(crate) fn failure(error: LanguageError) -> Box<Failure> {
    match error {
        LanguageError::NoProject(_) | LanguageError::Ambiguous { .. } | LanguageError::NotEmpty(_) => {
            Failure::usage(format!("{error}."))
        }
        // Ends with a command, to be copied.
        LanguageError::MissingTool { .. } => Failure::new(error.to_string()),
        _ => Failure::new(format!("{error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_lies_beside_its_configuration() {
        let place = tempfile::tempdir().unwrap();
        let project = place.path().join("dev.v2");
        std::fs::create_dir(&project).unwrap();
        assert_eq!(beside(&project).unwrap(), place.path().join("dev.v2.wasm"));
        assert_eq!(beside(&project.join(".")).unwrap(), place.path().join("dev.v2.wasm"));
        std::fs::write(project.join("dev.v2.toml"), "").unwrap();
        assert_eq!(beside(&project).unwrap(), project.join("dev.v2.wasm"));
        assert!(beside(Path::new("/")).is_err());
    }
}
