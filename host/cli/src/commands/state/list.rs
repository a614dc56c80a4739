//! `mlflow-host state list`

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{StackArguments, read};
use crate::failure::Result;
use crate::render::Reporter;

/// List what is recorded: every resource with its name in the cloud
///
/// Marks: `protected`; `unsettled`, when the last operation failed and left it
/// behind; `replaced`, when a newer one has its place and it is still to be
/// deleted; `waiting`, when the cloud cannot delete it yet.
///
/// Examples:
///   mlflow-host state list stacks/dev.wasm
///   mlflow-host state list stacks/dev.wasm --kind run.googleapis.com/Service --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct List {
    #[command(flatten)]
    stack: StackArguments,

    /// List only resources of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

impl List {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let session = read(&self.stack, reporter).await?;
        let condemned = session.state.condemned.len();
        let all = session.state.all().count();
        let mut text = String::new();
        let mut items = Vec::<Json>::new();
        for (position, recorded) in session.state.all().enumerate() {
            if self.kind.as_ref().is_some_and(|kind| recorded.urn.kind().as_str() != kind) {
                continue;
            }
            let marks: Vec<_> = [
                (recorded.hints.protect, "protected"),
                (recorded.unsettled, "unsettled"),
                (position >= all - condemned, "replaced"),
                (recorded.deferred.is_some(), "waiting"),
            ]
            .iter()
            .filter_map(|(is, mark)| is.then_some(*mark))
            .collect();
            let marked = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}{marked}\n    {}", recorded.urn, recorded.identity);
            items.push(json!({
                "urn": recorded.urn.to_string(),
                "identity": recorded.identity,
                "generation": recorded.hints.generation,
                "marks": marks,
            }));
        }
        if text.is_empty() {
            text.push_str("Nothing is recorded.\n");
        }
        let open = session.state.open.len();
        reporter.answer(
            "state",
            json!({"resources": items, "open": open, "place": session.store().place()}),
            &text,
        );
        Ok(())
    }
}
