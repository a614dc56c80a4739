//! Where the secrets of a stack come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::document::Document;
use crate::failure::{Failure, Result};

/// One secret of the configuration.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// The secret itself.
    Value(String),
    /// The name of an environment variable.
    Variable(String),
    /// A file that holds it and nothing else but perhaps a newline at the end.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => formatter.write_str("[secret]"),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
        }
    }
}

impl Secret {
    /// The file that it is read from.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Value(_) | Self::Variable(_) => None,
        }
    }

    /// The secret itself.
    pub(super) fn reveal(&self, key: &str) -> Result<String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Variable(name) => std::env::var(name).map_err(|_| {
                Failure::new(format!(
                    "The secret `{key}` is to come from the environment, but {name} is not set."
                ))
                .with_hint(format!("Run `export {name}=…` first."))
            }),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| {
                    Failure::new(format!(
                        "The secret `{key}` cannot be read from {}: {error}.",
                        path.display()
                    ))
                }),
        }
    }
}

const SHAPE: &str = "write a string, `{ env = \"NAME\" }` or `{ file = \"path\" }`.";

/// Reads a table of secrets. What is wrong is said without the value.
pub(super) fn read(document: &Document, keys: &[&str]) -> Result<BTreeMap<String, Secret>> {
    let Some(table) = document.table(keys)? else { return Ok(BTreeMap::new()) };
    let mut secrets = BTreeMap::new();
    for (key, value) in table {
        let here = [keys, &[key.as_str()]].concat();
        let secret = match value {
            toml::Value::String(text) => Secret::Value(text.clone()),
            toml::Value::Table(source) if source.len() == 1 => {
                match source.iter().next().map(|(name, value)| (name.as_str(), value.as_str())) {
                    Some(("env", Some(name))) => Secret::Variable(name.to_owned()),
                    Some(("file", Some(path))) => Secret::File(document.directory().join(path)),
                    _ => return Err(document.error(&here, SHAPE)),
                }
            }
            _ => return Err(document.error(&here, SHAPE)),
        };
        secrets.insert(key.clone(), secret);
    }
    Ok(secrets)
}
