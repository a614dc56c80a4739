//! `mlflow-host state restore`

use std::time::Duration;

use serde_json::json;

use super::{StackArguments, resources};
use crate::arguments::Global;
use crate::commands::confirm::confirm;
use crate::failure::Result;
use crate::render::Reporter;
use crate::session::Session;

/// Bring a damaged state back, as far as it is whole
///
/// A damaged snapshot is made again from the one before and the journal since,
/// without a loss. A damaged line of the journal, and what follows it, is left
/// out and said: what was done after that is not recorded, so look at `preview`
/// before the next `up`.
///
/// Example:
///   mlflow-host state restore stacks/prod.wasm
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Restore {
    #[command(flatten)]
    stack: StackArguments,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Restore {
    pub(super) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<()> {
        let mut session = Session::without_program(self.stack.config()?, reporter);
        session.reach().await?;
        let _lock = session.lock("state restore", Duration::ZERO).await?;
        let question = format!("Bring {} back to what is whole of it?", session.store().place());
        confirm(&question, self.yes, global)?;
        let left_out = session.store().restore().await?;
        session.load().await?;
        let count = session.state.all().count();
        let mut text: String = left_out.iter().map(|what| format!("Left out: {what}\n")).collect();
        text.push_str(&format!("The state is whole, with {}.\n", resources(count)));
        reporter.answer("restored", json!({"leftOut": left_out, "resources": count}), &text);
        Ok(())
    }
}
