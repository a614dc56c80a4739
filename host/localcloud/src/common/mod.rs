//! What every service shares: errors, JSON, identifiers, time, IAM policies, operations.

pub(crate) mod clock;
pub(crate) mod error;
pub(crate) mod identifiers;
pub(crate) mod json;
pub(crate) mod latency;
pub(crate) mod mishap;
pub(crate) mod operations;
pub(crate) mod policies;
