//! `mlflow-host up`

use std::path::PathBuf;
use std::time::Instant;

use mlflow_host_engine::Plan;

use super::confirm::confirm;
use super::selection::SelectionArguments;
use super::stack::{LockArguments, PolicyArguments, StackArguments};
use crate::arguments::Global;
use crate::failure::{Code, Result};
use crate::render::{Heading, Reporter, enforce};
use crate::session::{Carry, PlanFile, Session};

/// Make the cloud match what a stack declares.
///
/// The stack runs once, in a sandbox. What it declares is compared with what is
/// recorded; you see the plan, and what the policies say of it, say yes, and the
/// host carries it out. What a mandatory policy does not allow is not begun (exit
/// code 5). When it is interrupted or an operation fails, run it again: it goes
/// on from there.
///
/// Examples:
///   mlflow-host up stacks/dev.wasm
///   mlflow-host up stacks/dev.wasm --yes --set tier=small
///   mlflow-host up stacks/prod.wasm --cloud gcp --set project=my-project
///   mlflow-host up stacks/prod.wasm --plan plan.json    what `preview --out plan.json` has shown
///   mlflow-host up stacks/dev.wasm --target run.googleapis.com/Service::mlflow-dev
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Up {
    #[command(flatten)]
    stack: StackArguments,

    #[command(flatten)]
    policies: PolicyArguments,

    #[command(flatten)]
    lock: LockArguments,

    /// Do not ask before changing anything
    #[arg(long, short)]
    yes: bool,

    /// Carry out exactly this plan, which `preview --out` has written, or say what is different by now
    /// and change nothing. Nobody is asked. Targets and the like come from the plan
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["targets", "excludes", "dependents", "replace", "refresh", "adopt"]
    )]
    plan: Option<PathBuf>,

    #[command(flatten)]
    selection: SelectionArguments,

    /// Show the complete inputs of what is created
    #[arg(long)]
    details: bool,
}

impl Up {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let mut config = self.stack.config()?;
        self.policies.add_to(&mut config)?;
        let file = self.plan.as_deref().map(PlanFile::read).transpose()?;
        let wishes = match &file {
            Some(file) => file.wishes().clone(),
            None => self.selection.wishes(),
        };
        let (secrets, _) = config.reveal(false)?;
        let mut heading = Heading::new("up", &config);
        let mut session = Session::declare(config, secrets, reporter).await?;
        if let Some(file) = &file {
            session.begin_with(Some(file.seed()));
        }
        session.connect(true).await?;
        let _lock = session.lock("up", self.lock.timeout).await?;
        session.load().await?;
        session.recover().await?;
        let digests = session.digests();
        if let Some(file) = &file {
            session.verify_digests(file, &digests)?;
        }
        let planned = session.plan(&wishes, &heading).await?;
        if let Some(file) = &file {
            session.verify(file, &digests, &planned.plan)?;
        }
        heading.archives = session.archives(&planned.plan);
        reporter.plan(&heading, &planned.plan, self.details);
        let findings = session.review(&heading, &planned.plan).await?;
        reporter.policies(&findings);
        enforce(&findings)?;
        if !planned.plan.is_empty() && file.is_none() {
            confirm(&question(&planned.plan, &heading), self.yes, global)?;
        }
        let carry = Carry {
            command: "up",
            plan: &planned.plan,
            lookups: &planned.lookups,
            observed: &planned.observed,
            started,
        };
        session.carry_out(carry).await
    }
}

fn question(plan: &Plan, heading: &Heading) -> String {
    let operations = match plan.operations.len() {
        1 => "this operation".to_owned(),
        count => format!("these {count} operations"),
    };
    format!("Carry out {operations} on {}, project {}?", heading.cloud_title, heading.project)
}
