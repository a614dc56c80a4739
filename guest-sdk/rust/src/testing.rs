//! Runs a stack against a fake host that records what it is told. For unit tests of stacks.
//!
//! The fake checks nothing; `mlflow-host preview --offline` does.

use crate::Result;
use crate::contract;

pub use crate::contract::{Declared, Recording};

/// A fake host with a configuration. Its stack is `test`, in `test-project` and `europe-west1`.
#[derive(Debug, Clone, Default)]
pub struct Fake {
    config: Vec<(String, String)>,
    secrets: Vec<String>,
}

impl Fake {
    /// Sets a key of the configuration, as text.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets a secret. It needs no value, for a stack never sees one.
    #[must_use]
    pub fn secret(mut self, key: &str) -> Self {
        self.secrets.push(key.to_owned());
        self
    }

    /// Runs the stack.
    ///
    /// # Errors
    /// Those of the stack.
    pub fn run(self, stack: impl FnOnce() -> Result<()>) -> Result<Recording> {
        let host = contract::Host {
            config: self.config.into_iter().collect(),
            secrets: self.secrets,
            ..contract::Host::default()
        };
        let before = contract::replace_host(host);
        let result = stack();
        let host = contract::replace_host(before);
        result.map(|()| host.recording)
    }
}

impl Recording {
    /// The resource with this URN, e.g., `std/Value::greeting`.
    pub fn resource(&self, urn: &str) -> Option<&Declared> {
        let (kind, name) = urn.split_once("::")?;
        self.resources.iter().find(|resource| resource.kind == kind && resource.name == name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::standard::{RandomId, RandomPassword, StackReference, Value};
    use crate::{component, config, functions, output};

    #[test]
    fn a_stack_is_recorded() {
        let recording = Fake::default()
            .config("greeting", "hello")
            .run(|| {
                let group = component("test:group", "all");
                let id = RandomId::new().length(8).declare("id");
                let password = RandomPassword::new().parent(&group).declare("password");
                let greeting = Value::new()
                    .value([("text", format!("{} {}", config::require("greeting")?, id.result()))])
                    .depends_on(&password)
                    .replace_on(functions::sha256(password.result()))
                    .protect(true)
                    .declare("greeting");
                output("greeting", greeting.value());
                Ok(())
            })
            .unwrap();
        let greeting = recording.resource("std/Value::greeting").unwrap();
        assert_eq!(greeting.properties, json!({"value": {"text": "hello ${std/RandomId::id#result}"}}));
        assert_eq!(
            greeting.options,
            json!({
                "dependsOn": ["std/RandomPassword::password"],
                "replaceOn": ["${sha256[\"${std/RandomPassword::password#result}\"]}"],
                "protect": true,
            })
        );
        assert_eq!(recording.resources[1].options, json!({"parent": "test:group::all"}));
        assert_eq!(recording.outputs["greeting"], json!("${std/Value::greeting#value}"));
    }

    #[test]
    fn a_resource_may_come_from_elsewhere() {
        let recording = Fake::default()
            .run(|| {
                let network = StackReference::new("network").lookup("net");
                Value::new()
                    .value(network.attribute("name"))
                    .alias("std/Value::old")
                    .import("projects/p/x")
                    .timeout_minutes(90)
                    .declare("new");
                Ok(())
            })
            .unwrap();
        let value = recording.resource("std/Value::new").unwrap();
        assert_eq!(value.properties, json!({"value": "${std/StackReference::net#name}"}));
        assert_eq!(
            value.options,
            json!({"aliases": ["std/Value::old"], "import": "projects/p/x", "timeoutMinutes": 90})
        );
        let reference = recording.resource("std/StackReference::net").unwrap();
        assert_eq!(reference.properties, json!({"stack": "network"}));
    }

    #[test]
    fn an_error_of_the_stack_comes_through() {
        let error = Fake::default().run(|| config::require("absent").map(drop)).unwrap_err();
        assert!(error.message().contains("`absent` is not set"));
    }
}
