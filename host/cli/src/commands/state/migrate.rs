//! `mlflow-host state migrate`

use mlflow_host_engine::State;
use mlflow_host_state::replace;
use serde_json::json;

use super::{StackArguments, hold, resources};
use crate::arguments::Global;
use crate::commands::confirm::confirm;
use crate::config::BucketPath;
use crate::failure::{Failure, Result};
use crate::render::Reporter;
use crate::session::{Place, holder};

/// Move a state to a bucket, or from there to a directory
///
/// The state is written to its new place, read back and compared; then it is
/// taken away from the old one. Its secrets get a new key, wrapped as for a new
/// state (Cloud KMS, MLFLOW_HOST_PASSPHRASE, or the key file). Afterwards the
/// configuration must name the new place.
///
/// Examples:
///   mlflow-host state migrate stacks/prod.wasm --to gs://my-team-state/mlflow
///   mlflow-host state migrate stacks/prod.wasm --to .mlflow-host/state
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Migrate {
    #[command(flatten)]
    stack: StackArguments,

    /// The new place: gs://BUCKET/PREFIX, or a directory
    #[arg(long, value_name = "PLACE")]
    to: String,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Migrate {
    pub(super) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<()> {
        let to = match BucketPath::parse(&self.to) {
            Some(path) => Place::Bucket(path.map_err(|what| Failure::usage(format!("{what}.")))?),
            None => Place::Directory(self.to.clone().into()),
        };
        let named = match &to {
            Place::Bucket(path) => path.to_string(),
            // The configuration counts from its own directory, which may be another one.
            Place::Directory(path) => {
                std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
            }
        };
        let (mut session, _from) = hold(&self.stack, "state migrate", reporter).await?;
        if matches!(to, Place::Bucket(_)) && session.access().is_none() {
            // Only where the state is, is known by now: the lock on it stays.
            session.reach_for(&to).await?;
        }
        let target = session.store_at(&to);
        if target.place() == session.store().place() {
            return Err(Failure::usage(format!("The state is at {} already.", target.place())));
        }
        let _to = target.lock(&holder("state migrate")).await?;
        if target.load().await?.is_some() {
            return Err(Failure::new(format!(
                "There is a state at {} already. Nothing has been changed.",
                target.place()
            ))
            .with_hint("Choose another place, or move that one away."));
        }
        let count = session.state.all().count();
        let question =
            format!("Move {} from {} to {}?", resources(count), session.store().place(), target.place());
        confirm(&question, self.yes, global)?;
        replace(&*target, &session.state).await?;
        let moved = target.load().await?.map(|loaded| loaded.state);
        // Only the number of entries differs: the journal is a new one.
        let same =
            moved.is_some_and(|moved| State { serial: session.state.serial, ..moved } == session.state);
        if !same {
            return Err(Failure::new(format!(
                "What was written to {} does not read back as it was. The state stays where it is.",
                target.place()
            )));
        }
        let kept = session.store().retire().await?;
        let text = format!(
            "{} moved to {}. Write the new place into the configuration: `[state]`, `store = \"{}\"`.\nThe old \
             ones are still in {kept}.\n",
            resources(count),
            target.place(),
            named
        );
        let fields = json!({"to": target.place(), "resources": count, "kept": kept});
        reporter.answer("migrated", fields, &text);
        Ok(())
    }
}
