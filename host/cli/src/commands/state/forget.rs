//! `mlflow-host state forget`

use std::collections::BTreeSet;

use mlflow_host_engine::Entry;
use mlflow_host_graph::Urn;
use serde_json::json;

use super::{StackArguments, find, hold, record, refuse_open, resources};
use crate::arguments::Global;
use crate::commands::confirm::confirm;
use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// Take a resource out of the state, and leave it alone in the cloud
///
/// From then on nobody looks after it: `destroy` does not delete it, and if the
/// program still declares it, `up` makes another one.
///
/// Examples:
///   mlflow-host state forget stacks/dev.wasm storage.googleapis.com/Bucket::artifacts
///   mlflow-host state forget stacks/dev.wasm sqladmin.googleapis.com/Instance::mlflow --dependents --yes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Forget {
    #[command(flatten)]
    stack: StackArguments,

    /// The resource, as `state list` calls it: KIND::NAME
    urn: Urn,

    /// Forget everything that depends on it, too
    #[arg(long)]
    dependents: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Forget {
    pub(super) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<()> {
        let (mut session, _lock) = hold(&self.stack, "state forget", reporter).await?;
        refuse_open(&session)?;
        find(&session, &self.urn)?;
        let mut going = BTreeSet::from([self.urn.clone()]);
        loop {
            let more: Vec<_> = session
                .state
                .all()
                .filter(|other| !going.contains(&other.urn) && !other.hints.dependencies.is_disjoint(&going))
                .map(|other| other.urn.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            going.extend(more);
        }
        if going.len() > 1 && !self.dependents {
            let others: Vec<_> =
                going.iter().filter(|urn| **urn != self.urn).map(|urn| format!("`{urn}`")).collect();
            return Err(Failure::new(format!(
                "{} depend on `{}`: {}. Nothing has been changed.",
                resources(others.len()),
                self.urn,
                others.join(", ")
            ))
            .with_hint("Add --dependents to forget them as well."));
        }
        let question = format!("Forget {}? What is in the cloud stays there.", resources(going.len()));
        confirm(&question, self.yes, global)?;
        let forgotten: Vec<_> = session
            .state
            .all()
            .filter(|recorded| going.contains(&recorded.urn))
            .map(|recorded| (recorded.urn.clone(), recorded.hints.generation))
            .collect();
        let names: Vec<_> = going.iter().map(ToString::to_string).collect();
        record(&mut session, Entry::Forget { resources: forgotten }).await?;
        let text: String = names.iter().map(|name| format!("Forgotten: {name}\n")).collect();
        reporter.answer("forgotten", json!({"resources": names}), &text);
        Ok(())
    }
}
