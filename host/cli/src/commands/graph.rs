//! `mlflow-host graph`

use std::collections::BTreeMap;

use super::stack::StackArguments;
use crate::arguments::Global;
use crate::failure::{Code, Result};
use crate::render::{self, Ending, GraphFormat, Reporter};
use crate::session::Session;

/// Draw what a stack declares, and what needs what.
///
/// The stack runs in its sandbox; no cloud is asked, and nothing need exist.
/// Arrows go from what is needed to what needs it, and so in the order in which
/// resources are made.
///
/// Examples:
///   mlflow-host graph stacks/dev.wasm --format svg > dev.svg
///   mlflow-host graph stacks/dev.wasm | dot -Tpng > dev.png
///   mlflow-host graph stacks/dev.wasm --format mermaid    for Markdown on GitHub
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Graph {
    #[command(flatten)]
    stack: StackArguments,

    /// The language to draw in
    #[arg(long, value_name = "FORMAT", default_value = "dot")]
    format: GraphFormat,
}

impl Graph {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let session = Session::declare(self.stack.config()?, BTreeMap::new(), reporter).await?;
        if global.json {
            render::print(&render::graph_line(&session.graph));
            reporter.ending(&Ending::new("graph", Code::Done));
        } else {
            render::print(&self.format.draw(&session.config.stack, &session.graph));
        }
        Ok(Code::Done)
    }
}
