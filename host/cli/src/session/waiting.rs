//! Deletions that have to wait: carried out again and again until nothing is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mlflow_host_engine::{Deferral, Plan, PlanContext, Recorded, Selection, Summary, plan_destroy};
use tokio::sync::watch;

use super::{Carry, Session, code_of};
use crate::failure::{Code, Failure, Result};
use crate::interrupt;
use crate::render::Reporter;

/// Never less between two tries, whatever was estimated.
const SHORTEST: Duration = Duration::from_secs(2);

impl Session<'_> {
    /// Plans the deletion of what is selected.
    pub(crate) fn plan_destroy(&self, selection: &Selection) -> Result<Plan> {
        let lookups = BTreeMap::new();
        let context = PlanContext::new(self.provider()?, &self.secrets, &lookups).selecting(selection);
        plan_destroy(&self.state, &context)
            .map_err(|problems| Failure::of_stack(&self.config.stack, problems))
    }

    /// Deletes; with `patience`, comes back for what has to wait as long as that lasts.
    pub(crate) async fn destroy(
        &mut self,
        selection: &Selection,
        first: Plan,
        patience: Option<Duration>,
        started: Instant,
    ) -> Result<Code> {
        let reporter = self.reporter;
        let (mut stop, listener) = interrupt::listen(reporter)?;
        self.watch = None;
        let work = async {
            let lookups = BTreeMap::new();
            let mut plan = first;
            let mut done = BTreeMap::new();
            loop {
                let carry =
                    Carry { command: "destroy", plan: &plan, lookups: &lookups, observed: &[], started };
                let mut summary = self.apply(&carry, stop.clone()).await?;
                for (action, count) in std::mem::take(&mut summary.done) {
                    *done.entry(action).or_default() += count;
                }
                let wait = self.next_try(&summary).filter(|until| is_within(*until, patience, started));
                let interrupted = match wait {
                    Some(until) => sleep(self, until, reporter, &mut stop).await,
                    None => false,
                };
                if wait.is_none() || interrupted {
                    summary.done = done;
                    return Ok::<_, Box<Failure>>((plan, summary));
                }
                plan = self.plan_destroy(selection)?;
            }
        };
        let (plan, summary) = match listener.mind(work).await {
            Ok(ended) => ended?,
            Err(by) => self.leave("destroy", started, by).await,
        };
        let carry =
            Carry { command: "destroy", plan: &plan, lookups: &BTreeMap::new(), observed: &[], started };
        Ok(self.finish(&carry, summary).await)
    }

    /// What the cloud still holds.
    pub(super) fn held(&self) -> impl Iterator<Item = (&Recorded, &Deferral)> {
        self.state.all().filter_map(|recorded| Some((recorded, recorded.deferred.as_ref()?)))
    }

    /// When the first of what is held may be free, if nothing else stands in the way.
    fn next_try(&self, summary: &Summary) -> Option<Timestamp> {
        if code_of(summary) != Code::Deferred {
            return None;
        }
        self.held().filter_map(|(_, deferral)| deferral.retry_at.parse().ok()).min()
    }
}

/// Whether waiting until then is not too long.
fn is_within(until: Timestamp, patience: Option<Duration>, started: Instant) -> bool {
    let Some(patience) = patience else { return false };
    patience.checked_sub(started.elapsed()).is_some_and(|left| from_now(until) <= left)
}

fn from_now(until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default().max(SHORTEST)
}

/// Sleeps, having said why. True when it was interrupted.
async fn sleep(
    session: &Session<'_>,
    until: Timestamp,
    reporter: &dyn Reporter,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    let held: Vec<_> = session.held().collect();
    reporter.waiting(&held, until);
    tokio::select! {
        () = tokio::time::sleep(from_now(until)) => false,
        _ = stop.wait_for(|stopped| *stopped) => true,
    }
}

/// `90s`, `30m`, `2h`, `1h30m`, for clap.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as a duration, e.g., `90m` or `2h`".to_owned();
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_do() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("1h30m"), Ok(5400));
        assert!(seconds("soon").is_err() && seconds("-2h").is_err() && seconds("").is_err());
    }

    #[test]
    fn nobody_waits_longer_than_asked() {
        let started = Instant::now();
        let later = |seconds| Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        assert!(!is_within(later(60), None, started));
        assert!(is_within(later(60), Some(Duration::from_secs(120)), started));
        assert!(!is_within(later(60), Some(Duration::from_secs(30)), started));
        assert!(is_within(later(-60), Some(Duration::from_secs(30)), started));
        assert_eq!(from_now(later(-60)), SHORTEST);
    }
}
