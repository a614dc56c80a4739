//! What Google's description does not say, one hand-kept entry per resource kind.
//!
//! The table lives in `kinds/*.toml`, a file or two per service, parsed when a kind of that service is
//! first asked for. The facts were collected from Google's reference and from the behaviour of the
//! service; tests check every path and method of the table against the generated description.
//! Readers: the provider, program validation, the SDK generator and the documentation. Not the
//! local cloud, which must judge requests by Google's description alone.
//!
//! Conventions of every kind:
//!
//! - The input property `name` is the short id of the resource. It may be left out where
//!   [`Id::generated`] says so; the host then makes one.
//! - Other input properties are the [`Kind::parents`], the [`Kind::properties`] that only the host
//!   knows, and the fields of the create body ([`Kind::body_schema`]).
//! - Attributes are the fields of the resource as Google returns it, plus `resourceId`, the short id.
//! - Paths follow the body: `template.containers[].image`; `[]` is any element, `{}` any map value.
//!   A path covers everything below it.
//! - Templates (see [`crate::template`]) know `{project}`, `{number}` (the project's number), `{id}`
//!   (the short id), every parent, and every input property by its path.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::description::{self, Api, Schema};

mod attribute;
mod audit;
mod call;
mod check;
mod facts;
mod id;
mod own;

pub use attribute::{Step, check_attribute};
pub use call::{Call, IamPolicy, OperationCalls, OperationStyle, PolicyEntry, PolicyStyle};
pub use check::{check, check_lookup};
pub use facts::{
    Absent, Concurrency, ConditionalImmutable, Container, ExtraProperty, Group, GroupStyle, ImmutableWhen,
    Need, Parent, ParentForm, Readiness, SpecialUpdate, TargetValue, Times, UpdateStyle,
};
pub use id::{Id, IdOrigin};
pub use own::{Kinds, OwnKindError, OwnKinds};

