//! What a request in flight needs to be taken up again, also by another process: the `handle` of
//! [`Progress::Running`](mlflow_host_engine::Progress).

use std::time::Duration;

use jiff::Timestamp;
use mlflow_host_graph::PropertyPath;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::operations::OperationRef;

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Handle {
    /// What is being waited for.
    pub phase: Phase,
    /// When the request was first sent.
    pub started_at: Timestamp,
    /// When this phase began.
    pub phase_at: Timestamp,
    /// The identity that the server assigned, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// How many of the request's calls have been made, where it takes several.
    #[serde(default)]
    pub step: usize,
    /// The paths to update, where the engine left it to the provider to find them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<PropertyPath>>,
    /// What tells the resource from those of its kind that were there before, where nothing of ours can: see
    /// [`Driver::baseline`](crate::kinds::Driver::baseline). It is in the journal before the request is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Timestamp>,
    /// What the operation said when it failed although the resource may still come up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
}

/// What is being waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// An operation.
    Operation {
        /// Which.
        operation: OperationRef,
    },
    /// The resource, which must become ready.
    Settling,
    /// The call itself, which could not be taken up yet.
    Again {
        /// What for.
        note: String,
        /// The process that knows why the wait makes sense.
        session: String,
    },
    /// More of the same, e.g., the next page of objects to delete.
    Onward,
}

impl Handle {
    /// A handle for a phase that begins now.
    pub(crate) fn new(phase: Phase) -> Self {
        let now = Timestamp::now();
        Self {
            phase,
            started_at: now,
            phase_at: now,
            identity: None,
            step: 0,
            changed: None,
            baseline: None,
            complaint: None,
        }
    }

    /// The same request in another phase.
    #[must_use]
    pub(crate) fn then(&self, phase: Phase) -> Self {
        Self { phase, phase_at: Timestamp::now(), ..self.clone() }
    }

    /// The handle as the engine keeps it.
    pub(crate) fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// How long ago the request began.
    pub(crate) fn age(&self) -> Duration {
        since(self.started_at)
    }

    /// How long ago this phase began.
    pub(crate) fn phase_age(&self) -> Duration {
        since(self.phase_at)
    }
}

fn since(at: Timestamp) -> Duration {
    // A clock that was set back gives a negative time.
    Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
}

/// When to look again: at once at first, then after half of the time gone by, and not past the usual end
/// without looking there.
pub(crate) fn pause(elapsed: Duration, expected: Duration) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(150);
    const LONGEST: Duration = Duration::from_secs(10);
    // Near the usual end a late look costs the most in proportion.
    let longest = (expected / 12).clamp(Duration::from_secs(1), LONGEST);
    let usual = (elapsed / 2).clamp(SHORTEST, longest);
    match expected.checked_sub(elapsed) {
        Some(left) if !left.is_zero() && left < usual => left.max(SHORTEST),
        _ if elapsed > expected * 3 => (elapsed / 2).clamp(SHORTEST, LONGEST),
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_is_quick_at_first_and_patient_later() {
        let at = |elapsed: u64, expected: u64| {
            pause(Duration::from_millis(elapsed), Duration::from_secs(expected)).as_millis()
        };
        assert_eq!(at(0, 420), 150);
        assert_eq!(at(2_000, 420), 1_000);
        assert_eq!(at(100_000, 420), 10_000, "never more than ten seconds");
        assert_eq!(at(418_000, 420), 2_000, "there at the usual end");
        assert_eq!(at(5_000, 12), 1_000, "a short operation is looked at often");
        assert_eq!(at(60_000, 12), 10_000, "one that is long overdue is not");
    }

    #[test]
    fn a_handle_survives_as_json() {
        let mut handle = Handle::new(Phase::Settling);
        handle.identity = Some("projects/p/x".into());
        assert_eq!(serde_json::from_value::<Handle>(handle.to_json()).unwrap(), handle);
    }
}
