//! Plans and carries out changes: graph × state → operations → cloud.
//!
//! - [`plan`] compares what a program declared with what is recorded and yields a [`Plan`]: operations
//!   as data, each with its reasons and with the operations that must come before it.
//! - [`apply`] carries a plan out. Every operation is journalled before and after it touches the cloud.
//! - [`recover`] finishes what an interrupted run left open.
//!
//! The engine knows neither Wasm nor Google: clouds are behind [`Provider`], persistence is behind
//! [`Store`]. It imports `graph` only.

mod apply;
mod event;
#[cfg(feature = "failpoints")]
pub mod failpoint;
mod plan;
mod provider;
mod record;
mod recover;
mod refresh;
mod standard;
mod store;

pub use apply::{Apply, ApplyError, Summary, apply};
pub use event::{Event, Observer};
pub use plan::{
    Action, Change, ChangeKind, Operation, OperationId, Plan, PlanContext, PlanDigests, References,
    SavedPlan, SavedPlanError, Selection, Step, adoptable, digest, lookups, plan, plan_destroy,
};
pub use provider::{
    Declaration, Durations, Found, Outcome, Owner, Progress, Provider, ProviderError, RecordHints, Recovery,
    Request, RequestAction, Resolved, Target, Wanted,
};
pub use record::{Deferral, Entry, FORMAT, OpenOperation, PastRun, Recorded, Run, State, StateTarget};
pub use recover::recover;
pub use refresh::{Difference, Drift, Refreshed, refresh};
pub use standard::{
    StackOutputs, Standard, StandardProperty, check as check_standard,
    check_attribute as check_standard_attribute, names as standard_kinds, properties as standard_properties,
};
pub use store::{Guard, Holder, Loaded, Store, StoreError};