/// The facts about one kind of resource.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Cloud Asset Inventory name, e.g. `run.googleapis.com/Service`.
    pub name: String,
    /// What the resource is, in one line, for documentation.
    pub summary: String,
    /// The API description that the calls belong to, e.g. `run.v2`.
    pub api: String,
    /// The service to enable before the first call, e.g. `run.googleapis.com`.
    pub service: String,
    /// The message that holds the attributes; absent when the inputs are all there is.
    pub schema: Option<String>,
    /// The message that a create call takes, where it is not [`Kind::schema`].
    pub create_schema: Option<String>,
    /// Relative name of the collection, e.g. `projects/{project}/locations/{location}/services`.
    pub collection: String,
    /// Relative name of the resource: unique within the service, known as soon as the id is.
    pub resource: String,
    /// Input properties that say where the resource lives, outermost first.
    #[serde(default)]
    pub parents: Vec<Parent>,
    /// Further input properties that Google's body does not have.
    #[serde(default)]
    pub properties: BTreeMap<String, ExtraProperty>,
    /// Body fields that default to a value of the stack's target, e.g. a bucket's `location`.
    #[serde(default)]
    pub target_defaults: BTreeMap<String, TargetValue>,
    /// Where the id comes from and what it may look like.
    pub id: Id,

    /// Creates; absent for kinds that are only looked up, and for what stands in IAM policies.
    pub create: Option<Call>,
    /// Reads one.
    pub read: Option<Call>,
    /// Lists all of a parent.
    pub list: Option<Call>,
    /// Changes in place what no special update covers.
    pub update: Option<Call>,
    /// How [`Kind::update`] is told what to change.
    #[serde(default)]
    pub update_style: UpdateStyle,
    /// Fields with a method of their own; they are left out of the general update.
    #[serde(default)]
    pub special_updates: Vec<SpecialUpdate>,
    /// Deletes; where absent, deleting means to forget.
    pub delete: Option<Call>,
    /// How a change is known to be done.
    pub operation: Option<OperationCalls>,
    /// The field that proves that an update starts from the current version.
    pub concurrency: Option<Concurrency>,
    /// How to read and write the policy in which the resource stands.
    pub iam: Option<IamPolicy>,
    /// Changes that are sent together.
    pub group: Option<Group>,
    /// Template of a name; changes with the same lock never run at the same time.
    pub lock: Option<String>,
    /// What must hold after an operation before the resource can be used.
    #[serde(default)]
    pub readiness: Readiness,
    /// An answer that means that there is no such resource, though reading it works.
    pub absent: Option<Absent>,

    /// Fields whose change needs a new resource. Without any update call, all do.
    #[serde(default)]
    pub immutable: Vec<String>,
    /// Blocks that cannot be added or removed later, though fields in them may change.
    #[serde(default)]
    pub immutable_presence: Vec<String>,
    /// Fields whose change needs a new resource in one direction only.
    #[serde(default)]
    pub conditional_immutable: Vec<ConditionalImmutable>,
    /// Fields that Google fills in when they are absent: absence is no difference.
    #[serde(default)]
    pub server_defaulted: Vec<String>,
    /// Fields that only Google sets, where discovery fails to say so.
    #[serde(default)]
    pub output_only: Vec<String>,
    /// Fields that must be declared (a nested one only where its parent is), where discovery fails
    /// to say so.
    #[serde(default)]
    pub required: Vec<String>,
    /// Sets of fields of which at most one may be declared.
    #[serde(default)]
    pub one_of: Vec<Vec<String>>,
    /// Fields whose value is a secret.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// Fields that reading does not return, so that they cannot be compared with the cloud.
    #[serde(default)]
    pub write_only: Vec<String>,
    /// Lists whose order means nothing.
    #[serde(default)]
    pub unordered: Vec<String>,
    /// Text whose case means nothing.
    #[serde(default)]
    pub caseless: Vec<String>,
    /// References that Google returns in another spelling; compare the last segments.
    #[serde(default)]
    pub links: Vec<String>,
    /// Fields that are declared as plain text and travel base64-encoded.
    #[serde(default)]
    pub base64_paths: Vec<String>,
    /// The values that absent fields mean, where they are known.
    #[serde(default)]
    pub defaults: Map<String, Value>,
    /// Attribute paths whose value is known before the resource exists, and its template.
    #[serde(default)]
    pub predicted: BTreeMap<String, String>,
    /// Attributes that any update may change.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// The resource that takes this one with it when it is deleted.
    pub container: Option<Container>,
    /// What must be there first though no property refers to it.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Fields that name a container image.
    #[serde(default)]
    pub images: Vec<String>,
    /// The map of labels that can carry a mark of ownership.
    pub labels: Option<String>,
    /// The text that can carry a mark of ownership where there are no labels.
    pub description: Option<String>,
    /// The property that holds content to upload, if the resource has content.
    pub content: Option<String>,
    /// How long changes usually take, in seconds.
    #[serde(default)]
    pub seconds: Times,
    /// When to give up waiting, in minutes.
    #[serde(default)]
    pub timeout_minutes: Times,
    /// The description of a stack's own kind; those of the table are described by the embedded data.
    #[serde(skip)]
    described_by: Option<&'static Api>,
}

