//! The kill matrix: whatever request or entry the host dies at, one plain rerun puts everything right.
//!
//! `up`, an update with a replacement and `destroy` of the dev stack are killed (`abort`, which runs no more
//! code than SIGKILL does) before each request that may change something leaves, when its answer has arrived
//! and nobody has seen it, and before entries are written to the journal. Then one rerun must succeed, the
//! project must hold exactly what it holds after an uninterrupted run, and a third run must find nothing to do.
//!
//! - `KILL_POINTS`: how many points, spread over all kinds (12), or `all`.
//! - `KILL_SEED`: which ones, a number (1).
//! - `KILL_ONLY`: these points and no others, e.g. `up:change-after:7,destroy:append:3`.

mod listing;
mod place;
mod point;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant as Clock;

use anyhow::{Context as _, Result, anyhow, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use sha2::{Digest as _, Sha256};

use listing::{Listing, password_opens_the_database};
use place::{Place, STACK};
use point::{Instant, Point, Scenario, Verdict};

/// Points that are tried at the same time.
const WORKERS: usize = 2;
/// Every so many points, `destroy` has to leave nothing.
const DESTROY_EVERY: usize = 5;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let matrix = Trial::test("one_rerun_puts_right_whatever_the_host_died_at", || {
        matrix().map_err(|error| Failed::from(format!("{error:#}")))
    });
    libtest_mimic::run(&arguments, vec![matrix]).exit_code()
}

/// What an uninterrupted run of a scenario does and leaves.
struct Uninterrupted {
    listing: Listing,
    /// How often each instant comes.
    times: BTreeMap<Instant, u64>,
}

type Baseline = BTreeMap<Scenario, Uninterrupted>;

