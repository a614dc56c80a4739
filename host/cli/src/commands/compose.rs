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
        let stack = read(&self.stack)?;
        let components: Vec<_> = self
            .components
            .iter()
            .map(|file| Ok((file.display().to_string(), read(file)?)))
            .collect::<Result<_>>()?;
        let parts: Vec<_> =
            components.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let composed = compose(&stack, &parts).map_err(|error| Failure::new(error.to_string()))?;

        let out = self.out.as_deref().unwrap_or(&self.stack);
        files::replace(out, &composed)
            .map_err(|error| Failure::new(format!("Cannot write {}: {error}.", out.display())))?;
        let fields = json!({"file": out, "components": self.components, "bytes": composed.len()});
        let text = format!("{}: {}.\n", out.display(), render::size(composed.len() as u64));
        reporter.answer("composed", fields, &text);
        Ok(Code::Done)
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    files::read_program(file)
        .map_err(|error| Failure::new(format!("Cannot read {}: {error}.", file.display())))
}
