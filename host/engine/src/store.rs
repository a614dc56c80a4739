//! The seam between the engine and where state is kept.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::record::{Entry, State};

/// Why state cannot be read or written. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state is damaged.
    #[error("the state in {place} is damaged: {what}.")]
    Damaged {
        /// File or object.
        place: String,
        /// What is wrong, as a clause.
        what: String,
        /// How to get the last good state back.
        restore: String,
    },
    /// The state was written by a newer version.
    #[error(
        "the state in {place} has format {found}; this version of mlflow-host reads formats up to {supported}. Install a newer mlflow-host."
    )]
    NewerFormat {
        /// File or object.
        place: String,
        /// The format found.
        found: u32,
        /// The highest one supported.
        supported: u32,
    },
    /// The state belongs to another stack, cloud or project.
    #[error("the state in {place} belongs to {found}, not to {expected}.")]
    WrongTarget {
        /// File or object.
        place: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// Another run holds the lock.
    #[error(
        "another run holds the lock on this stack: {command} by {by}, since {since} (process {process}). Wait for it to end."
    )]
    Locked {
        /// `up` or `destroy`.
        command: String,
        /// `user@host`.
        by: String,
        /// RFC 3339.
        since: String,
        /// Process id on that host.
        process: u32,
    },
    /// The lock was lost, e.g., because the process stood still for too long.
    #[error("this run has lost its lock on the stack: {taken}. It writes nothing more.")]
    LockLost {
        /// Who has it now, as a clause.
        taken: String,
    },
    /// What the state is kept in is not there, or lets nobody in.
    #[error("the state in {place} cannot be reached: {reason}.")]
    Unreachable {
        /// Where it is kept.
        place: String,
        /// Why, as a clause.
        reason: String,
        /// What to do, as a sentence.
        remedy: String,
    },
    /// Secrets cannot be sealed or opened.
    #[error("the secrets of the state cannot be read: {0}.")]
    Key(String),
    /// The disk or the network failed.
    #[error("cannot {action} {place}: {source}.")]
    Io {
        /// `read`, `write`, …
        action: &'static str,
        /// File or object.
        place: String,
        /// The cause.
        source: std::io::Error,
    },
}

/// Who is at work on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `up` or `destroy`.
    pub command: String,
    /// `user@host`.
    pub by: String,
    /// RFC 3339.
    pub since: String,
    /// Process id.
    pub process: u32,
}

/// A held lock; released when dropped.
pub trait Guard: Send + Sync {}

/// A state as it was found.
#[derive(Debug)]
pub struct Loaded {
    /// The state.
    pub state: State,
    /// What the reader should know, e.g., that a torn last line was cut.
    pub notices: Vec<String>,
}

/// Where the state of one stack and target is kept.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads the state; `None` when there is none yet.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load(&self) -> Result<Option<Loaded>, StoreError>;

    /// Adds entries. They are durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn append(&self, entries: &[Entry]) -> Result<(), StoreError>;

    /// Replaces the journal by a snapshot of the same state.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn compact(&self, state: &State) -> Result<(), StoreError>;

    /// Takes the lock, or says who holds it.
    ///
    /// # Errors
    /// [`StoreError::Locked`].
    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Guard>, StoreError>;
}
