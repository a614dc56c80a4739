//! Clients that nobody here wrote.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::environment::root;
use crate::run::Run;

/// Runs a Python referee and requires it to agree. Without a proxy or an account of this machine's.
///
/// # Errors
/// When it does not agree.
pub fn python<A: AsRef<OsStr>>(
    script: &str,
    arguments: impl IntoIterator<Item = A>,
    variables: &[(&str, &str)],
) -> Result<()> {
    let mut command = Command::new(interpreter()?);
    command
        .arg(root().join("tests/referees").join(script))
        .args(arguments)
        .env_remove("HTTP_PROXY")
        .env_remove("HTTPS_PROXY")
        .env("NO_PROXY", "*")
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .envs(variables.iter().copied());
    agrees(command)
}

/// Runs a Python referee that knows of the local cloud only what `cloud env --libraries` prints, and requires it to
/// agree.
///
/// # Errors
/// When it does not agree.
pub fn python_by_default(script: &str, exports: &str, arguments: &[&str]) -> Result<()> {
    let mut command = exporting(exports);
    command.arg(interpreter()?).arg(root().join("tests/referees").join(script)).args(arguments);
    agrees(command)
}

/// Runs a script that uses gcloud, with what `cloud env` prints, and requires it to agree. `false` when there is
/// no gcloud on this machine.
///
/// # Errors
/// When it does not agree, or is missing where it must be there: with MLFLOW_HOST_REQUIRE_GCLOUD=1 or CI=true.
pub fn gcloud(script: &str, exports: &str, arguments: &[&str]) -> Result<bool> {
    let installed =
        Command::new("gcloud").arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        let required = [("MLFLOW_HOST_REQUIRE_GCLOUD", "1"), ("CI", "true")];
        for (name, value) in required {
            let is_set = std::env::var(name).is_ok_and(|given| given == value);
            ensure!(!is_set, "gcloud is not installed, and must be where {name}={value}");
        }
        return Ok(false);
    }
    let mut command = exporting(exports);
    command.arg(root().join("tests/referees").join(script)).args(arguments);
    agrees(command)?;
    Ok(true)
}

/// A shell that exports what `cloud env` prints and becomes the program that its arguments name.
fn exporting(exports: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{exports}\nexec \"$0\" \"$@\""));
    command
}

fn agrees(command: Command) -> Result<()> {
    let run = Run::of(command)?;
    ensure!(run.code == 0, "{}", run.report());
    run.stdout.lines().for_each(|line| eprintln!("      {line}"));
    Ok(())
}

/// The interpreter of the referees' environment, which is made when it is not there yet.
fn interpreter() -> Result<PathBuf> {
    let run = Run::of(Command::new(root().join("scripts/test-environment")))?;
    ensure!(run.code == 0, "{}", run.report());
    let directory = run.stdout.lines().last().context("scripts/test-environment printed nothing")?;
    Ok(PathBuf::from(directory).join("bin/python"))
}
