//! Declaring resources and components.

use std::marker::PhantomData;

use serde_json::{Value as Json, json};

use crate::author;
use crate::input::{Any, Body};
use crate::{Input, Output, contract};

/// A kind of resource.
pub trait Kind {
    /// Its Cloud Asset Inventory name, e.g., `run.googleapis.com/Service`.
    const NAME: &'static str;
}

/// A resource to be declared: properties, and how it is to be treated.
#[derive(Debug, Clone)]
#[must_use = "nothing is declared before `declare` or `lookup`"]
pub struct Resource<K> {
    pub(crate) body: Body,
    options: serde_json::Map<String, Json>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Default for Resource<K> {
    fn default() -> Self {
        Self { body: Body::default(), options: serde_json::Map::new(), kind: PhantomData }
    }
}

impl<K: Kind> Resource<K> {
    /// A resource without properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a property by its name in Google's REST body, where the typed setters do not reach.
    pub fn property(mut self, field: &str, value: impl Into<Input<Any>>) -> Self {
        self.body.set(field, value.into());
        self
    }

    /// Requires another resource to be there first, besides those that the properties refer to.
    pub fn depends_on(mut self, other: impl Into<Dependency>) -> Self {
        if let Some(other) = other.into().0 {
            self.add_to("dependsOn", other);
        }
        self
    }

    /// Puts the resource into a component.
    pub fn parent(mut self, component: &Component) -> Self {
        if let Some(node) = component.node {
            self.options.insert("parent".to_owned(), node.into());
        }
        self
    }

    /// Refuses to delete or replace the resource.
    pub fn protect(self, protect: bool) -> Self {
        self.flag("protect", protect)
    }

    /// Leaves the resource in the cloud when it leaves the stack.
    pub fn retain_on_delete(self, retain: bool) -> Self {
        self.flag("retainOnDelete", retain)
    }

    /// Deletes before creating when the resource must be replaced.
    pub fn delete_first(self, delete_first: bool) -> Self {
        self.flag("deleteFirst", delete_first)
    }

    /// Replaces the resource when the value changes.
    pub fn replace_on(mut self, value: impl Into<Input<Any>>) -> Self {
        if let Some(value) = value.into().into_json() {
            self.add_to("replaceOn", value);
        }
        self
    }

    /// Leaves a property alone after creation, e.g., `settings.tier`.
    pub fn ignore_changes(mut self, path: &str) -> Self {
        self.add_to("ignoreChanges", path.into());
        self
    }

    /// An earlier URN of the resource (`KIND::NAME`): what is recorded under it is this resource.
    pub fn alias(mut self, urn: &str) -> Self {
        self.add_to("aliases", urn.into());
        self
    }

    /// Takes over an existing resource, by its full resource name, e.g., `projects/p/global/networks/main`.
    pub fn import(mut self, full_name: &str) -> Self {
        self.options.insert("import".to_owned(), full_name.into());
        self
    }

    /// How long an operation on the resource may take before the run goes on without it.
    pub fn timeout_minutes(mut self, minutes: u32) -> Self {
        self.options.insert("timeoutMinutes".to_owned(), minutes.into());
        self
    }

    /// Declares the resource, to be managed under this logical name.
    #[track_caller]
    pub fn declare(self, name: &str) -> Handle<K> {
        let options = Json::Object(self.options).to_string();
        let node = contract::declare(K::NAME, name, &self.body.into_json().to_string(), &options);
        Handle::new(name, author::noted(node))
    }

    /// Refers to a resource that exists already, to be read and never changed.
    #[track_caller]
    pub fn lookup(self, name: &str) -> Handle<K> {
        let node = contract::lookup(K::NAME, name, &self.body.into_json().to_string());
        Handle::new(name, author::noted(node))
    }

    fn flag(mut self, option: &str, value: bool) -> Self {
        self.options.insert(option.to_owned(), value.into());
        self
    }

    fn add_to(&mut self, option: &str, item: Json) {
        let list = self.options.entry(option).or_insert_with(|| json!([]));
        if let Some(items) = list.as_array_mut() {
            items.push(item);
        }
    }
}

/// A declared resource.
#[derive(Debug)]
pub struct Handle<K> {
    name: String,
    // None: the host refused the declaration, and the run fails when it ends.
    node: Option<u32>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Handle<K> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), node: self.node, kind: PhantomData }
    }
}

impl<K: Kind> Handle<K> {
    fn new(name: &str, node: Option<u32>) -> Self {
        Self { name: name.to_owned(), node, kind: PhantomData }
    }

    /// The kind and logical name, e.g., `run.googleapis.com/Service::mlflow`.
    pub fn urn(&self) -> String {
        format!("{}::{}", K::NAME, self.name)
    }

    /// An attribute by its path in Google's REST body, e.g., `ipAddresses[0].ipAddress`.
    #[track_caller]
    pub fn attribute(&self, path: &str) -> Output {
        // What a refused resource lacks is no mistake of its own.
        let Some(node) = self.node else { return Output::from_token(None) };
        Output::from_token(author::noted(contract::attribute(node, path)))
    }
}

/// What a resource may depend on: a handle of whatever kind, or a URN (`KIND::NAME`), also one of a resource
/// that is declared later.
#[derive(Debug, Clone)]
pub struct Dependency(Option<Json>);

impl From<&str> for Dependency {
    fn from(urn: &str) -> Self {
        Self(Some(urn.into()))
    }
}

impl<K> From<&Handle<K>> for Dependency {
    fn from(handle: &Handle<K>) -> Self {
        Self(handle.node.map(Json::from))
    }
}

/// A named group of resources.
#[derive(Debug, Clone)]
pub struct Component {
    node: Option<u32>,
}

/// Declares a component; `kind` is of your choice, e.g., `mlflow:server`.
#[track_caller]
pub fn component(kind: &str, name: &str) -> Component {
    Component { node: author::noted(contract::component(kind, name, None)) }
}

impl Component {
    /// Declares a component inside this one.
    #[track_caller]
    pub fn component(&self, kind: &str, name: &str) -> Self {
        Self { node: author::noted(contract::component(kind, name, self.node)) }
    }
}

/// Defines a kind: a setter for each property, and a method for each attribute.
macro_rules! kind {
    (
        $(#[$attribute:meta])* $name:ident, $marker:ident, $handle:ident = $kind:literal
        { $($setter:ident = $field:literal: $accepts:ty),* $(,)? }
        { $($getter:ident = $path:literal),* $(,)? }
    ) => {
        #[doc = concat!("Names the kind `", $kind, "`.")]
        #[derive(Debug, Clone, Copy)]
        pub struct $marker;

        impl $crate::Kind for $marker {
            const NAME: &'static str = $kind;
        }

        $(#[$attribute])*
        pub type $name = $crate::Resource<$marker>;

        #[doc = concat!("A declared `", $kind, "`.")]
        pub type $handle = $crate::Handle<$marker>;

        impl $name { $(
            #[doc = concat!("Sets `", $field, "`.")]
            pub fn $setter(mut self, value: impl Into<$crate::Input<$accepts>>) -> Self {
                self.body.set($field, value.into());
                self
            }
        )* }

        impl $handle { $(
            #[doc = concat!("The attribute `", $path, "`.")]
            #[track_caller]
            pub fn $getter(&self) -> $crate::Output {
                self.attribute($path)
            }
        )* }
    };
}

pub(crate) use kind;
