//! `mlflow-host preview`

use std::time::Instant;

use mlflow_host_engine::{PlanContext, plan};

use super::stack::StackArguments;
use crate::failure::{Code, Failure, Result};
use crate::render::{Ending, Heading, Reporter};
use crate::session::Session;

/// Show what `up` would do, and change nothing.
///
/// With --offline neither network nor credentials are used; what a stack looks up is then unknown.
///
/// Examples:
///   mlflow-host preview stacks/dev.wasm --details
///   mlflow-host preview stacks/prod.wasm --offline --json
///   mlflow-host preview stacks/prod.wasm --exit-code    ends with 10 when there is something to do
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Preview {
    #[command(flatten)]
    stack: StackArguments,

    /// Touch neither the network, nor a cloud, nor credentials
    #[arg(long)]
    offline: bool,

    /// End with exit code 10 when there is something to do
    #[arg(long)]
    exit_code: bool,

    /// Show the complete inputs of what would be created
    #[arg(long)]
    details: bool,
}

impl Preview {
    pub(crate) async fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let config = self.stack.config()?;
        let (secrets, missing) = config.reveal(self.offline)?;
        for key in missing {
            reporter.notice(&format!("The secret `{key}` is not set here: an empty one stands for it."));
        }
        let heading = Heading::new("preview", &config);
        let mut session = Session::declare(config, secrets, reporter).await?;
        if !self.offline {
            session.connect(false).await?;
        }
        session.load().await?;
        let lookups = session.lookups().await?;
        let plan = {
            let context = PlanContext::new(session.provider()?, &session.secrets, &lookups);
            plan(&session.graph, &session.state, &context)
                .map_err(|problems| Failure::of_stack(&session.config.stack, problems))?
        };
        reporter.plan(&heading, &plan, self.details);
        let code = if self.exit_code && !plan.is_empty() { Code::Pending } else { Code::Done };
        reporter.ending(&Ending {
            counts: plan.counts(),
            unchanged: plan.unchanged.len(),
            elapsed: started.elapsed(),
            ..Ending::new("preview", code)
        });
        Ok(code)
    }
}
