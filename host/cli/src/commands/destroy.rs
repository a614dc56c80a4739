//! `mlflow-host destroy`

use std::time::{Duration, Instant};

use super::confirm::confirm;
use super::selection::PartArguments;
use super::stack::{LockArguments, PolicyArguments, StackArguments};
use crate::arguments::Global;
use crate::failure::{Code, Result};
use crate::render::{Ending, Heading, Reporter, enforce};
use crate::session::{Session, parse_duration};

/// Delete everything that a stack has made.
///
/// What to delete comes from the recorded state: the stack's program is not run
/// and need not exist. What needs a resource always goes with it. What the cloud
/// cannot delete yet, e.g., a subnetwork for one or two hours after a service has
/// used it, is recorded and said, with exit code 4; with --wait the host comes
/// back for it by itself.
///
/// Examples:
///   mlflow-host destroy stacks/dev.wasm
///   mlflow-host destroy stacks/dev.wasm --yes --wait=3h
///   mlflow-host destroy stacks/prod.wasm --except-protected
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Destroy {
    #[command(flatten)]
    stack: StackArguments,

    #[command(flatten)]
    policies: PolicyArguments,

    #[command(flatten)]
    lock: LockArguments,

    /// Do not ask before deleting anything
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    part: PartArguments,

    /// Leave protected resources, and what they need, where they are
    #[arg(long)]
    except_protected: bool,

    /// Wait for what the cloud cannot delete yet, at most this long, e.g., `--wait=3h`; a day if left out
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "24h",
        value_parser = parse_duration
    )]
    wait: Option<Duration>,
}

impl Destroy {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let mut config = self.stack.config()?;
        self.policies.add_to(&mut config)?;
        let heading = Heading::new("destroy", &config);
        let selection = self.part.selection(self.except_protected);
        let mut session = Session::without_program(config, reporter);
        if !session.exists().await? {
            reporter.notice(&format!(
                "Stack `{}` has no state on {}, project {}: there is nothing to delete.",
                heading.stack, heading.cloud_title, heading.project
            ));
            reporter.ending(&Ending::new("destroy", Code::Done));
            return Ok(Code::Done);
        }
        session.connect(true).await?;
        let _lock = session.lock("destroy", self.lock.timeout).await?;
        session.load().await?;
        session.recover().await?;
        let plan = session.plan_destroy(&selection)?;
        reporter.plan(&heading, &plan, false);
        let findings = session.review(&heading, &plan).await?;
        reporter.policies(&findings);
        enforce(&findings)?;
        if !plan.is_empty() {
            let question = format!(
                "Delete {} resources on {}, project {}?",
                plan.counts().values().sum::<usize>(),
                heading.cloud_title,
                heading.project
            );
            confirm(&question, self.yes, global)?;
        }
        session.destroy(&selection, plan, self.wait, started).await
    }
}
