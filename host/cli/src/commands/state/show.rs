//! `mlflow-host state show`

use mlflow_host_graph::Urn;
use serde_json::json;

use super::{StackArguments, find, read};
use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// Show everything that is recorded of a resource; secrets are left out
///
/// Example:
///   mlflow-host state show stacks/dev.wasm run.googleapis.com/Service::mlflow-dev
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Show {
    #[command(flatten)]
    stack: StackArguments,

    /// The resource, as `state list` calls it: KIND::NAME
    urn: Urn,
}

impl Show {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let session = read(&self.stack, reporter).await?;
        let recorded = find(&session, &self.urn)?;
        let needed_by: Vec<_> = session
            .state
            .all()
            .filter(|other| other.hints.dependencies.contains(&self.urn))
            .map(|other| other.urn.to_string())
            .collect();
        let fields = json!({
            "urn": recorded.urn.to_string(),
            "identity": recorded.identity,
            "generation": recorded.hints.generation,
            "protect": recorded.hints.protect,
            "retainOnDelete": recorded.hints.retain_on_delete,
            "unsettled": recorded.unsettled,
            "deferred": recorded.deferred,
            "dependsOn": recorded.hints.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "neededBy": needed_by,
            "inputs": recorded.inputs.to_shown_json(),
            "outputs": recorded.outputs.to_shown_json(),
        });
        let text = serde_json::to_string_pretty(&fields)
            .map_err(|error| Failure::new(format!("The resource cannot be shown: {error}.")))?;
        reporter.answer("resource", fields, &format!("{text}\n"));
        Ok(())
    }
}
