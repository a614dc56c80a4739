//! The calls of a kind: verb, path and what travels with them, as templates.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One method of the kind's API, with templates for what it needs.
///
/// The body of a create or update is the declared fields (without `name`, parents and host-only
/// properties), under [`Call::wrap`] if that is set, and then [`Call::body`] laid over it. Other
/// calls send [`Call::body`] alone, or nothing where it is empty and the verb is GET or DELETE.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// HTTP verb in capitals.
    pub verb: String,
    /// Path template below the host, without leading slash.
    pub path: String,
    /// Query parameters: name to template. One whose template has a variable without value is
    /// left out.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Fields to add to the body; text in it is a template, at any depth.
    #[serde(default)]
    pub body: Map<String, Value>,
    /// The field of the body that the resource goes into, if the method takes a request message.
    pub wrap: Option<String>,
    /// For a method that answers at once though the kind's others start an operation, or the reverse.
    pub operation: Option<OperationStyle>,
    /// The field of the answer that lists resources.
    pub items: Option<String>,
    /// Which listed resource is meant, for a read by listing: field to template.
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, String>,
    /// The query parameter for an idempotency key (a UUID), where the method takes one.
    pub request_id: Option<String>,
}

/// How a change is known to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationStyle {
    /// The answer is the resource (or nothing, for a deletion).
    Immediate,
    /// `google.longrunning.Operation`: `done`, then `error` or `response`.
    LongRunning,
    /// `compute#operation`: `status` `DONE`, `error.errors[]`, `httpErrorStatusCode`.
    Compute,
    /// `sql#operation`: `status` `DONE`, `error.errors[]`.
    Sql,
}

/// The operations of a kind: their style, and how to look at one. `{operation}` is its `name`,
/// which holds slashes in the long-running style.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationCalls {
    /// The style.
    pub style: OperationStyle,
    /// Reads an operation.
    pub read: Call,
    /// Blocks for a while until it is done, where the API offers that.
    pub wait: Option<Call>,
}

/// How to read and write an IAM policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IamPolicy {
    /// Reads the policy, in version 3.
    pub get: Call,
    /// Writes it.
    pub set: Call,
    /// How the policy stands in the body of `set`.
    pub style: PolicyStyle,
    /// What of the policy the resource is.
    #[serde(default)]
    pub entry: PolicyEntry,
}

/// What of a policy a resource is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyEntry {
    /// One of the `members` of one of the `bindings`. It is there or is not.
    #[default]
    Member,
    /// One of the `auditConfigs`, which has a service and can be changed.
    AuditConfig,
}

/// How a policy stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyStyle {
    /// Under `policy`.
    Wrapped,
    /// As the body.
    Bare,
}
