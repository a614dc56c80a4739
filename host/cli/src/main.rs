//! The command line of mlflow-host: reads what is asked, puts the crates together, shows what happens.
//!
//! - `commands`: one module a command, with its arguments.
//! - `config`: the TOML file beside a stack.
//! - `session`: a stack with its state and its cloud, put together.
//! - `render`: everything that users and scripts get to see.
//!
//! It imports every other crate of the workspace, and no other crate imports it.

mod arguments;
mod commands;
mod config;
#[cfg(test)]
mod documented;
mod failure;
mod files;
mod interrupt;
mod places;
mod render;
mod session;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::arguments::Arguments;
use crate::render::Ending;

/// The variable that asks for the host's own log, e.g., `debug` or `mlflow_host_gcp=trace`.
const LOG_VARIABLE: &str = "MLFLOW_HOST_LOG";

fn main() -> ExitCode {
    let Arguments { command, global } = Arguments::parse();
    if let Ok(filter) = EnvFilter::try_from_env(LOG_VARIABLE) {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    let reporter = render::reporter(global.json, global.verbose);
    let name = command.name();
    let code = match command.run(global, reporter.as_ref()) {
        Ok(code) => {
            // The others have told their own ending.
            if ["build", "cloud", "compose", "config", "new", "outputs", "state"].contains(&name) {
                reporter.ending(&Ending::new(name, code));
            }
            code
        }
        Err(failure) => {
            reporter.failure(&failure);
            reporter.ending(&Ending::new(name, failure.code));
            failure.code
        }
    };
    ExitCode::from(code.number())
}
