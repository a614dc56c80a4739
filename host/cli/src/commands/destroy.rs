//! `mlflow-host destroy`

use std::collections::BTreeMap;
use std::time::Instant;

use mlflow_host_engine::{PlanContext, plan_destroy};

use super::confirm::confirm;
use super::stack::StackArguments;
use crate::arguments::Global;
use crate::failure::{Code, Failure, Result};
use crate::render::{Ending, Heading, Reporter};
use crate::session::{Carry, Session};

/// Delete everything that a stack has made.
///
/// What to delete comes from the recorded state: the stack's program is not run and need not exist.
/// What the cloud cannot delete yet is recorded and said, with exit code 4.
///
/// Example:
///   mlflow-host destroy stacks/dev.wasm
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Destroy {
    #[command(flatten)]
    stack: StackArguments,

    /// Do not ask before deleting anything
    #[arg(long, short)]
    yes: bool,
}

impl Destroy {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let config = self.stack.config()?;
        let heading = Heading::new("destroy", &config);
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
        let _lock = session.lock("destroy").await?;
        session.load().await?;
        session.recover().await?;
        let lookups = BTreeMap::new();
        let plan = {
            let context = PlanContext::new(session.provider()?, &session.secrets, &lookups);
            plan_destroy(&session.state, &context)
                .map_err(|problems| Failure::of_stack(&session.config.stack, problems))?
        };
        reporter.plan(&heading, &plan, false);
        if !plan.is_empty() {
            let question = format!(
                "Delete {} resources on {}, project {}?",
                plan.counts().values().sum::<usize>(),
                heading.cloud_title,
                heading.project
            );
            confirm(&question, self.yes, global)?;
        }
        session.carry_out(Carry { command: "destroy", plan: &plan, lookups: &lookups, started }).await
    }
}
