//! A resource of the table, and what can be done with it.

use serde_json::{Value as Json, json};

use crate::reading::Way;

/// The kind of an enabled API.
pub(crate) const SERVICE: &str = "serviceusage.googleapis.com/Service";

/// A resource, and what can be done with it.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) properties: Json,
    /// Properties that can be changed in place, and their other values.
    pub(crate) updates: Vec<(&'static str, Json)>,
    /// Paths that cannot be changed in place, and values that need another resource.
    pub(crate) fixed: Vec<(&'static str, Json)>,
    /// How a refresh has to read it.
    pub(crate) read: Way,
    pub(crate) replaces: bool,
    /// Whether it is deleted rather than forgotten.
    pub(crate) deletes: bool,
    needs: &'static [&'static str],
    /// What is different in a second one beside it.
    twin: Option<Json>,
}

impl Row {
    /// A resource that is read with others, can be replaced and deleted, and not changed.
    pub(crate) fn new(kind: &'static str, name: &str, properties: Json) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            properties,
            updates: Vec::new(),
            fixed: Vec::new(),
            read: Way::List,
            replaces: true,
            deletes: true,
            needs: &[],
            twin: None,
        }
    }

    /// An enabled API, which stays enabled. Another name is another API.
    pub(crate) fn api(name: &str) -> Self {
        Self::new(SERVICE, name, json!({"name": format!("{name}.googleapis.com")}))
            .kept()
            .only()
            .fixed("name", format!("{name}-too.googleapis.com"))
    }

    /// With a property that can be changed in place.
    pub(crate) fn updated(mut self, property: &'static str, value: impl Into<Json>) -> Self {
        self.updates.push((property, value.into()));
        self
    }

    /// With a path (names joined by dots) that cannot be changed to the value in place.
    pub(crate) fn fixed(mut self, path: &'static str, value: impl Into<Json>) -> Self {
        self.fixed.push((path, value.into()));
        self
    }

    /// The properties with all values that need another resource.
    pub(crate) fn otherwise(&self) -> Json {
        let mut properties = self.properties.clone();
        for (path, value) in &self.fixed {
            *path.split('.').fold(&mut properties, |inner, name| &mut inner[name]) = value.clone();
        }
        properties
    }

    /// There is no list of it, or none that says enough.
    pub(crate) fn read_alone(self) -> Self {
        Self { read: Way::Single, ..self }
    }

    /// It is a part of a policy, which is read as a whole.
    pub(crate) fn in_a_policy(self) -> Self {
        Self { read: Way::Policy, ..self }
    }

    /// After what its properties do not speak of.
    pub(crate) fn after(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    /// With a second one beside it, so that reading them is worth a list.
    pub(crate) fn twin(self, differs: Json) -> Self {
        Self { twin: Some(differs), ..self }
    }

    /// Google keeps it for good: it is forgotten rather than deleted.
    pub(crate) fn kept(self) -> Self {
        Self { deletes: false, ..self }
    }

    /// There can be no other one in its place.
    pub(crate) fn only(self) -> Self {
        Self { replaces: false, ..self }
    }

    pub(crate) fn urn(&self) -> String {
        format!("{}::{}", self.kind, self.name)
    }

    /// Whether it exists in a cloud, and not in the state alone.
    pub(crate) fn is_in_the_cloud(&self) -> bool {
        !self.kind.starts_with("std/")
    }

    /// The URNs that the properties do not say: its API, at least.
    pub(crate) fn needs(&self) -> Vec<String> {
        let mut urns: Vec<_> = self.needs.iter().map(|urn| (*urn).to_owned()).collect();
        if self.kind != SERVICE && self.is_in_the_cloud() {
            let api = self.kind.split('.').next().unwrap_or_default();
            urns.push(format!("{SERVICE}::{api}"));
        }
        urns
    }

    /// The resource, and the one beside it.
    pub(crate) fn with_its_twin(self) -> Vec<Self> {
        let Some(differs) = self.twin.clone() else { return vec![self] };
        let mut twin = Self {
            name: format!("{}-too", self.name),
            updates: Vec::new(),
            fixed: Vec::new(),
            replaces: false,
            ..self.clone()
        };
        for (property, value) in differs.as_object().into_iter().flatten() {
            twin.properties[property] = value.clone();
        }
        vec![self, twin]
    }
}
