//! How fast each API may be asked: at most so many requests at a time, and so long between two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Service, requests at a time, milliseconds between the starts of two. From the default quotas (per
/// minute: Service Usage 120 mutations, Resource Manager 600 reads, SQL Admin 180, Secret Manager 600 writes,
/// Compute 1500), with a margin, since others use the project too.
const LIMITS: &[(&str, usize, u64)] = &[
    ("serviceusage.googleapis.com", 4, 250),
    ("cloudresourcemanager.googleapis.com", 4, 100),
    ("iam.googleapis.com", 8, 100),
    ("sqladmin.googleapis.com", 8, 200),
    ("servicenetworking.googleapis.com", 4, 200),
    ("compute.googleapis.com", 16, 50),
    ("storage.googleapis.com", 32, 0),
];

/// For every other service.
const USUAL: (usize, u64) = (10, 50);

/// A refusal for want of quota doubles the time between two requests, within these bounds.
const SLOWED: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(4));

/// How one service may be asked.
struct Lane {
    slots: Arc<Semaphore>,
    /// The least time between the starts of two requests.
    least_gap: Duration,
    pace: Mutex<Pace>,
}

struct Pace {
    /// The time between the starts of two requests at present.
    gap: Duration,
    /// When the next one may start.
    next: Instant,
}

impl Lane {
    fn new(slots: usize, least_gap: Duration) -> Self {
        let pace = Pace { gap: least_gap, next: Instant::now() };
        Self { slots: Arc::new(Semaphore::new(slots)), least_gap, pace: Mutex::new(pace) }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lane a service, each at the pace that the service bears: one that refuses for want of quota is asked half as
/// often, by everybody, and then little by little faster.
pub(crate) struct Budget {
    /// Whether requests are spaced before anything is refused. A cloud of one's own has the quotas it is told.
    spaced: bool,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

impl Budget {
    /// Google's limits, or, for a cloud of one's own, only those on requests at a time.
    pub(crate) fn new(spaced: bool) -> Self {
        Self { spaced, lanes: Mutex::default() }
    }

    /// Waits for its turn. The slot is free again when the permit is dropped.
    pub(crate) async fn enter(&self, service: &str) -> Option<OwnedSemaphorePermit> {
        let lane = self.lane(service);
        let permit = Arc::clone(&lane.slots).acquire_owned().await.ok();
        let turn = {
            let mut pace = lane.pace();
            let turn = pace.next.max(Instant::now());
            pace.next = turn + pace.gap;
            turn
        };
        tokio::time::sleep_until(turn).await;
        permit
    }

    /// The service has refused for want of quota.
    pub(crate) fn slow(&self, service: &str) {
        let lane = self.lane(service);
        let mut pace = lane.pace();
        pace.gap = (pace.gap * 2).clamp(SLOWED.0, SLOWED.1);
        pace.next = pace.next.max(Instant::now() + pace.gap);
    }

    /// The service has answered.
    pub(crate) fn ease(&self, service: &str) {
        let lane = self.lane(service);
        let mut pace = lane.pace();
        let excess = pace.gap.saturating_sub(lane.least_gap);
        pace.gap -= excess / 8;
    }

    fn lane(&self, service: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(service) {
            return Arc::clone(lane);
        }
        let (slots, milliseconds) = LIMITS
            .iter()
            .find(|(name, ..)| *name == service)
            .map_or(USUAL, |(_, slots, milliseconds)| (*slots, *milliseconds));
        let least_gap = Duration::from_millis(if self.spaced { milliseconds } else { 0 });
        let lane = Arc::new(Lane::new(slots, least_gap));
        lanes.insert(service.to_owned(), Arc::clone(&lane));
        lane
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced_and_few_at_a_time() {
        let budget = Budget::new(true);
        let begun = Instant::now();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(budget.enter("serviceusage.googleapis.com").await);
        }
        assert_eq!(begun.elapsed(), Duration::from_millis(750));
        let fifth =
            tokio::time::timeout(Duration::from_secs(60), budget.enter("serviceusage.googleapis.com"));
        assert!(fifth.await.is_err(), "a fifth at a time");
        held.clear();
        assert!(budget.enter("serviceusage.googleapis.com").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_without_quota_left_is_asked_less_often_for_a_while() {
        const RUN: &str = "run.googleapis.com";
        let budget = Budget::new(false);
        let two_requests = async || {
            drop(budget.enter(RUN).await);
            let begun = Instant::now();
            drop(budget.enter(RUN).await);
            begun.elapsed()
        };
        assert_eq!(two_requests().await, Duration::ZERO);
        (0..3).for_each(|_| budget.slow(RUN));
        assert_eq!(two_requests().await, Duration::from_millis(400));
        assert_eq!(two_requests().await, Duration::from_millis(400));
        (0..40).for_each(|_| budget.ease(RUN));
        assert!(two_requests().await < Duration::from_millis(5));
        (0..40).for_each(|_| budget.slow(RUN));
        assert_eq!(two_requests().await, SLOWED.1);
    }
}
