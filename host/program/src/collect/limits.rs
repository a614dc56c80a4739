//! How much a program may declare, and the one way in which its texts are read.

use mlflow_host_graph::Diagnostic;
use serde_json::{Map, Value as Json};

/// How much a program may declare.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Resources, components and outputs together, refused ones included.
    pub nodes: usize,
    /// Bytes of one JSON text: the properties of a resource, its options, the operands of a function, an output.
    pub json: usize,
    /// Bytes of one kind, name, path, pattern or key of JSON.
    pub name: usize,
    /// Patterns of what one packed directory leaves out.
    pub patterns: usize,
    /// Bytes of everything that is kept of a run, roughly.
    pub total: usize,
    /// Problems that are kept, and warnings; more are counted only.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 100_000, json: 1 << 20, name: 500, patterns: 500, total: 512 << 20, problems: 200 }
    }
}

impl Limits {
    /// The JSON of a text, which goes on as `what` in a message.
    pub(crate) fn parse(&self, what: &str, text: &str) -> Result<Json, Diagnostic> {
        if text.len() > self.json {
            let message = format!(
                "The {what} are {} bytes of JSON; at most {} are allowed. Put large content into files.",
                text.len(),
                self.json
            );
            return Err(Diagnostic::error("too-large", message));
        }
        let json = serde_json::from_str(text).map_err(|error| {
            Diagnostic::error("bad-json", format!("The {what} cannot be read as JSON: {error}."))
        })?;
        self.keys(&json)?;
        Ok(json)
    }

    /// Refuses long keys: each problem of what lies below one repeats it.
    fn keys(&self, json: &Json) -> Result<(), Diagnostic> {
        match json {
            Json::Array(items) => items.iter().try_for_each(|item| self.keys(item)),
            Json::Object(entries) => entries.iter().try_for_each(|(key, value)| {
                self.name("key", key)?;
                self.keys(value)
            }),
            _ => Ok(()),
        }
    }

    /// The JSON object of a text.
    pub(crate) fn object(&self, what: &str, text: &str) -> Result<Map<String, Json>, Diagnostic> {
        match self.parse(what, text)? {
            Json::Object(entries) => Ok(entries),
            _ => Err(Diagnostic::error("bad-json", format!("The {what} must be a JSON object."))),
        }
    }

    /// The options of a text, which may be empty.
    pub(crate) fn options(&self, text: &str) -> Result<Map<String, Json>, Diagnostic> {
        self.object("options", if text.is_empty() { "{}" } else { text })
    }

    /// Refuses a kind, name, path, pattern or key that is too long.
    pub(crate) fn name(&self, what: &str, text: &str) -> Result<(), Diagnostic> {
        if text.len() <= self.name {
            return Ok(());
        }
        let message = format!("The {what} has {} bytes; at most {} are allowed.", text.len(), self.name);
        Err(Diagnostic::error("too-large", message))
    }
}
