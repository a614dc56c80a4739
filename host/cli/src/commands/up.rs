//! `mlflow-host up`

use std::time::Instant;

use mlflow_host_engine::{Plan, PlanContext, plan};

use super::confirm::confirm;
use super::stack::StackArguments;
use crate::arguments::Global;
use crate::failure::{Code, Failure, Result};
use crate::render::{Heading, Reporter};
use crate::session::{Carry, Session};

/// Make the cloud match what a stack declares.
///
/// The stack runs once, in a sandbox. What it declares is compared with what is recorded; you see the
/// plan, say yes, and the host carries it out. When it is interrupted or an operation fails, run it
/// again: it goes on from there.
///
/// Examples:
///   mlflow-host up stacks/dev.wasm
///   mlflow-host up stacks/dev.wasm --yes --set tier=small
///   mlflow-host up stacks/prod.wasm --cloud gcp --set project=my-project
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Up {
    #[command(flatten)]
    stack: StackArguments,

    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,

    /// Show the complete inputs of what is created
    #[arg(long)]
    details: bool,
}

impl Up {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let config = self.stack.config()?;
        let (secrets, _) = config.reveal(false)?;
        let heading = Heading::new("up", &config);
        let mut session = Session::declare(config, secrets, reporter).await?;
        session.connect(true).await?;
        let _lock = session.lock("up").await?;
        session.load().await?;
        session.recover().await?;
        let lookups = session.lookups().await?;
        let plan = {
            let context = PlanContext::new(session.provider()?, &session.secrets, &lookups);
            plan(&session.graph, &session.state, &context)
                .map_err(|problems| Failure::of_stack(&session.config.stack, problems))?
        };
        reporter.plan(&heading, &plan, self.details);
        if !plan.is_empty() {
            confirm(&question(&plan, &heading), self.yes, global)?;
        }
        session.carry_out(Carry { command: "up", plan: &plan, lookups: &lookups, started }).await
    }
}

fn question(plan: &Plan, heading: &Heading) -> String {
    let operations = match plan.operations.len() {
        1 => "this operation".to_owned(),
        count => format!("these {count} operations"),
    };
    format!("Carry out {operations} on {}, project {}?", heading.cloud_title, heading.project)
}