fn matrix() -> Result<()> {
    let begin = Clock::now();
    let places: Vec<Place> = (0..WORKERS).map(|_| Place::new(host()?)).collect::<Result<_>>()?;
    let mut baselines = std::thread::scope(|scope| {
        let runs: Vec<_> = places.iter().map(|place| scope.spawn(|| baseline(place))).collect();
        runs.into_iter()
            .map(|run| run.join().map_err(|_| anyhow!("a baseline panicked"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let baseline = baselines.swap_remove(0);
    for other in baselines {
        for (scenario, uninterrupted) in &other {
            let difference = uninterrupted.listing.difference(&baseline[scenario].listing);
            ensure!(difference.is_empty(), "two uninterrupted runs differ:\n{}", difference.join("\n"));
        }
    }
    let points = chosen(&baseline)?;
    eprintln!(
        "      {} points; uninterrupted runs took {:.0} s",
        points.len(),
        begin.elapsed().as_secs_f64()
    );

    let queue = Mutex::new(points.into_iter().enumerate().collect::<VecDeque<_>>());
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for place in &places {
            scope.spawn(|| {
                while let Some((index, point)) = locked(&queue).pop_front() {
                    let clock = Clock::now();
                    let expected = &baseline[&point.scenario].listing;
                    let result = point.check(place, expected, index.is_multiple_of(DESTROY_EVERY));
                    let verdict = match &result {
                        Ok(Verdict::Converged) => "converged".to_owned(),
                        Ok(Verdict::NotReached) => "not reached".to_owned(),
                        Err(error) => format!("FAILED: {error:#}"),
                    };
                    eprintln!("      {point}: {verdict} ({:.0} s)", clock.elapsed().as_secs_f64());
                    locked(&results).insert(point, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    print_table(&results, begin.elapsed().as_secs_f64());
    let failed: Vec<_> =
        results.iter().filter(|(_, result)| result.is_err()).map(|(point, _)| point.to_string()).collect();
    ensure!(failed.is_empty(), "{} points failed: KILL_ONLY={}", failed.len(), failed.join(","));
    ensure!(
        results.values().any(|result| matches!(result, Ok(Verdict::Converged))),
        "no point was reached: is this the host with failpoints?"
    );
    Ok(())
}

/// Runs every scenario without an interruption, and keeps the copies that they begin with.
fn baseline(place: &Place) -> Result<Baseline> {
    let mut baseline = Baseline::new();
    // The first time, which also makes the layers of the image.
    place.cloud()?;
    place.succeeds(&["up", STACK, "--yes"])?;
    place.stop()?;
    place.save_empty("empty")?;
    for scenario in Scenario::ALL {
        scenario.prepare(place)?;
        let cloud = place.cloud()?;
        let before = cloud.mutations()?;
        let run = scenario.run(place, &[("MLFLOW_HOST_LOG", "mlflow_host_state=debug")])?;
        ensure!(run.code == 0, "{}", run.report());
        let requests = cloud.mutations()? - before;
        let batches = run.stderr.lines().filter(|line| line.contains("append")).count() as u64;
        ensure!(requests > 3 && batches > 3, "{requests} requests, {batches} batches\n{}", run.report());
        if scenario != Scenario::Destroy {
            password_opens_the_database(&cloud)?;
        }
        let times = BTreeMap::from([
            (Instant::BeforeRequest, requests),
            (Instant::AfterAnswer, requests),
            (Instant::BeforeJournal, batches),
        ]);
        baseline.insert(scenario, Uninterrupted { listing: Listing::of(place, &cloud)?, times });
        if scenario == Scenario::Up {
            place.stop()?;
            place.save("deployed")?;
        }
    }
    Ok(baseline)
}

/// The points to try.
fn chosen(baseline: &Baseline) -> Result<Vec<Point>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(only) = variable("KILL_ONLY") {
        return only.split(',').map(str::parse).collect();
    }
    let seed: u64 = variable("KILL_SEED").map_or(Ok(1), |text| text.parse()).context("KILL_SEED")?;
    let count: Option<usize> = match variable("KILL_POINTS").as_deref() {
        None => Some(12),
        Some("all") => None,
        Some(number) => Some(number.parse().context("KILL_POINTS")?),
    };
    let mut kinds: Vec<VecDeque<Point>> = Vec::new();
    for scenario in Scenario::ALL {
        for instant in Instant::ALL {
            let numbers = 1..=baseline[&scenario].times[&instant];
            let mut points: Vec<_> = numbers.map(|number| Point { scenario, instant, number }).collect();
            if count.is_some() {
                points.sort_by_cached_key(|point| Sha256::digest(format!("{seed} {point}")).to_vec());
            }
            kinds.push(points.into());
        }
    }
    // One of each kind in turn, so that a small sample has some of all.
    let mut points = Vec::new();
    while kinds.iter().any(|kind| !kind.is_empty()) {
        points.extend(kinds.iter_mut().filter_map(VecDeque::pop_front));
    }
    points.truncate(count.unwrap_or(points.len()));
    Ok(points)
}

fn print_table(results: &BTreeMap<Point, Result<Verdict>>, seconds: f64) {
    eprintln!("\n      {:<10}{:<16}{:>8}{:>13}{:>10}", "run", "killed", "points", "not reached", "failures");
    for scenario in Scenario::ALL {
        for instant in Instant::ALL {
            let of_kind: Vec<_> = results
                .iter()
                .filter(|(point, _)| point.scenario == scenario && point.instant == instant)
                .map(|(_, result)| result)
                .collect();
            let not_reached = of_kind.iter().filter(|it| matches!(it, Ok(Verdict::NotReached))).count();
            let failures = of_kind.iter().filter(|it| it.is_err()).count();
            let (run, killed) = (format!("{scenario:?}").to_lowercase(), format!("{instant:?}"));
            eprintln!("      {run:<10}{killed:<16}{:>8}{not_reached:>13}{failures:>10}", of_kind.len());
        }
    }
    let failures = results.values().filter(|result| result.is_err()).count();
    eprintln!("      {} points, {failures} failures, {seconds:.0} s\n", results.len());
}

/// The host with failpoints: `scripts/build-failpoints` makes it.
fn host() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(3).context("the test is not in a target directory")?;
    let host = std::env::var_os("MLFLOW_HOST_FAILPOINTS_BINARY")
        .map_or_else(|| target.join("failpoints/mlflow-host"), PathBuf::from);
    ensure!(host.is_file(), "{} is missing: run scripts/build-failpoints", host.display());
    Ok(host)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
