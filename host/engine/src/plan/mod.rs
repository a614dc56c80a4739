//! Plans: what has to be done, as data.

mod adopt;
mod build;
mod destroy;
mod evaluate;
mod group;
mod order;
mod references;
mod rename;
mod saved;
mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Urn, Value};
use serde::{Deserialize, Serialize};

pub(crate) use build::hints;
pub(crate) use evaluate::{Known, StateScope, evaluate_resource, first_unknown, put};

pub use adopt::adoptable;
pub use build::plan;
pub use destroy::plan_destroy;
pub use evaluate::lookups;
pub use references::References;
pub use saved::{PlanDigests, SavedPlan, SavedPlanError, digest};
pub use selection::Selection;

pub use crate::provider::{Change, ChangeKind};
use crate::provider::{Found, Provider};

/// The position of an operation in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId(pub usize);

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Makes a resource.
    Create,
    /// Makes what takes the place of a resource.
    Replace,
    /// Changes a resource in place.
    Update,
    /// Deletes a resource that is no longer declared.
    Delete,
    /// Deletes a resource that has been, or is to be, replaced.
    DeleteReplaced,
    /// Takes an existing resource into the state.
    Adopt,
    /// Takes a resource out of the state and leaves the cloud alone.
    Forget,
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::DeleteReplaced => "delete replaced",
            Self::Adopt => "adopt",
            Self::Forget => "forget",
        })
    }
}

/// What an operation does to one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which resource.
    pub urn: Urn,
    /// How many times the resource has been replaced before.
    pub generation: u32,
    /// Why, as a clause, e.g., "`location` cannot be changed in place"; empty when there is nothing to say.
    pub reason: String,
    /// The properties that differ. For a creation, none.
    pub changes: Vec<Change>,
    /// The complete inputs, some of which may be unknown. Empty for a deletion.
    pub inputs: Value,
    /// The attributes that are known beforehand.
    pub predicted: Map,
    /// The full resource name, if known.
    pub identity: Option<String>,
}

/// One request to the cloud, or a change to the state alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its position in the plan.
    pub id: OperationId,
    /// What it does.
    pub action: Action,
    /// To which resources: one, or several that one request can serve, e.g., members of one IAM policy.
    pub steps: Vec<Step>,
    /// The operations that must have ended well before it.
    pub needs: BTreeSet<OperationId>,
    /// How long it usually takes, in milliseconds.
    pub expected_milliseconds: u64,
    /// Operations with the same lock never run at the same time.
    pub lock: Option<String>,
}

/// Everything that has to be done, in an order in which it can be done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The operations; each comes after those it needs.
    pub operations: Vec<Operation>,
    /// The managed resources that stay as they are.
    pub unchanged: BTreeSet<Urn>,
    /// The outputs as far as they are known.
    pub outputs: Map,
    /// What resources and outputs take from resources, and how much of it is known. Empty for a destruction.
    pub references: References,
    /// Resources whose bookkeeping alone changes, e.g., protection: no request is sent.
    pub bookkeeping: BTreeSet<Urn>,
    /// Resources that have a new URN, by the old one.
    pub renamed: BTreeMap<Urn, Urn>,
    /// Whether only part of the stack was planned: then the outputs stay as they are.
    pub partial: bool,
}

impl Plan {
    /// Whether neither the cloud nor the resources recorded would change.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many resources each action touches.
    pub fn counts(&self) -> BTreeMap<Action, usize> {
        let mut counts = BTreeMap::new();
        for operation in &self.operations {
            *counts.entry(operation.action).or_default() += operation.steps.len();
        }
        counts
    }

    /// The sum of the expected durations, in milliseconds.
    pub fn total_milliseconds(&self) -> u64 {
        self.operations.iter().map(|operation| operation.expected_milliseconds).sum()
    }

    /// The longest chain of operations that need each other, in milliseconds: no run can be faster.
    pub fn longest_chain_milliseconds(&self) -> u64 {
        let mut ends = vec![0; self.operations.len()];
        for (position, operation) in self.operations.iter().enumerate() {
            let start = operation.needs.iter().map(|OperationId(need)| ends[*need]).max().unwrap_or(0);
            ends[position] = start + operation.expected_milliseconds;
        }
        ends.into_iter().max().unwrap_or(0)
    }
}

/// What planning needs besides graph and state.
#[derive(Clone, Copy)]
pub struct PlanContext<'a> {
    /// The cloud.
    pub provider: &'a dyn Provider,
    /// The secrets of the configuration, by key.
    pub secrets: &'a BTreeMap<String, String>,
    /// What has been read of resources that are not managed; all others are unknown.
    pub lookups: &'a BTreeMap<Urn, Value>,
    /// Existing resources to be managed from now on; see [`adoptable`].
    pub adopted: &'a BTreeMap<Urn, Found>,
    /// Which part is wanted.
    pub selection: &'a Selection,
}

impl<'a> PlanContext<'a> {
    /// Plans everything and adopts nothing.
    pub fn new(
        provider: &'a dyn Provider,
        secrets: &'a BTreeMap<String, String>,
        lookups: &'a BTreeMap<Urn, Value>,
    ) -> Self {
        static NONE: BTreeMap<Urn, Found> = BTreeMap::new();
        static ALL: Selection = Selection {
            targets: BTreeSet::new(),
            excludes: BTreeSet::new(),
            dependents: false,
            replace: BTreeSet::new(),
            except_protected: false,
        };
        Self { provider, secrets, lookups, adopted: &NONE, selection: &ALL }
    }

    /// Plans the same with existing resources adopted.
    #[must_use]
    pub fn adopting(self, adopted: &'a BTreeMap<Urn, Found>) -> Self {
        Self { adopted, ..self }
    }

    /// Plans part of the same.
    #[must_use]
    pub fn selecting(self, selection: &'a Selection) -> Self {
        Self { selection, ..self }
    }
}
