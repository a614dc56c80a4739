//! What is remembered of a stack: the state, and the journal entries that it is made of.

mod entry;
mod state;

use std::collections::BTreeMap;

use mlflow_host_graph::{Urn, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use entry::Entry;
pub use state::State;

use crate::provider::{RecordHints, Request};

/// The version of the state's shape. A higher one is refused.
pub const FORMAT: u32 = 1;

/// Where a stack lives. A state belongs to one of these and refuses any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateTarget {
    /// `local` or `gcp`.
    pub cloud: String,
    /// The project's id.
    pub project: String,
}

/// A resource as it was when its last operation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Kind and logical name.
    pub urn: Urn,
    /// The full resource name in the cloud.
    pub identity: String,
    /// The complete inputs of the last successful operation.
    #[serde(with = "mlflow_host_graph::value::revealing")]
    pub inputs: Value,
    /// The attributes, as the cloud returned them.
    #[serde(with = "mlflow_host_graph::value::revealing")]
    pub outputs: Value,
    /// The rest.
    pub hints: RecordHints,
    /// Whether the last operation failed and left the resource behind in an uncertain shape.
    #[serde(default)]
    pub unsettled: bool,
    /// Why its deletion has to wait, if it has to.
    #[serde(default)]
    pub deferred: Option<Deferral>,
}

/// A deletion that the cloud cannot do yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// A sentence that says what holds it.
    pub reason: String,
    /// When to try again, RFC 3339.
    pub retry_at: String,
}

/// A request that has been sent, or was about to be, and has no recorded end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenOperation {
    /// The request.
    pub request: Request,
    /// What the provider needs to go on, once the cloud has answered.
    pub handle: Option<Json>,
}

/// One run of a command that changes things.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// A UUID.
    pub id: String,
    /// `up` or `destroy`.
    pub command: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Who ran it, as `user@host`.
    pub by: String,
    /// SHA-256 of the program, hexadecimal.
    pub program: Option<String>,
}

/// A run, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// The run.
    pub run: Run,
    /// How many operations of each sort, by a word, e.g., `created`. `None` while the run goes on, and for
    /// ever when it was killed.
    pub counts: Option<BTreeMap<String, usize>>,
}
