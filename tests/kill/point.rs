//! One point of the matrix: what is done, at which place and which time the host dies, and what must be true
//! after one plain rerun.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use mlflow_host_tests::Run;

use crate::listing::{Listing, password_opens_the_database};
use crate::place::{Place, STACK};

/// What the host is at when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// `up` from nothing.
    Up,
    /// `up` that replaces the bucket and changes the service.
    Update,
    /// `destroy` of everything.
    Destroy,
}

impl Scenario {
    pub(crate) const ALL: [Self; 3] = [Self::Up, Self::Update, Self::Destroy];

    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Update => "update",
            Self::Destroy => "destroy",
        }
    }

    /// The copy that it begins with.
    fn copy(self) -> &'static str {
        if self == Self::Up { "empty" } else { "deployed" }
    }

    fn command(self) -> [&'static str; 4] {
        [if self == Self::Destroy { "destroy" } else { "up" }, STACK, "--yes", "--json"]
    }

    /// Puts the place to where it begins, with its local cloud running.
    pub(crate) fn prepare(self, place: &Place) -> Result<()> {
        place.stop()?;
        place.restore(self.copy())?;
        if self == Self::Update {
            let old = "environment = { MLFLOW_LOGGING_LEVEL = \"INFO\" }";
            let new = "environment = { MLFLOW_LOGGING_LEVEL = \"DEBUG\" }\nbucket-location = \"EU\"";
            place.configure(old, new)?;
        }
        place.cloud().map(drop)
    }

    /// Runs it, with variables of the environment.
    pub(crate) fn run(self, place: &Place, variables: &[(&str, &str)]) -> Result<Run> {
        place.host(&self.command(), variables)
    }
}

/// Where the host dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Instant {
    /// A request that may change something is about to leave.
    BeforeRequest,
    /// The cloud has answered, and nobody has seen the answer.
    AfterAnswer,
    /// What has happened is about to be written to the journal.
    BeforeJournal,
}

impl Instant {
    pub(crate) const ALL: [Self; 3] = [Self::BeforeRequest, Self::AfterAnswer, Self::BeforeJournal];

    fn failpoint(self) -> &'static str {
        match self {
            Self::BeforeRequest => "change-before",
            Self::AfterAnswer => "change-after",
            Self::BeforeJournal => "append",
        }
    }
}

/// One point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) scenario: Scenario,
    pub(crate) instant: Instant,
    /// Which request, or which batch of entries, from 1.
    pub(crate) number: u64,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.scenario.name(), self.instant.failpoint(), self.number)
    }
}

impl FromStr for Point {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let [scenario, instant, number] = parts[..] else { bail!("`{text}` is not like up:append:3") };
        Ok(Self {
            scenario: Scenario::ALL
                .into_iter()
                .find(|one| one.name() == scenario)
                .with_context(|| format!("there is no scenario `{scenario}`"))?,
            instant: Instant::ALL
                .into_iter()
                .find(|one| one.failpoint() == instant)
                .with_context(|| format!("there is no instant `{instant}`"))?,
            number: number.parse()?,
        })
    }
}

/// How a point went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The host died, and one rerun has put everything right.
    Converged,
    /// The run ended before it came to the point: entries are written together, more or fewer of them.
    NotReached,
}

impl Point {
    /// Kills the host at the point, runs it again, and compares what there is with an uninterrupted run's.
    pub(crate) fn check(self, place: &Place, expected: &Listing, then_destroy: bool) -> Result<Verdict> {
        let Self { scenario, instant, number } = self;
        scenario.prepare(place)?;
        let failpoints = format!("{}={number}", instant.failpoint());
        let killed = scenario.run(place, &[("FAILPOINTS", &failpoints)])?;
        if killed.code == 0 {
            return Ok(Verdict::NotReached);
        }
        ensure!(killed.code == -1, "it was to be killed\n{}", killed.report());

        let rerun = scenario.run(place, &[])?;
        let story = || format!("\nthe killed run:\n{}\nthe rerun:\n{}", killed.report(), rerun.report());
        ensure!(rerun.code == 0, "the rerun did not converge{}", story());
        let cloud = place.cloud()?;
        let found = Listing::of(place, &cloud)?;
        let difference = found.difference(expected);
        ensure!(
            difference.is_empty(),
            "the project is not as it should be:\n{}{}",
            difference.join("\n"),
            story()
        );

        let before = cloud.mutations()?;
        let third = scenario.run(place, &[])?;
        ensure!(
            third.code == 0 && third.counts()?.is_empty(),
            "the third run changes something\n{}{}",
            third.report(),
            story()
        );
        let sent = cloud.mutations()? - before;
        ensure!(sent == 0, "the third run sent {sent} mutating requests\n{}{}", third.report(), story());
        if scenario != Scenario::Destroy {
            password_opens_the_database(&cloud)?;
        }
        if then_destroy && scenario != Scenario::Destroy {
            let destroyed = place.succeeds(&["destroy", STACK, "--yes", "--json"])?;
            let left = Listing::of(place, &cloud)?;
            ensure!(left.is_empty(), "left after `destroy`: {left:#?}\n{}{}", destroyed.report(), story());
        }
        cloud.ensure_as_described()?;
        Ok(Verdict::Converged)
    }
}
