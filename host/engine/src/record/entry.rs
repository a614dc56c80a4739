//! What a journal is made of.

use std::collections::BTreeMap;

use mlflow_host_graph::{Urn, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Deferral, Recorded, Run, State, StateTarget};
use crate::provider::{Outcome, RecordHints, Request};

/// A line of the journal. Any prefix of a journal yields a valid state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// The first entry of a state.
    Genesis {
        /// See [`FORMAT`](super::FORMAT).
        format: u32,
        /// The stack's name.
        stack: String,
        /// Where it lives.
        target: StateTarget,
        /// Makes generated names unique to this stack and target.
        seed: String,
    },
    /// A run begins.
    Begin {
        /// The run.
        run: Run,
    },
    /// A request is about to be sent.
    Intent {
        /// The request.
        request: Request,
    },
    /// The cloud has taken the request up.
    Started {
        /// Id of the request.
        request: String,
        /// What the provider needs to go on.
        handle: Json,
    },
    /// A request has ended well. The outcomes are those of its targets, in order; none for a deletion.
    Done {
        /// Id of the request.
        request: String,
        /// What came of it.
        outcomes: Vec<Outcome>,
    },
    /// A request has failed, and may have left something behind.
    Failed {
        /// Id of the request.
        request: String,
        /// What the error said.
        message: String,
        /// What is left, one entry a target, or nothing.
        left: Vec<Outcome>,
    },
    /// A deletion has to wait.
    Deferred {
        /// Id of the request.
        request: String,
        /// Why, and until when.
        deferral: Deferral,
    },
    /// A request has never reached the cloud.
    Abandoned {
        /// Id of the request.
        request: String,
    },
    /// Resources without an API are set.
    Set {
        /// The resources.
        resources: Vec<Recorded>,
    },
    /// Resources are taken out of the state and left alone in the cloud.
    Forget {
        /// Which, by URN and generation.
        resources: Vec<(Urn, u32)>,
    },
    /// A resource has a new URN.
    Rename {
        /// The old one.
        from: Urn,
        /// The new one.
        to: Urn,
    },
    /// What a refresh has found of a resource. Inputs that drifted are recorded as they are in the cloud,
    /// so that the next plan shows what it takes to get back.
    Observed {
        /// Which.
        urn: Urn,
        /// The inputs with what has drifted.
        #[serde(with = "mlflow_host_graph::value::revealing")]
        inputs: Value,
        /// The attributes.
        #[serde(with = "mlflow_host_graph::value::revealing")]
        outputs: Value,
    },
    /// What is recorded of a resource besides inputs and outputs has changed. Its generation says which one
    /// of those with the same URN.
    Hints {
        /// Which.
        urn: Urn,
        /// The new facts.
        hints: RecordHints,
    },
    /// A resource makes room for its replacement, and is to be deleted once nothing needs it.
    Condemn {
        /// Which.
        urn: Urn,
    },
    /// Somebody has put a state in place of this one, e.g., an exported one.
    Replaced {
        /// The state. Its number of entries does not count.
        state: Box<State>,
    },
    /// The outputs of the stack.
    Outputs {
        /// By name.
        #[serde(with = "mlflow_host_graph::value::revealing")]
        outputs: Value,
    },
    /// The run has ended.
    End {
        /// Id of the run.
        run: String,
        /// How many operations of each sort, by a word, e.g., `created`.
        counts: BTreeMap<String, usize>,
    },
}
