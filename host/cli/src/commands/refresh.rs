//! `mlflow-host refresh`

use std::time::Instant;

use mlflow_host_engine::Difference;

use super::confirm::confirm;
use super::stack::{LockArguments, StackArguments};
use crate::arguments::Global;
use crate::failure::{Code, Result};
use crate::render::{Ending, Heading, Reporter};
use crate::session::Session;

/// Show what has changed in the cloud behind the stack's back, and record it.
///
/// Every recorded resource is read. Shown are the declared properties that are
/// different, and what is gone. Once that is recorded, `up` brings it back to
/// what is declared. `up --refresh` does both.
///
/// Examples:
///   mlflow-host refresh stacks/prod.wasm
///   mlflow-host refresh stacks/prod.wasm --exit-code    only look; ends with 10 when something is different
///   mlflow-host refresh stacks/prod.wasm --yes --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Refresh {
    #[command(flatten)]
    stack: StackArguments,

    #[command(flatten)]
    lock: LockArguments,

    /// Record what is found without asking
    #[arg(long, short)]
    yes: bool,

    /// End with exit code 10 when something is different. Without --yes nothing is recorded
    #[arg(long)]
    exit_code: bool,
}

impl Refresh {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let config = self.stack.config()?;
        let heading = Heading::new("refresh", &config);
        let mut session = Session::without_program(config, reporter);
        session.must_exist().await?;
        session.connect(true).await?;
        let records = self.yes || !self.exit_code;
        let _lock = if records { Some(session.lock("refresh", self.lock.timeout).await?) } else { None };
        session.load().await?;
        if records {
            session.recover().await?;
        }
        let refreshed = session.refresh().await?;
        reporter.drift(&heading, &refreshed.drifts, session.state.resources.len());
        let unreadable =
            refreshed.drifts.iter().filter(|drift| matches!(drift.difference, Difference::Unreadable(_)));
        let unreadable = unreadable.count();
        let drifted = refreshed.drifts.len() - unreadable;
        if records {
            if drifted > 0 {
                let question = format!("Record this? Nothing in {} is changed.", heading.cloud_title);
                confirm(&question, self.yes, global)?;
            }
            session.record(&refreshed).await?;
            if drifted > 0 {
                reporter.notice("It is recorded. `mlflow-host up` brings it back to what is declared.");
            }
        }
        let code = match (unreadable, drifted) {
            (1.., _) => Code::Failed,
            (0, 1..) if self.exit_code => Code::Pending,
            _ => Code::Done,
        };
        reporter.ending(&Ending {
            unchanged: session.state.resources.len() - unreadable,
            failed: unreadable,
            elapsed: started.elapsed(),
            ..Ending::new("refresh", code)
        });
        Ok(code)
    }
}
