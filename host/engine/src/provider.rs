//! The seam between the engine and a cloud.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Diagnostic, Graph, Kind, PropertyPath, Urn, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::record::Recorded;

/// A declared resource with its properties evaluated, which may still hold unknown values.
#[derive(Debug, Clone, Copy)]
pub struct Declaration<'a> {
    /// Kind and logical name.
    pub urn: &'a Urn,
    /// The properties.
    pub properties: &'a Map,
    /// What makes a generated name unique: a few lower-case letters and digits, the same on every run
    /// until the resource is replaced.
    pub suffix: &'a str,
}

/// What a provider makes of a declaration, without asking the cloud.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The complete inputs: the properties, the generated name, location and project. Recorded, compared
    /// with the recorded ones, and sent.
    pub inputs: Value,
    /// The full resource name, e.g., `projects/p/locations/l/services/s`, if every part of it is known
    /// and the client chooses it.
    pub identity: Option<String>,
    /// The attributes that are known before the cloud has answered. Others are unknown.
    pub predicted: Map,
    /// Whether the name was given by the author or is the only one possible, so that a replacement
    /// cannot exist beside what it replaces.
    pub name_is_fixed: bool,
    /// The identity of the resource that this one lives in and is deleted with.
    pub container: Option<String>,
    /// Operations with the same group and action are sent as one, e.g., one change of an IAM policy.
    pub group: Option<String>,
    /// Operations with the same lock never run at the same time, e.g., those on one SQL instance.
    pub lock: Option<String>,
}

/// What a changed property means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It can be changed in place.
    Update,
    /// It cannot: the resource must be replaced.
    Replace,
}

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where.
    pub path: PropertyPath,
    /// The recorded value; [`Value::Null`] when there was none.
    pub old: Value,
    /// The new value; [`Value::Null`] when there is none, [`Value::Unknown`] when it is not known yet.
    pub new: Value,
    /// What it takes.
    pub kind: ChangeKind,
}

/// What is asked of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestAction {
    /// Make the resource.
    Create,
    /// Change it in place.
    Update,
    /// Delete it.
    Delete,
}

/// One resource of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Kind and logical name.
    pub urn: Urn,
    /// The complete inputs, all known. Empty for a deletion.
    #[serde(with = "mlflow_host_graph::value::revealing")]
    pub inputs: Value,
    /// The full resource name, if known before the request.
    pub identity: Option<String>,
    /// What is recorded of the resource, for an update or a deletion.
    pub recorded: Option<Box<Recorded>>,
    /// The paths that changed, for an update. Empty means: send everything.
    pub changed: Vec<PropertyPath>,
    /// What the record will say besides inputs and outputs.
    pub record: RecordHints,
}

/// Facts that the engine knows when it asks and needs again when the answer is recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordHints {
    /// Resources that this one needs.
    pub dependencies: BTreeSet<Urn>,
    /// How many times the resource has been replaced.
    pub generation: u32,
    /// The identity of its container.
    pub container: Option<String>,
    /// See [`Resolved::group`].
    pub group: Option<String>,
    /// See [`Resolved::lock`].
    pub lock: Option<String>,
    /// Refuse to delete.
    pub protect: bool,
    /// Keep in the cloud when it leaves the stack.
    pub retain_on_delete: bool,
    /// The values whose change replaces the resource.
    #[serde(with = "mlflow_host_graph::value::revealing")]
    pub replace_on: Value,
    /// The URN that a generated name was made from, if the resource has another one by now.
    #[serde(default)]
    pub named_after: Option<Urn>,
}

/// Whose a resource in the cloud is, by the labels that this tool puts on what it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This stack's.
    Ours,
    /// It bears no mark.
    Nobody,
    /// Another stack's, by its name.
    Other(String),
    /// Another project's, by its number: names of some things are those of all the world.
    Elsewhere(String),
}

/// A resource to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Kind and logical name.
    pub urn: Urn,
    /// The full resource name.
    pub identity: String,
    /// The complete inputs, declared or recorded.
    pub inputs: Value,
}

/// A resource as it is in the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The full resource name.
    pub identity: String,
    /// The attributes.
    pub outputs: Value,
    /// Whose it is.
    pub owner: Owner,
}

/// A request: one resource, or several of the same group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// A UUID. The same when the request is taken up again, so that the cloud can recognise it.
    pub id: String,
    /// What is asked.
    pub action: RequestAction,
    /// For which resources; never empty.
    pub targets: Vec<Target>,
}

