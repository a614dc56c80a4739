//! `mlflow-host state import`

use std::path::PathBuf;
use std::time::Duration;

use mlflow_host_state::{import, replace};
use serde_json::json;

use super::{StackArguments, refuse_open, resources};
use crate::arguments::Global;
use crate::commands::confirm::confirm;
use crate::failure::{Failure, Result};
use crate::render::Reporter;
use crate::session::Session;

/// Put an exported state in place of the one that is there
///
/// Refused are files that have been changed, that belong to another stack, cloud
/// or project, that contradict themselves, or that were exported while operations
/// were open.
///
/// Example:
///   mlflow-host state import stacks/prod.wasm prod-state.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Import {
    #[command(flatten)]
    stack: StackArguments,

    /// The file that `state export` has written
    file: PathBuf,

    /// Do not ask before replacing what is there
    #[arg(long, short)]
    yes: bool,
}

impl Import {
    pub(super) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<()> {
        let name = self.file.display().to_string();
        let text = std::fs::read(&self.file)
            .map_err(|error| Failure::new(format!("Cannot read {name}: {error}.")))?;
        let mut session = Session::without_program(self.stack.config()?, reporter);
        let exists = session.exists().await?;
        let (stack, target) = (session.config.stack.clone(), session.config.state_target());
        let state = import(&name, &text, &stack, &target, &session.key_source()).await?;
        let _lock = session.lock("state import", Duration::ZERO).await?;
        session.load().await?;
        refuse_open(&session)?;
        let (new, old) = (state.all().count(), session.state.all().count());
        if exists {
            let question =
                format!("Put a state of {} in place of one of {}?", resources(new), resources(old));
            confirm(&question, self.yes, global)?;
        }
        replace(session.store(), &state).await?;
        let fields = json!({"file": name, "resources": new, "before": old});
        reporter.answer("imported", fields, &format!("{} read from {name}.\n", resources(new)));
        Ok(())
    }
}
