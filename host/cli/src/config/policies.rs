//! Which policies judge the plans of a stack, and how much they matter.

use std::path::PathBuf;

use serde_json::{Map, Value as Json};

use super::document::Document;
use crate::failure::Result;

/// A policy, and what the configuration says of it. The policy itself has no say in this.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// What it is called in findings.
    pub(crate) name: String,
    /// The Wasm file.
    pub(crate) file: PathBuf,
    /// How much it matters.
    pub(crate) level: PolicyLevel,
    /// A JSON object, for the policy.
    pub(crate) parameters: Json,
}

/// How much a policy matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PolicyLevel {
    /// What it does not allow is shown.
    Advisory,
    /// What it does not allow is not done.
    Mandatory,
}

impl PolicyLevel {
    /// As it is written in files and events.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::Mandatory => "mandatory",
        }
    }
}

impl Policy {
    /// A policy of the command line: mandatory, and without parameters.
    pub(crate) fn of_command_line(file: PathBuf) -> Self {
        let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        Self { name, file, level: PolicyLevel::Mandatory, parameters: Json::Object(Map::new()) }
    }
}

const KEYS: &[&str] = &["file", "level", "parameters"];

/// Reads the table `[policies]`.
pub(super) fn read(document: &Document) -> Result<Vec<Policy>> {
    const TABLE: &str = "policies";
    let Some(table) = document.table(&[TABLE])? else { return Ok(Vec::new()) };
    let read = |name: &String| {
        document.check_keys(&[TABLE, name], KEYS)?;
        let file = document.text(&[TABLE, name, "file"])?.ok_or_else(|| {
            document.error(&[TABLE, name], "name the Wasm file of the policy: `{ file = \"NAME.wasm\" }`.")
        })?;
        let level = match document.text(&[TABLE, name, "level"])?.as_deref() {
            None => PolicyLevel::Mandatory,
            Some(text) => [PolicyLevel::Mandatory, PolicyLevel::Advisory]
                .into_iter()
                .find(|level| level.name() == text)
                .ok_or_else(|| {
                    let message = format!("`{text}` is not a level: use `mandatory` or `advisory`.");
                    document.error(&[TABLE, name, "level"], message)
                })?,
        };
        let parameters = document.values(&[TABLE, name, "parameters"])?.into_iter().collect();
        Ok(Policy { name: name.clone(), file: document.directory().join(file), level, parameters })
    };
    table.keys().map(read).collect()
}
