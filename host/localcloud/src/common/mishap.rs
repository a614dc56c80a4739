//! What a fault leaves behind when its request has been answered: an operation that goes wrong, or
//! an effect that shows late.
//!
//! A fault strikes a request; the service that answers it knows nothing of faults. What it begins or
//! changes asks here whether the request at hand was struck.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize, Serializer};
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

/// A number that copies share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

impl Count {
    /// Adds one.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is smaller than `limit`.
    pub(crate) fn is_below(&self, limit: u64) -> bool {
        self.0.load(Ordering::Relaxed) < limit
    }

    /// Adds one if it is smaller than `limit`, and says whether it was.
    fn add_below(&self, limit: u64) -> bool {
        let next = |count| (count < limit).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.load(Ordering::Relaxed))
    }
}

/// A fault's turn to strike one request. It is taken by the first thing that it can happen to: what is refused for
/// another reason begins nothing, and does not use the fault up.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// How many turns the fault may have.
    pub(crate) times: u64,
    /// How many have been taken.
    pub(crate) taken: Count,
    /// How often the fault has done something.
    pub(crate) struck: Count,
    /// Whether this one was taken, once it is known.
    mine: Arc<OnceLock<bool>>,
}

impl Turn {
    /// The next turn of a fault.
    pub(crate) fn new(times: u64, taken: &Count, struck: &Count) -> Self {
        Self { times, taken: taken.clone(), struck: struck.clone(), mine: Arc::default() }
    }

    /// Takes it, unless others have had all turns meanwhile.
    pub(crate) fn take(&self) -> bool {
        *self.mine.get_or_init(|| self.taken.add_below(self.times))
    }
}

/// What a fault does to what the request begins.
#[derive(Debug, Clone)]
pub(crate) struct Mishap {
    /// For the operations that it begins.
    pub(crate) operation: Option<OperationFault>,
    /// For what it changes.
    pub(crate) late: Option<Lateness>,
    /// Counts each operation that is spoilt, and each time that an effect is missed.
    pub(crate) turn: Turn,
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
    let spoilt = |mishap: &Mishap| {
        let fault = mishap.operation.clone().filter(|_| mishap.turn.take())?;
        mishap.turn.struck.add();
        Some(fault)
    };
    AT_HAND.try_with(spoilt).ok().flatten()
}

#[derive(Debug)]
struct Hidden {
    uses: u64,
    until: Instant,
    before: Value,
    struck: Count,
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
        let Ok(Mishap { late: Some(lateness), turn, .. }) = AT_HAND.try_with(Mishap::clone) else { return };
        if !turn.take() {
            return;
        }
        let struck = turn.struck;
        let hidden = Hidden { uses: lateness.uses, until: Instant::now() + lateness.time, before, struck };
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
        hidden.struck.add();
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
    use serde_json::json;

    use super::*;

    fn late_by(uses: u64, seconds: u64, turn: Turn) -> Mishap {
        let late = Some(Lateness { uses, time: Duration::from_secs(seconds) });
        Mishap { operation: None, late, turn }
    }

    fn first_turn() -> Turn {
        Turn::new(1, &Count::default(), &Count::default())
    }

    #[tokio::test]
    async fn an_effect_is_late_only_when_its_request_was_struck() {
        let late = Late::default();
        late.note("a", Value::Null);
        assert!(!late.hides("a"));
        let turn = first_turn();
        during(late_by(2, 0, turn.clone()), async { late.note("a", 1.into()) }).await;
        assert_eq!(json!(turn.struck), 0, "nobody has missed it yet");
        assert_eq!(late.before("a"), Some(1.into()));
        assert!(late.hides("a") && !late.hides("b"));
        assert!(!late.hides("a"), "it was needed twice in vain");
        assert_eq!(json!(turn.struck), 2);
        during(late_by(0, 600, first_turn()), async { late.note("a", Value::Null) }).await;
        assert!(late.hides("a") && late.hides("a"));
        late.clear();
        assert!(!late.hides("a"));
    }

    #[tokio::test]
    async fn a_request_that_begins_nothing_takes_no_turn() {
        let late = Late::default();
        let turn = first_turn();
        let next = || Turn::new(1, &turn.taken, &turn.struck);
        during(late_by(1, 0, next()), async {}).await;
        assert!(turn.taken.is_below(1));
        during(late_by(1, 0, next()), async { ["a", "b"].map(|name| late.note(name, Value::Null)) }).await;
        assert!(!turn.taken.is_below(1), "the turn is one, whatever the request changes");
        assert!(late.hides("a") && late.hides("b"));
        during(late_by(1, 0, next()), async { late.note("c", Value::Null) }).await;
        assert!(!late.hides("c"), "all turns have been had");
    }
}