/// What came of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The full resource name.
    pub identity: String,
    /// The attributes, as the cloud returned them.
    #[serde(with = "mlflow_host_graph::value::revealing")]
    pub outputs: Value,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The cloud is at work.
    Running {
        /// What the provider needs to go on, also in another process.
        handle: Json,
        /// When to look again.
        after: Duration,
        /// What is going on, in a few words; may be empty.
        note: String,
    },
    /// Finished, with one outcome a target, in order. Empty for a deletion.
    Done(Vec<Outcome>),
    /// The cloud cannot do it yet and nothing can hurry it. Only for deletions.
    Deferred {
        /// A sentence that says what holds it.
        reason: String,
        /// How long to wait before trying again.
        retry_after: Duration,
    },
}

/// What a provider finds of a request that may or may not have reached the cloud.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// It has: go on from here.
    Reached(Progress),
    /// It has not, or it is safe to ask once more.
    NotReached,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// A sentence, with what the cloud said.
    pub message: String,
    /// What to do about it, if that is known, e.g., a command.
    pub hint: Option<String>,
    /// What the failed request left behind, if it left something: one entry a target.
    pub left: Vec<Outcome>,
    /// Whether nobody can say if the request reached the cloud, e.g., after a lost connection. The next
    /// run then finds out.
    pub uncertain: bool,
}

impl ProviderError {
    /// An error that left nothing behind.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, left: Vec::new(), uncertain: false }
    }

    /// The same error with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error, after a request whose fate is not known.
    #[must_use]
    pub fn with_uncertain_fate(mut self) -> Self {
        self.uncertain = true;
        self
    }

    /// The same error with what it left behind.
    #[must_use]
    pub fn leaving(mut self, left: Vec<Outcome>) -> Self {
        self.left = left;
        self
    }
}

/// How long the operations of a kind usually take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    /// To create.
    pub create: Duration,
    /// To update in place.
    pub update: Duration,
    /// To delete.
    pub delete: Duration,
}

/// A cloud.
#[async_trait]
pub trait Provider: Send + Sync {
    /// How long operations of a kind usually take; zero where nothing is sent.
    fn durations(&self, kind: &Kind) -> Durations;

    /// Completes what a stack declared, before it is planned: adds the dependencies that the cloud has though no
    /// property shows them, and puts what stays the same in the place of what others can move, as the digest of
    /// an image for its tag. Returns warnings.
    async fn complete(&self, _graph: &mut Graph) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// Completes a declaration. Pure: the same answer for the same arguments within a run.
    ///
    /// # Errors
    /// When the properties cannot be a resource of the kind.
    fn resolve(&self, declaration: &Declaration<'_>) -> Result<Resolved, ProviderError>;

    /// The properties in which new inputs differ from recorded ones. Pure.
    fn compare(&self, kind: &Kind, old: &Value, new: &Value) -> Vec<Change>;

    /// The attributes that are still certain while a resource is being updated from recorded `outputs`.
    /// Pure. Attributes that are left out are unknown until the update is done.
    fn stable_outputs(&self, kind: &Kind, outputs: &Value) -> Map;

    /// Reads a resource that is not managed, e.g., a project.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    async fn lookup(&self, urn: &Urn, properties: &Map) -> Result<Value, ProviderError>;

    /// Reads resources as they are in the cloud now, with as few requests as the API allows. One answer
    /// for each, in order: `None` when there is no such resource.
    async fn observe(&self, wanted: &[Wanted]) -> Vec<Result<Option<Found>, ProviderError>>;

    /// The declared properties, out of `inputs`, that are different in the cloud. Pure. `old` is what the
    /// inputs say, `new` what the cloud says.
    fn drift(&self, kind: &Kind, inputs: &Value, outputs: &Value) -> Vec<Change>;

    /// Sends a request. Temporary failures are retried inside.
    ///
    /// # Errors
    /// When the cloud refused for good.
    async fn begin(&self, request: &Request) -> Result<Progress, ProviderError>;

    /// Looks how a request is getting on.
    ///
    /// # Errors
    /// When it failed.
    async fn advance(&self, request: &Request, handle: &Json) -> Result<Progress, ProviderError>;

    /// Finds out whether a request of an interrupted run has reached the cloud.
    ///
    /// # Errors
    /// When that cannot be found out.
    async fn recover(&self, request: &Request) -> Result<Recovery, ProviderError>;
}
