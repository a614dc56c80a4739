//! `mlflow-host outputs`

use super::stack::StackArguments;
use crate::arguments::Global;
use crate::failure::{Code, Failure, Result, nearest};
use crate::render::{self, Reporter, shown};
use crate::session::Session;

/// Show the outputs of a stack, as its last `up` left them.
///
/// Examples:
///   mlflow-host outputs stacks/dev.wasm
///   mlflow-host outputs stacks/dev.wasm url --local
///   mlflow-host outputs stacks/prod.wasm password --show-secrets
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Outputs {
    #[command(flatten)]
    stack: StackArguments,

    /// Show only this output, and nothing but its value
    name: Option<String>,

    /// Show the address on this machine, for an output that is an address on the local cloud
    #[arg(long, requires = "name")]
    local: bool,

    /// Show secrets in the clear
    #[arg(long)]
    show_secrets: bool,
}

impl Outputs {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let mut session = Session::without_program(self.stack.config()?, reporter);
        session.must_exist().await?;
        session.connect(false).await?;
        session.load().await?;
        let mut outputs = session.outputs().await;
        let Some(name) = self.name else {
            reporter.outputs(&outputs, self.show_secrets);
            return Ok(Code::Done);
        };
        let Some(position) = outputs.iter().position(|output| output.name == name) else {
            let failure = Failure::new(format!("Stack `{}` has no output `{name}`.", session.config.stack));
            return Err(match nearest(&name, outputs.iter().map(|output| output.name.as_str())) {
                Some(near) => failure.with_hint(format!("Did you mean `{near}`?")),
                None => failure,
            });
        };
        let output = outputs.swap_remove(position);
        if global.json {
            reporter.outputs(&[output], self.show_secrets);
        } else if self.local {
            let local = output.local.ok_or_else(|| {
                Failure::new(format!("`{name}` is not an address that the local cloud serves."))
                    .with_hint("See whether it runs: `mlflow-host cloud status`.")
            })?;
            render::print(&format!("{local}\n"));
        } else {
            render::print(&format!("{}\n", shown(&output.value, self.show_secrets)));
        }
        Ok(Code::Done)
    }
}
