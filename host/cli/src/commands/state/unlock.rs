//! `mlflow-host state unlock`

use mlflow_host_engine::{Holder, StoreError};
use serde_json::json;

use super::StackArguments;
use crate::arguments::Global;
use crate::commands::confirm::confirm;
use crate::failure::{Failure, Result};
use crate::render::Reporter;
use crate::session::Session;

/// Show who holds the lock on a stack, and take it away from them
///
/// In a bucket a dead run's lock goes by itself after a minute or two. A run that
/// is alive and loses its lock writes nothing more; what it has begun in the
/// cloud, the next `up` takes up.
///
/// Examples:
///   mlflow-host state unlock stacks/prod.wasm          who is it?
///   mlflow-host state unlock stacks/prod.wasm --yes    away with it
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Unlock {
    #[command(flatten)]
    stack: StackArguments,

    /// Take the lock away
    #[arg(long, short)]
    yes: bool,
}

impl Unlock {
    pub(super) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<()> {
        let mut session = Session::without_program(self.stack.config()?, reporter);
        session.reach().await?;
        // A lock that cannot be read counts as held by somebody unknown.
        let holder = match session.store().holder().await {
            Ok(None) => {
                reporter.answer("lock", json!({"holder": null}), "Nobody holds the lock.\n");
                return Ok(());
            }
            Ok(Some(holder)) => Some(holder),
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let who = holder.as_ref().map_or_else(|| "somebody unknown".to_owned(), told);
        reporter.notice(&format!("The lock is held by {who}."));
        confirm("Is that run dead, and may the lock be taken away?", self.yes, global)?;
        match session.store().unlock().await {
            Ok(_) => {
                let fields = json!({"holder": holder, "unlocked": true});
                reporter.answer("lock", fields, "The lock is free.\n");
                Ok(())
            }
            Err(StoreError::Locked { process, .. }) => Err(Failure::new(format!(
                "Process {process} on this machine lives and holds the lock; it goes with the process."
            ))
            .with_hint(format!("If nobody needs it, run `kill {process}`."))),
            Err(error) => Err(error.into()),
        }
    }
}

fn told(Holder { command, by, since, process }: &Holder) -> String {
    format!("{command} by {by}, since {since} (process {process})")
}
