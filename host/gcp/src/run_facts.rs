//! What this run has done to the project that takes a while to be known everywhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an enabled API may still be refused. Google says "a few minutes".
const ENABLING: Duration = Duration::from_secs(10 * 60);
/// How long a new account or permission may be unknown: "typically 2 minutes, potentially 7 or longer"
/// (<https://cloud.google.com/iam/docs/access-change-propagation>).
const PROPAGATION: Duration = Duration::from_secs(8 * 60);
/// How long a new bucket may be unknown to some of Cloud Storage. Terraform's provider retries for as long.
const VISIBILITY: Duration = Duration::from_secs(3 * 60);

#[derive(Default)]
struct Times {
    enabled: HashMap<String, Instant>,
    accounts: HashMap<String, Instant>,
    buckets: HashMap<String, Instant>,
    granted: Option<Instant>,
    taken_over: Option<Instant>,
}

/// Remembers, for as long as it matters, what was enabled, made and granted.
#[derive(Default)]
pub(crate) struct RunFacts(Mutex<Times>);

impl RunFacts {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An API has been enabled.
    pub(crate) fn enabled(&self, service: &str) {
        self.times().enabled.insert(service.to_owned(), Instant::now());
    }

    /// A service account has been made.
    pub(crate) fn created_account(&self, email: &str) {
        self.times().accounts.insert(email.to_lowercase(), Instant::now());
    }

    /// Whether this run has made that very account.
    pub(crate) fn has_made(&self, email: &str) -> bool {
        self.times().accounts.contains_key(&email.to_lowercase())
    }

    /// A bucket has been made.
    pub(crate) fn created_bucket(&self, name: &str) {
        self.times().buckets.insert(name.to_owned(), Instant::now());
    }

    /// An IAM policy has been changed.
    pub(crate) fn granted(&self) {
        self.times().granted = Some(Instant::now());
    }

    /// What an earlier run began goes on: what it did before is taken on trust, for the usual time.
    pub(crate) fn take_over(&self) {
        self.times().taken_over.get_or_insert_with(Instant::now);
    }

    /// Whether the API has been enabled lately.
    pub(crate) fn has_enabled(&self, service: &str) -> bool {
        let times = self.times();
        recent(times.enabled.get(service), ENABLING) || recent(times.taken_over.as_ref(), ENABLING)
    }

    /// Whether an account that `text` (in lower case) names has been made lately; Google's own service
    /// agents come with the APIs.
    pub(crate) fn has_created_account(&self, text: &str) -> bool {
        let times = self.times();
        let named =
            |(email, at): (&String, &Instant)| text.contains(email.as_str()) && recent(Some(at), PROPAGATION);
        let agent = text.contains("@gcp-sa-") && times.enabled.values().any(|at| recent(Some(at), ENABLING));
        agent || times.accounts.iter().any(named) || recent(times.taken_over.as_ref(), PROPAGATION)
    }

    /// Whether a bucket that a path has as a segment of its own has been made lately.
    pub(crate) fn has_created_bucket(&self, path: &str) -> bool {
        let times = self.times();
        let named = path.split('/').any(|part| recent(times.buckets.get(part), VISIBILITY));
        named || recent(times.taken_over.as_ref(), VISIBILITY)
    }

    /// Whether permissions have been granted lately.
    pub(crate) fn has_granted(&self) -> bool {
        let times = self.times();
        recent(times.granted.as_ref(), PROPAGATION) || recent(times.taken_over.as_ref(), PROPAGATION)
    }
}

fn recent(at: Option<&Instant>, limit: Duration) -> bool {
    at.is_some_and(|at| at.elapsed() < limit)
}
