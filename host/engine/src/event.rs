//! What happens while a plan is carried out, for whoever shows it.

use std::time::Duration;

use crate::plan::OperationId;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A request of an interrupted run is being taken up again.
    Recovering {
        /// What it is about, e.g., `create run.googleapis.com/Service::mlflow`.
        what: String,
    },
    /// Something worth saying that fits nowhere else.
    Notice {
        /// A sentence.
        message: String,
    },
    /// An operation of the plan begins.
    Started {
        /// Which.
        id: OperationId,
    },
    /// An operation goes on.
    Running {
        /// Which.
        id: OperationId,
        /// What the cloud is doing, in a few words.
        note: String,
    },
    /// An operation has ended well.
    Finished {
        /// Which.
        id: OperationId,
        /// How long it took.
        elapsed: Duration,
        /// Whether nothing had to be done after all, because the new values turned out to be the old ones.
        unchanged: bool,
    },
    /// An operation has failed.
    Failed {
        /// Which.
        id: OperationId,
        /// How long it took.
        elapsed: Duration,
        /// What the cloud said.
        message: String,
        /// What to do, if known.
        hint: Option<String>,
    },
    /// A deletion has to wait.
    Deferred {
        /// Which.
        id: OperationId,
        /// What holds it.
        reason: String,
        /// When to come back, RFC 3339.
        retry_at: String,
    },
    /// An operation was not begun.
    Skipped {
        /// Which.
        id: OperationId,
        /// Why, as a sentence.
        because: String,
    },
}

/// Whoever wants to know. Called from the engine's own task: do not block.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn observe(&self, event: Event);
}
