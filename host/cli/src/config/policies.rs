//! Which policies judge the plans of a stack, and how much they matter.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::document::{self, Document};
use crate::failure::{Failure, Result, nearest};

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

/// The policies of the command line, which are mandatory, with their parameters: `NAME.KEY` and a value, where a policy
/// is called like its file, without the ending. Of two values for a key the last one counts.
///
/// # Errors
/// When a parameter is for a policy that is not among `files`.
pub(crate) fn of_command_line(files: &[PathBuf], parameters: &[(String, String)]) -> Result<Vec<Policy>> {
    let mut policies: Vec<_> = files.iter().map(|file| named_after(file)).collect();
    for (whole, value) in parameters {
        let (name, key) = whole.rsplit_once('.').unwrap_or((whole, ""));
        if name.is_empty() || key.is_empty() {
            let message =
                format!("`--policy-set {whole}` does not say which parameter of which policy it sets.");
            return Err(Failure::usage(message).with_hint(PARAMETER_SHAPE));
        }
        if !policies.iter().any(|policy| policy.name == name) {
            return Err(unknown(whole, name, &policies));
        }
        for policy in policies.iter_mut().filter(|policy| policy.name == name) {
            policy.parameters[key] = document::value_of(value);
        }
    }
    Ok(policies)
}

const PARAMETER_SHAPE: &str =
    "Write it as NAME.KEY=VALUE, where NAME is that of the policy's file, without `.wasm`.";

/// A policy of the command line, without parameters.
fn named_after(file: &Path) -> Policy {
    let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let parameters = Json::Object(Map::new());
    Policy { name, file: file.to_owned(), level: PolicyLevel::Mandatory, parameters }
}

/// The error of a parameter for a policy that the command line does not name.
fn unknown(parameter: &str, name: &str, policies: &[Policy]) -> Box<Failure> {
    let names = || policies.iter().map(|policy| policy.name.as_str());
    let failure = Failure::usage(format!("`--policy-set {parameter}`: no `--policy` is called `{name}`."));
    match nearest(name, names()) {
        Some(near) => failure.with_hint(format!("Did you mean `{near}`?")),
        None if policies.is_empty() => {
            let hint =
                format!("Add `--policy {name}.wasm`. Parameters of a policy of `[policies]` are set there.");
            failure.with_hint(hint)
        }
        None => failure.with_hint(format!("Those are: `{}`.", names().collect::<Vec<_>>().join("`, `"))),
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
