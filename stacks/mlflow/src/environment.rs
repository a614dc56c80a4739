//! The environment of a container: every variable once, and always in the same place.

use std::collections::BTreeMap;

use mlflow_host_sdk::kinds::run::EnvVar;

use crate::credential::Credential;

#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, EnvVar>);

impl Environment {
    /// Sets a variable to a text.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.insert(name, EnvVar::new().value(value.into()));
    }

    /// Sets a variable to a password, which Cloud Run fetches from Secret Manager.
    pub(crate) fn set_secret(&mut self, name: &str, credential: &Credential) {
        self.insert(name, EnvVar::new().value_source(credential.source()));
    }

    /// The variables, by name.
    pub(crate) fn variables(&self) -> Vec<EnvVar> {
        self.0.values().cloned().collect()
    }

    fn insert(&mut self, name: &str, variable: EnvVar) {
        self.0.insert(name.to_owned(), variable.name(name));
    }
}
