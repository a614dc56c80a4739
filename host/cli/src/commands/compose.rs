//! `mlflow-host compose`

use std::path::{Path, PathBuf};

use mlflow_host_program::compose;
use serde_json::json;

use crate::failure::{Code, Failure, Result};
use crate::files;
use crate::render::{self, Reporter};

/// Put a stack and the components that it uses together in one file.
///
/// A stack may use a component that someone else wrote, in another language: it
/// imports an interface which the component exports. Together they are one stack,
/// in which the component can do no more than the stack itself.
///
/// Examples:
///   mlflow-host compose team.wasm --with stacks/mlflow-component.wasm
///   mlflow-host compose part.wasm --with mlflow-component.wasm --out stacks/team.wasm
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Compose {
    /// The file of the stack
    #[arg(value_name = "STACK")]
    stack: PathBuf,

    /// A component that the stack uses; may be given several times
    #[arg(long = "with", value_name = "COMPONENT", required = true)]
    components: Vec<PathBuf>,

    /// Where the composed stack goes, instead of the place of the stack
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Compose {
    pub(crate) fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        let composed = Parts::read(&self.components)?.with(&read(&self.stack)?)?;
        let out = self.out.as_deref().unwrap_or(&self.stack);
        write(out, &composed)?;
        let fields = json!({"file": out, "components": self.components, "bytes": composed.len()});
        let text = format!("{}: {}.\n", out.display(), render::size(composed.len() as u64));
        reporter.answer("composed", fields, &text);
        Ok(Code::Done)
    }
}

/// Components that a stack uses, each with its file.
pub(super) struct Parts(Vec<(String, Vec<u8>)>);

impl Parts {
    pub(super) fn read(components: &[PathBuf]) -> Result<Self> {
        components
            .iter()
            .map(|file| Ok((file.display().to_string(), read(file)?)))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The stack and these in one.
    pub(super) fn with(&self, stack: &[u8]) -> Result<Vec<u8>> {
        let parts: Vec<_> = self.0.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        compose(stack, &parts).map_err(|error| Failure::new(error.to_string()))
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    files::read_program(file)
        .map_err(|error| Failure::new(format!("Cannot read {}: {error}.", file.display())))
}

pub(super) fn write(file: &Path, program: &[u8]) -> Result<()> {
    files::replace(file, program)
        .map_err(|error| Failure::new(format!("Cannot write {}: {error}.", file.display())))
}
