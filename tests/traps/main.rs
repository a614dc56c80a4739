//! The ways in which Google surprises its users, one by one: the local cloud misbehaves, and the host copes,
//! or says clearly why it cannot and goes on where it stopped when the trouble is over.
//!
//! Each trap is a row of [`table`]: a small stack, faults, and what has to come of it. What the local cloud is like
//! without being told is in [`states`]. Those who wait in earnest do so side by side, each with a local cloud of its
//! own.

mod documented;
mod others;
mod stacks;
mod states;
mod table;
mod trial;
mod unsaid;
mod whole;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mlflow_host_tests::guest;

/// Traps that are tried at the same time: they mostly wait.
const SIDE_BY_SIDE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let guest = match guest("declared") {
        Ok(guest) => guest,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let failed = |error: anyhow::Error| Failed::from(format!("{error:#}"));
    let mut trials =
        vec![Trial::test("the-dev-stack-through-all-of-it", move || whole::spring().map_err(failed))];
    let names: Vec<_> = table::lives().iter().flat_map(|life| &life.traps).map(|trap| trap.name).collect();
    trials.push(Trial::test("every-trap-is-documented", move || documented::check(&names).map_err(failed)));
    trials.extend(states::TRIALS.iter().chain(unsaid::TRIALS).chain(others::TRIALS).map(|(name, trial)| {
        let guest = guest.clone();
        Trial::test(*name, move || trial(&guest).map_err(failed))
    }));
    trials.extend(table::lives().into_iter().map(|life| {
        let guest = guest.clone();
        Trial::test(life.title(), move || life.live(&guest).map_err(failed))
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
