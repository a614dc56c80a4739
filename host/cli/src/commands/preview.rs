//! `mlflow-host preview`

use std::path::PathBuf;
use std::time::Instant;

use super::selection::SelectionArguments;
use super::stack::{PolicyArguments, StackArguments};
use crate::failure::{Code, Result};
use crate::render::{Ending, Heading, Report, ReportFile, Reporter, enforce};
use crate::session::Session;

/// Show what `up` would do, and change nothing.
///
/// With --offline neither network nor credentials are used; what a stack looks up
/// is then unknown, and of a state in a bucket no more than a copy beside the stack.
/// With --out the plan is kept in a file (see docs/plan.schema.json) that `up --plan`
/// carries out to the letter; it holds no secrets. Policies judge the plan: what
/// a mandatory one does not allow ends with exit code 5, and is not kept.
///
/// Examples:
///   mlflow-host preview stacks/dev.wasm --details
///   mlflow-host preview stacks/prod.wasm --offline --json
///   mlflow-host preview stacks/prod.wasm --exit-code    ends with 10 when there is something to do
///   mlflow-host preview stacks/prod.wasm --out plan.json
///   mlflow-host preview stacks/prod.wasm --offline --report report.html
///   mlflow-host preview stacks/dev.wasm --policy stacks/policies/public-bucket.wasm
///   mlflow-host preview stacks/dev.wasm --policy stacks/policies/deletion-protection.wasm \
///     --policy-set 'deletion-protection.temporary-buckets=["mlflow-dev-sources"]'
///   mlflow-host preview stacks/prod.wasm --refresh --exit-code    ends with 10 on drift, too
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Preview {
    #[command(flatten)]
    stack: StackArguments,

    #[command(flatten)]
    policies: PolicyArguments,

    /// Touch neither the network, nor a cloud, nor credentials
    #[arg(long, conflicts_with_all = ["out", "refresh", "adopt"])]
    offline: bool,

    /// Write the plan to this file, for `up --plan`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Write a report for reviewers to this file, `NAME.md` or `NAME.html`: the plan, what the policies say, what
    /// is not known yet, and the graph. It holds no secrets
    #[arg(long, value_name = "FILE", value_parser = ReportFile::parse)]
    report: Option<ReportFile>,

    #[command(flatten)]
    selection: SelectionArguments,

    /// End with exit code 10 when there is something to do
    #[arg(long)]
    exit_code: bool,

    /// Count what the program does, in a unit that is the same on every machine, and show the figure: the same program
    /// with the same configuration gives the same one. The program is compiled anew for that, once
    #[arg(long)]
    fuel: bool,

    /// Show the complete inputs of what would be created
    #[arg(long)]
    details: bool,
}

impl Preview {
    pub(crate) async fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        let started = Instant::now();
        let mut config = self.stack.config()?;
        self.policies.add_to(&mut config)?;
        config.counts_fuel = self.fuel;
        config.is_offline = self.offline;
        if self.offline
            && let Some(bucket) = config.state_bucket.take()
        {
            reporter.notice(&format!(
                "The state in {bucket} is not read without a network: the plan starts from what is recorded beside \
                 the stack."
            ));
        }
        let wishes = self.selection.wishes();
        let (secrets, missing) = config.reveal(self.offline)?;
        for key in missing {
            reporter.notice(&format!("The secret `{key}` is not set here: an empty one stands for it."));
        }
        let mut heading = Heading::new("preview", &config);
        let mut session = Session::declare(config, secrets, reporter).await?;
        if self.out.is_some() {
            session.begin_with(None);
        }
        if !self.offline {
            // What is to be exact has to know what `up` will know.
            session.connect(self.out.is_some() || wishes.need_cloud()).await?;
        }
        session.load().await?;
        let digests = session.digests();
        let plan = session.plan(&wishes, &heading).await?.plan;
        heading.archives = session.archives(&plan);
        reporter.plan(&heading, &plan, self.details);
        let findings = session.review(&heading, &plan).await?;
        reporter.policies(&findings);
        if let Some(file) = &self.report {
            let report = Report {
                heading: &heading,
                plan: &plan,
                findings: &findings,
                digests: &digests,
                graph: &session.graph,
            };
            file.write(&report)?;
            reporter.notice(&format!("The report is in {}.", file.path().display()));
        }
        enforce(&findings)?;
        if let Some(path) = &self.out {
            session.save(path, digests, &plan, &wishes)?;
        }
        let nothing = plan.is_empty() && plan.bookkeeping.is_empty() && plan.renamed.is_empty();
        let code = if self.exit_code && !nothing { Code::Pending } else { Code::Done };
        reporter.ending(&Ending {
            counts: plan.counts(),
            unchanged: plan.unchanged.len(),
            fuel: session.fuel,
            elapsed: started.elapsed(),
            ..Ending::new("preview", code)
        });
        Ok(code)
    }
}
