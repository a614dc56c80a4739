//! Carrying out a plan.

mod executor;
pub(crate) mod journal;
pub(crate) mod operation;
mod prepare;

use std::collections::BTreeMap;

use mlflow_host_graph::{EvaluateError, Graph, Urn, Value};

use crate::event::Observer;
use crate::plan::{Action, Plan};
use crate::provider::Provider;
use crate::record::Run;
use crate::store::{Store, StoreError};

pub use executor::apply;
pub(crate) use journal::Journal;

/// What [`apply`] works with.
#[derive(Clone, Copy)]
pub struct Apply<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// What was declared. An empty graph for `destroy`.
    pub graph: &'a Graph,
    /// The cloud.
    pub provider: &'a dyn Provider,
    /// The secrets of the configuration, by key.
    pub secrets: &'a BTreeMap<String, String>,
    /// What has been read of resources that are not managed.
    pub lookups: &'a BTreeMap<Urn, Value>,
    /// Where the journal goes.
    pub store: &'a dyn Store,
    /// Who wants to know.
    pub observer: &'a dyn Observer,
    /// The run, as history will tell of it.
    pub run: &'a Run,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many resources each action has been carried out on.
    pub done: BTreeMap<Action, usize>,
    /// How many operations failed.
    pub failed: usize,
    /// How many were not begun because one they need failed or the run was stopped.
    pub skipped: usize,
    /// How many deletions have to wait.
    pub deferred: usize,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
}

/// Why a run cannot go on. What was done so far is recorded.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The state cannot be written: nothing more is sent to the cloud.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A property has no value although everything it needs is there.
    #[error("`{urn}`: {source}")]
    Evaluate {
        /// The resource.
        urn: Urn,
        /// The cause.
        source: EvaluateError,
    },
    /// An output has no value although everything it needs is there.
    #[error("output `{name}`: {source}")]
    Output {
        /// Its name.
        name: String,
        /// The cause.
        source: EvaluateError,
    },
}
