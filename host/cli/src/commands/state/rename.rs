//! `mlflow-host state move`

use mlflow_host_engine::Entry;
use mlflow_host_graph::Urn;
use serde_json::json;

use super::{StackArguments, find, hold, record, refuse_open};
use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// Give a recorded resource another name, after it was renamed in the program
///
/// Without this, `up` deletes the old one and makes a new one. (An alias in the
/// program does the same for everybody who runs it.) Whatever depends on the
/// resource follows.
///
/// Example:
///   mlflow-host state move stacks/dev.wasm storage.googleapis.com/Bucket::old storage.googleapis.com/Bucket::new
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Move {
    #[command(flatten)]
    stack: StackArguments,

    /// What it is called in the state: KIND::NAME
    old: Urn,

    /// What it is called from now on: KIND::NAME
    new: Urn,
}

impl Move {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let Self { stack, old, new } = self;
        if old.kind() != new.kind() {
            return Err(Failure::usage(format!(
                "`{old}` and `{new}` are of different kinds: a resource can change its name only. Nothing has \
                 been changed."
            )));
        }
        let (mut session, _lock) = hold(&stack, "state move", reporter).await?;
        refuse_open(&session)?;
        find(&session, &old)?;
        if session.state.all().any(|recorded| recorded.urn == new) {
            return Err(Failure::usage(format!(
                "`{new}` is in the state already. Nothing has been changed."
            ))
            .with_hint("Take that one out first with `mlflow-host state forget`, or choose another name."));
        }
        record(&mut session, Entry::Rename { from: old.clone(), to: new.clone() }).await?;
        let fields = json!({"from": old.to_string(), "to": new.to_string()});
        reporter.answer("moved", fields, &format!("`{old}` is `{new}` from now on.\n"));
        Ok(())
    }
}
