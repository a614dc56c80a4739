//! One declared resource.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Expression, PropertyMap, PropertyPath, Urn};

/// Whether the host manages the resource or only reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Created, updated and deleted with the stack.
    Managed,
    /// Read, never changed.
    Lookup,
}

/// How a resource is to be treated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Resources that must be there first, besides those that the properties refer to.
    pub depends_on: BTreeSet<Urn>,
    /// Refuse to delete or replace the resource.
    pub protect: bool,
    /// Keep the resource in the cloud when it leaves the stack.
    pub retain_on_delete: bool,
    /// Delete before creating when the resource is replaced.
    pub delete_first: bool,
    /// Replace the resource when one of these values changes.
    pub replace_on: Vec<Expression>,
    /// Paths whose changes are ignored after creation.
    pub ignore_changes: Vec<PropertyPath>,
    /// Earlier URNs of the resource: what is recorded under one of them is this resource.
    pub aliases: Vec<Urn>,
    /// The full resource name of an existing resource that is to be managed from now on.
    pub import: Option<String>,
    /// How long an operation on the resource may take, in seconds, before the run goes on without it.
    pub timeout_seconds: Option<u64>,
}

/// A declared resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Kind and logical name.
    pub urn: Urn,
    /// Managed or only read.
    pub role: Role,
    /// The component it belongs to, by name, if any.
    pub parent: Option<String>,
    /// The properties, by the REST body's own field names.
    pub properties: PropertyMap<Expression>,
    /// How it is to be treated.
    pub options: Options,
}

impl Resource {
    /// The resources that must be there before this one: those referred to, and those named.
    pub fn dependencies(&self) -> BTreeSet<Urn> {
        let mut found = self.options.depends_on.clone();
        let mut visit = |reference: &crate::Reference| {
            found.insert(reference.urn.clone());
        };
        self.properties.values().for_each(|property| property.visit_references(&mut visit));
        self.options.replace_on.iter().for_each(|trigger| trigger.visit_references(&mut visit));
        found
    }
}
