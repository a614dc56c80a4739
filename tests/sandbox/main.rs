//! Hostile stacks against the binary and its own limits: how each run ends, what is said of it, and how much memory the
//! host has taken meanwhile. The tests of `host/program` have limits of their own, which are quicker to reach.

mod table;

use std::fs::{self, File};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use mlflow_host_tests::{Run, Workbench, guest};

use crate::table::{ROWS, Row, STACK};

/// What a guest may have (512 MiB) and what it may declare (512 MiB): the host itself has to find room in what neither
/// of them can take whole.
const MEMORY: u64 = 1 << 30;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each takes a processor, and some a gigabyte.
    arguments.test_threads.get_or_insert(2);
    let bench = match prepare() {
        Ok(bench) => Arc::new(bench),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let lines = Arc::new(Mutex::new(Vec::new()));
    let trial = |(place, row): (usize, &'static Row)| {
        let (bench, lines) = (Arc::clone(&bench), Arc::clone(&lines));
        Trial::test(row.name(), move || {
            let run = run(&bench, row).map_err(|error| Failed::from(format!("{error:#}")))?;
            lines.lock().unwrap_or_else(PoisonError::into_inner).push((place, line(row, &run)));
            judge(row, &run).map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    let conclusion = libtest_mimic::run(&arguments, ROWS.iter().enumerate().map(trial).collect());
    let mut lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    lines.sort();
    eprintln!("| hostile stack | what happened | exit | seconds | MiB |\n|---|---|---|---|---|");
    lines.iter().for_each(|(_, line)| eprintln!("{line}"));
    conclusion.exit_code()
}

/// The stacks of the table, compiled once: what is measured later is the run.
fn prepare() -> Result<Workbench> {
    let bench = Workbench::new()?;
    let hostile = fs::read(guest("hostile")?)?;
    fs::write(bench.directory().join(STACK), &hostile)?;
    let configuration = "[secrets]\ntoken = { env = \"MLFLOW_HOST_TEST_UNSET\" }\n";
    fs::write(bench.directory().join("hostile.toml"), configuration)?;
    fs::write(bench.directory().join("half.wasm"), &hostile[..hostile.len() / 2])?;
    File::create(bench.directory().join("huge.wasm"))?.set_len(500 << 20)?;
    fs::copy(guest("network")?, bench.directory().join("network.wasm"))?;
    bench.succeeds(&["preview", STACK, "--offline", "--set", "case=good"])?;
    Ok(bench)
}

fn run(bench: &Workbench, row: &Row) -> Result<Run> {
    let settings = row.settings.iter().flat_map(|setting| ["--set", setting]);
    bench.host(["preview", row.stack, "--offline"].into_iter().chain(settings))
}

fn judge(row: &Row, run: &Run) -> Result<()> {
    ensure!(run.code == row.code, "{}", run.report());
    ensure!(row.said.iter().any(|said| run.stderr.contains(said)), "{:?}\n{}", row.said, run.report());
    ensure!(!run.stdout.contains(" create "), "something is planned\n{}", run.report());
    ensure!(run.memory < MEMORY, "{} bytes of memory\n{}", run.memory, run.report());
    // A person reads it.
    ensure!(run.stderr.len() < 100_000, "{} bytes are said", run.stderr.len());
    Ok(())
}

/// A row of the table of what happened.
fn line(row: &Row, run: &Run) -> String {
    let said = run.stderr.lines().find(|line| row.said.iter().any(|said| line.contains(said)));
    let said = said.unwrap_or("?").replace('|', "\\|");
    format!("| {} | {said} | {} | {:.1} | {} |", row.name(), run.code, run.seconds, run.memory >> 20)
}
