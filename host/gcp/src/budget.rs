//! How fast each API may be asked: at most so many requests at a time, and so long between two.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
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

struct Lane {
    slots: Semaphore,
    gap: Duration,
    next: Mutex<Instant>,
}

/// A lane a service.
pub(crate) struct Budget {
    lanes: HashMap<&'static str, Lane>,
    usual: Lane,
}

impl Budget {
    /// Google's limits, or, for a cloud of one's own, only those on requests at a time.
    pub(crate) fn new(spaced: bool) -> Self {
        let lane = |slots, gap| Lane {
            slots: Semaphore::new(slots),
            gap: Duration::from_millis(if spaced { gap } else { 0 }),
            next: Mutex::new(Instant::now()),
        };
        Self {
            lanes: LIMITS.iter().map(|(service, slots, gap)| (*service, lane(*slots, *gap))).collect(),
            usual: lane(USUAL.0, USUAL.1),
        }
    }

    /// Waits for its turn. The slot is free again when the permit is dropped.
    pub(crate) async fn enter(&self, service: &str) -> Option<SemaphorePermit<'_>> {
        let lane = self.lanes.get(service).unwrap_or(&self.usual);
        let permit = lane.slots.acquire().await.ok();
        let turn = {
            let mut next = lane.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + lane.gap;
            turn
        };
        tokio::time::sleep_until(turn).await;
        permit
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
}
