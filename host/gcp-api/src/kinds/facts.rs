//! The parts that a kind's entry is made of, besides calls and ids.

use serde::Deserialize;
use serde_json::Value;

use super::Call;
use crate::description::SchemaType;

/// An input property that says where a resource lives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Name of the property and of the template variable.
    pub name: String,
    /// The value of the stack's target that it defaults to; without one it is required.
    pub default: Option<TargetValue>,
    /// The kind that it refers to, if it refers to a resource.
    pub kind: Option<String>,
    /// How the reference is written in a path.
    #[serde(default)]
    pub form: ParentForm,
}

/// A value that a stack's target supplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetValue {
    /// The project's id.
    Project,
    /// The region.
    Region,
}

/// How a reference to a parent is written in a path. The author may give an id, a full name or a
/// link; only the part after the last slash counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParentForm {
    /// The short id.
    #[default]
    Id,
    /// A service account's address; an id without `@` gets `@{project}.iam.gserviceaccount.com`.
    Email,
}

/// An input property that Google's body does not have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraProperty {
    /// What it is for, in one line.
    pub summary: String,
    /// Its type; [`SchemaType::Any`] for content.
    #[serde(default, rename = "type")]
    pub kind: SchemaType,
    /// The message of the kind's API that it holds, for an object.
    pub schema: Option<String>,
    /// Whether it must be declared.
    #[serde(default)]
    pub required: bool,
}

/// How a general update says what it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateStyle {
    /// There is no general update.
    #[default]
    None,
    /// The changed fields, and their paths in the query parameter `updateMask`.
    Mask,
    /// The same with `updateMask` in the body, beside the wrapped resource ([`Call::wrap`]).
    MaskInBody,
    /// The changed fields only; null clears one.
    Merge,
    /// As `Merge`, with the current fingerprint ([`Kind::concurrency`](super::Kind::concurrency)) in the body.
    Fingerprint,
    /// The complete resource.
    Full,
}

/// Values of an attribute that mean that the resource is gone, or was never there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// The attribute.
    pub path: String,
    /// Its values; `true` for a flag.
    pub values: Vec<String>,
}

/// Fields with an update method of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecialUpdate {
    /// The fields. The body holds them, and what [`Call::body`] adds.
    pub paths: Vec<String>,
    /// The method.
    pub call: Call,
    /// Only for this value of the (single) field, e.g. `:disable` for true.
    pub when: Option<Value>,
    /// The create call does not take the fields: they are sent afterwards, by this call.
    #[serde(default)]
    pub after_create: bool,
    /// The attribute to send along unchanged, e.g. `labelFingerprint`.
    pub fingerprint: Option<String>,
}

/// Optimistic concurrency: the value of `path`, as last read, goes back with an update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// The attribute, e.g. `etag` or `settings.settingsVersion`.
    pub path: String,
    /// The query parameter that carries it; in the body, at the same path, where absent.
    pub query: Option<String>,
}

/// Changes that are sent together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How they are joined.
    pub style: GroupStyle,
    /// Template of the name of the group.
    pub key: String,
}

/// How grouped changes are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupStyle {
    /// One `services:batchEnable` for up to 20 services.
    EnableServices,
    /// One read-modify-write of the parent's IAM policy.
    IamPolicy,
}

/// What must hold before a resource counts as usable.
#[derive(Debug, Default, Deserialize)]
#[serde(tag = "style", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Readiness {
    /// Nothing beyond the end of the operation.
    #[default]
    None,
    /// Cloud Run: not `reconciling`, `observedGeneration` equal to `generation`, and
    /// `terminalCondition.state` `CONDITION_SUCCEEDED`; `CONDITION_FAILED` is failure.
    CloudRun,
    /// A Cloud Run execution: `completionTime` set; failure if `failedCount` or `cancelledCount`
    /// is above zero.
    Execution,
    /// A state field.
    State {
        /// The attribute.
        path: String,
        /// Values that mean usable.
        ready: Vec<String>,
        /// Values that mean it never will be; any other value means wait.
        #[serde(default)]
        failed: Vec<String>,
    },
}

/// A field that can change in place in one direction only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionalImmutable {
    /// The field.
    pub path: String,
    /// The change that replaces.
    pub when: ImmutableWhen,
}

/// The direction of a change that replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImmutableWhen {
    /// The number gets smaller.
    Decreased,
    /// The address range does not contain the old one.
    Shrunk,
    /// The value is taken away.
    Unset,
    /// True becomes false or is taken away.
    TurnedOff,
}

/// The resource that takes its contents with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The parent property that refers to it.
    pub property: String,
    /// Its kind.
    pub kind: String,
}

/// What must be there first though no property refers to it: resources of another kind that have to do with the same
/// thing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Their kind.
    pub kind: String,
    /// The property of theirs that says what they have to do with.
    pub property: String,
    /// The field that says it here.
    pub of: String,
}

/// A figure for each kind of change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// To create.
    #[serde(default)]
    pub create: u32,
    /// To update in place.
    #[serde(default)]
    pub update: u32,
    /// To delete.
    #[serde(default)]
    pub delete: u32,
}
