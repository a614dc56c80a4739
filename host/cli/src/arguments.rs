//! The command line.

use clap::Parser;

use crate::commands::Command;

/// Runs MLflow on Google Cloud from programs compiled to WebAssembly.
///
/// A stack is a Wasm file that declares cloud resources. `up` makes the cloud match what it declares:
/// on Google Cloud, or on the local cloud that is built in and needs neither account nor network.
///
/// Examples:
///   mlflow-host up stacks/dev.wasm                  bring MLflow up on this machine
///   mlflow-host preview stacks/prod.wasm --offline  see what would be done, without any credentials
///   mlflow-host up stacks/dev.wasm --cloud gcp --set project=my-project
///
/// Exit codes: 0 done; 1 error, nothing changed; 2 wrong usage; 3 some operations failed or were not
/// begun, run again to go on; 4 something has to wait, come back later; 10 changes pending
/// (`preview --exit-code`, `refresh --exit-code`).
#[derive(Debug, Parser)]
#[command(
    name = "mlflow-host",
    version,
    verbatim_doc_comment,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command understands.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Global {
    /// Write one JSON object a line to standard output instead of text (see docs/json-events.md)
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,

    /// Show what is usually not worth showing, e.g., the messages of the stack
    #[arg(long, short, global = true, display_order = 901)]
    pub(crate) verbose: bool,
}
