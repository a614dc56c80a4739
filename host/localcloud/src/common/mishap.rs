//! What a fault leaves behind when its request has been answered: an operation that goes wrong, or
//! an effect that shows late.
//!
//! A fault strikes a request; the service that answers it knows nothing of faults. What it begins or
//! changes asks here whether the request at hand was struck.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operations::Failure;

/// What goes wrong with an operation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct OperationFault {
    /// Polls that see it pending before any sees its end.
    pub(crate) polls: u32,
    /// What it reports in the end.
    pub(crate) failure: Option<Failure>,
    /// Whether its work is done although it reports a failure.
    pub(crate) takes_effect: bool,
}

/// How late an effect shows: after it was needed so often, and not before so long.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lateness {
    /// Times that it is needed in vain.
    pub(crate) uses: u64,
    /// Time during which it is needed in vain.
    pub(crate) time: Duration,
}

/// What a fault does to what the request begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mishap {
    /// For the operations that it begins.
    pub(crate) operation: Option<OperationFault>,
    /// For what it changes.
    pub(crate) late: Option<Lateness>,
}

tokio::task_local! {
    static AT_HAND: Mishap;
}

/// Answers a request that was struck.
pub(crate) async fn during<F: Future>(mishap: Mishap, answer: F) -> F::Output {
    AT_HAND.scope(mishap, answer).await
}

/// What goes wrong with an operation that the request at hand begins.
pub(crate) fn of_operation() -> Option<OperationFault> {
    AT_HAND.try_with(|mishap| mishap.operation.clone()).ok().flatten()
}

#[derive(Debug)]
struct Hidden {
    uses: u64,
    until: Instant,
    before: Value,
}

/// Effects that do not show yet, by a name that the services agree on.
#[derive(Debug, Default)]
pub(crate) struct Late {
    hidden: Mutex<BTreeMap<String, Hidden>>,
}

impl Late {
    /// Says that the request at hand has the effect `name`, before which there was `before`. It is
    /// late only if the request was struck so.
    pub(crate) fn note(&self, name: &str, before: Value) {
        let Ok(Some(lateness)) = AT_HAND.try_with(|mishap| mishap.late) else { return };
        let hidden = Hidden { uses: lateness.uses, until: Instant::now() + lateness.time, before };
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), hidden);
    }

    /// What there was before, if the effect `name` does not show yet. Each call is one use.
    pub(crate) fn before(&self, name: &str) -> Option<Value> {
        let mut all = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let hidden = all.get_mut(name)?;
        if hidden.uses == 0 && Instant::now() >= hidden.until {
            all.remove(name);
            return None;
        }
        hidden.uses = hidden.uses.saturating_sub(1);
        Some(hidden.before.clone())
    }

    /// Whether the effect `name` does not show yet. Each call is one use.
    pub(crate) fn hides(&self, name: &str) -> bool {
        self.before(name).is_some()
    }

    /// Lets everything show.
    pub(crate) fn clear(&self) {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_effect_is_late_only_when_its_request_was_struck() {
        let late = Late::default();
        late.note("a", Value::Null);
        assert!(!late.hides("a"));
        let struck = Mishap { late: Some(Lateness { uses: 2, time: Duration::ZERO }), ..Mishap::default() };
        during(struck, async { late.note("a", 1.into()) }).await;
        assert_eq!(late.before("a"), Some(1.into()));
        assert!(late.hides("a") && !late.hides("b"));
        assert!(!late.hides("a"), "it was needed twice in vain");
        let struck =
            Mishap { late: Some(Lateness { uses: 0, time: Duration::from_secs(600) }), ..Mishap::default() };
        during(struck, async { late.note("a", Value::Null) }).await;
        assert!(late.hides("a") && late.hides("a"));
        late.clear();
        assert!(!late.hides("a"));
    }
}
