//! Running the program of a stack.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlflow_host_graph::{Graph, Severity};
use mlflow_host_program::{Inputs, Level, LogLine, ProgramError, ProgramHost, ProgramHostConfig};

use super::catalogue::AllKinds;
use crate::config::StackConfig;
use crate::failure::{Failure, Result};
use crate::render::{Reporter, duration};
use crate::{files, places};

/// Bytes from which a program takes long to compile: one with a language runtime in it.
const LARGE: usize = 1 << 20;
/// How long a program may take without a word. From the cache, the largest ones take a fifth of a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// More fuel than any program can use before its deadline.
const FUEL: u64 = 1 << 60;

/// What a program declared.
pub(super) struct Declared {
    pub(super) graph: Graph,
    /// SHA-256 of the program, hexadecimal.
    pub(super) digest: String,
    /// The fuel that it used, if that was to be counted.
    pub(super) fuel: Option<u64>,
}

/// Runs the program of a stack in its sandbox.
pub(super) async fn declare(config: &StackConfig, reporter: &dyn Reporter) -> Result<Declared> {
    let program = read(&config.program)?;
    let inputs = Inputs {
        stack: config.stack.clone(),
        project: config.project.clone(),
        region: config.region.clone(),
        config: config.values.clone(),
        secret_keys: config.secrets.keys().cloned().collect(),
        assets_root: config.program.parent().map(Path::to_owned).unwrap_or_default(),
        private: config.private(),
    };
    let host = sandbox(config.counts_fuel.then_some(FUEL))?;
    let size = program.len();
    let run = host.run(program.into(), &inputs, Arc::new(AllKinds(config.kinds)));
    match patiently(run, config, size, reporter).await {
        Ok(outcome) => {
            show(&outcome.logs, reporter);
            for warning in &outcome.warnings {
                reporter.log(Some(Severity::Warning), &warning.to_string());
            }
            Ok(Declared { graph: outcome.graph, digest: outcome.digest, fuel: outcome.fuel })
        }
        Err(failure) => {
            show(&failure.logs, reporter);
            Err(match failure.error {
                ProgramError::Invalid(problems) => Failure::of_stack(&config.stack, problems),
                error => Failure::new(format!("{}: {error}", config.program.display())),
            })
        }
    }
}

/// Waits for a program. One that is large and not cached takes seconds to compile: shows that, and says how long it
/// took.
async fn patiently<T>(
    run: impl Future<Output = T>,
    config: &StackConfig,
    size: usize,
    reporter: &dyn Reporter,
) -> T {
    if size < LARGE {
        return run.await;
    }
    let begun = Instant::now();
    tokio::pin!(run);
    tokio::select! {
        outcome = &mut run => return outcome,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    let name = config.program.file_name().unwrap_or_default().to_string_lossy();
    let busy = reporter.busy(&format!("Compiling {name} for this machine, which is done once."));
    let outcome = run.await;
    drop(busy);
    reporter.notice(&format!("Compiled {name} in {}.", duration(begun.elapsed())));
    outcome
}

/// The sandbox for programs and policies. With `fuel`, which is counted, programs are compiled in another way.
pub(super) fn sandbox(fuel: Option<u64>) -> Result<ProgramHost> {
    let settings = ProgramHostConfig {
        fuel,
        cache_directory: places::cache().map(|cache| cache.join("programs")),
        ..ProgramHostConfig::default()
    };
    ProgramHost::new(settings).map_err(|error| Failure::new(error.to_string()))
}

fn read(program: &Path) -> Result<Vec<u8>> {
    files::read_program(program).map_err(|error| {
        let failure = Failure::new(format!("Cannot read {}: {error}.", program.display()));
        match error.kind() {
            std::io::ErrorKind::NotFound => failure.with_hint(
                "Give the path of a stack that has been built. In a clone of mlflow-host, `make stacks` builds \
                 stacks/*.wasm.",
            ),
            _ => failure,
        }
    })
}

/// Shows what a program has said.
pub(super) fn show(logs: &[LogLine], reporter: &dyn Reporter) {
    for line in logs {
        let severity = match line.level {
            Level::Error => Some(Severity::Error),
            Level::Warning => Some(Severity::Warning),
            Level::Info | Level::Debug => None,
        };
        reporter.log(severity, &line.message);
    }
}
