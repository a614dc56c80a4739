//! `mlflow-host state export`

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde_json::json;

use super::{StackArguments, read, resources};
use crate::failure::{Failure, Result};
use crate::render::{self, Reporter};

/// Write the state to a file, or to standard output
///
/// Secrets stay sealed; the key that opens them is in the file too, wrapped as it
/// is in the state. `state import` reads the file with the same key file,
/// passphrase or key of Cloud KMS.
///
/// Example:
///   mlflow-host state export stacks/prod.wasm prod-state.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    #[command(flatten)]
    stack: StackArguments,

    /// The file, which must not exist yet
    file: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let session = read(&self.stack, reporter).await?;
        let text = session.store().export(&session.state).await?;
        let Some(file) = self.file else {
            render::print(&text);
            return Ok(());
        };
        let name = file.display();
        let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
        written
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Failure::new(format!("Cannot write {name}: {error}.")))?;
        let count = session.state.all().count();
        let fields = json!({"file": name.to_string(), "resources": count});
        reporter.answer("exported", fields, &format!("{} written to {name}.\n", resources(count)));
        Ok(())
    }
}
