//! `mlflow-host state history`

use std::fmt::Write as _;

use serde_json::json;

use super::{StackArguments, read};
use crate::failure::Result;
use crate::render::Reporter;

/// Show the last runs, the newest first: when, who, what, with which program, and
/// what came of it
///
/// The last hundred runs are remembered. A run without an end was killed, or goes
/// on.
///
/// Examples:
///   mlflow-host state history stacks/dev.wasm
///   mlflow-host state history stacks/dev.wasm --json | jq 'select(.event == "history") .runs[0]'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct History {
    #[command(flatten)]
    stack: StackArguments,
}

/// How much of a digest is enough to tell programs apart.
const DIGITS: usize = 12;

impl History {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let session = read(&self.stack, reporter).await?;
        let (mut text, mut runs) = (String::new(), Vec::new());
        for past in session.state.history.iter().rev() {
            let run = &past.run;
            let came = match &past.counts {
                None => "has not come to its end".to_owned(),
                Some(counts) => {
                    let counts = counts.iter().filter(|(_, count)| **count > 0);
                    let parts: Vec<_> = counts.map(|(what, count)| format!("{count} {what}")).collect();
                    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
                }
            };
            let program = run.program.as_deref().map_or("-", |digest| digest.get(..DIGITS).unwrap_or(digest));
            // Writing to a string does not fail.
            let _ =
                writeln!(text, "{}  {:8}  {}  {program:DIGITS$}  {came}", run.started, run.command, run.by);
            runs.push(json!({
                "id": run.id,
                "command": run.command,
                "started": run.started,
                "by": run.by,
                "program": run.program,
                "counts": past.counts,
            }));
        }
        if text.is_empty() {
            text.push_str("No run is remembered.\n");
        }
        reporter.answer("history", json!({"runs": runs}), &text);
        Ok(())
    }
}