/// An input property of a kind: what `name` in a declaration refers to.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// The short id.
    Name(&'a Id),
    /// Where the resource lives.
    Parent(&'a Parent),
    /// A property that only the host knows.
    Extra(&'a ExtraProperty),
    /// A field of the create body.
    Field(&'a Schema),
}

impl Kind {
    /// The API description. `None` never happens for an entry that passed the crate's tests.
    pub fn api(&self) -> Option<&'static Api> {
        self.described_by.or_else(|| description::api(&self.api))
    }

    /// Its page in the reference, in `docs/kinds`: `SERVICE/TYPE.md`. What a stack has brought along has none.
    pub fn page(&self) -> Option<String> {
        let (service, short) = self.name.split_once(".googleapis.com/")?;
        (!self.is_own()).then(|| format!("{service}/{short}.md"))
    }

    /// Whether a stack has brought the kind along.
    pub fn is_own(&self) -> bool {
        self.described_by.is_some()
    }

    /// The message whose fields may be declared; none for what is only looked up.
    pub fn body_schema(&self) -> Option<&'static Schema> {
        if self.is_lookup_only() {
            return None;
        }
        self.api()?.schema(self.create_schema.as_ref().or(self.schema.as_ref())?)
    }

    /// The message that holds the attributes.
    pub fn attribute_schema(&self) -> Option<&'static Schema> {
        self.api()?.schema(self.schema.as_ref()?)
    }

    /// Whether the kind is only read, never managed.
    pub fn is_lookup_only(&self) -> bool {
        self.create.is_none() && self.iam.is_none()
    }

    /// Whether a resource can be changed in place, at least in part.
    pub fn changes_in_place(&self) -> bool {
        self.changes_in_general() || !self.special_updates.is_empty()
    }

    /// Whether a resource can be changed in place in fields that no special update covers.
    pub fn changes_in_general(&self) -> bool {
        self.update.is_some() || self.iam.as_ref().is_some_and(|iam| iam.entry == PolicyEntry::AuditConfig)
    }

    /// The input property `name`, if the kind has it. Output-only fields count: whoever declares
    /// one should hear that it is output-only.
    pub fn input(&self, name: &str) -> Option<Input<'_>> {
        if let Some(parent) = self.parents.iter().find(|parent| parent.name == name) {
            return Some(Input::Parent(parent));
        }
        if let Some(extra) = self.properties.get(name) {
            return Some(Input::Extra(extra));
        }
        if name == "name" && self.id.is_declared() {
            return Some(Input::Name(&self.id));
        }
        self.body_schema()?.properties.get(name).map(Input::Field)
    }

    /// Every input property that may be declared, by name; output-only fields are left out.
    pub fn inputs(&self) -> BTreeMap<&str, Input<'_>> {
        let fields = self.body_schema().into_iter().flat_map(|schema| schema.properties.keys());
        let own = self.parents.iter().map(|parent| &parent.name).chain(self.properties.keys());
        fields
            .chain(own)
            .map(String::as_str)
            .chain(std::iter::once("name"))
            .filter_map(|name| Some((name, self.input(name)?)))
            .filter(|(name, input)| match input {
                Input::Field(field) => {
                    !field.output_only && !self.output_only.iter().any(|path| path == name)
                }
                _ => true,
            })
            .collect()
    }
}

struct File {
    /// The service, and after a hyphen, where it has several files, what this one is about.
    name: &'static str,
    text: &'static str,
    parsed: OnceLock<Vec<Kind>>,
}

macro_rules! files {
    ($count:literal; $($name:literal)*) => {
        static FILES: [File; $count] = [$(File {
            name: $name,
            text: include_str!(concat!("../kinds/", $name, ".toml")),
            parsed: OnceLock::new(),
        }),*];
    };
}

files! { 19;
    "artifactregistry" "billingbudgets" "cloudbuild" "cloudkms" "cloudresourcemanager" "cloudscheduler"
    "compute" "compute-load-balancing" "iam" "iap" "logging" "monitoring" "run" "secretmanager" "servicenetworking" "serviceusage"
    "sqladmin" "storage" "vpcaccess"
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    kind: Vec<Kind>,
}

impl File {
    fn service(&self) -> &'static str {
        self.name.split_once('-').map_or(self.name, |(service, _)| service)
    }

    /// The file is embedded and a test parses each, so it is empty in no build that passed.
    fn kinds(&'static self) -> &'static [Kind] {
        self.parsed.get_or_init(|| toml::from_str::<Entries>(self.text).map(|e| e.kind).unwrap_or_default())
    }
}

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    let service = name.split_once(".googleapis.com/")?.0;
    let mut files = FILES.iter().filter(|file| file.service() == service);
    files.find_map(|file| file.kinds().iter().find(|kind| kind.name == name))
}

/// All kinds, by service and then in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    FILES.iter().flat_map(File::kinds)
}

#[cfg(test)]
mod tests;
