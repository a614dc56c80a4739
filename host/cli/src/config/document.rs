//! A TOML file that can say where in it something stands.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::de::DeTable;

use super::suggestion;
use crate::failure::{Failure, Result};

/// The file, parsed. A file that need not exist and does not is an empty one.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    table: toml::Table,
}

impl Document {
    pub(super) fn read(path: &Path, must_exist: bool) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => String::new(),
            Err(error) => return Err(Failure::new(format!("Cannot read {}: {error}.", path.display()))),
        };
        Self::parse(path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Self> {
        let table = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            let cause = error.message().lines().collect::<Vec<_>>().join(", ");
            Failure::new(format!("{}:{line}: this is not TOML: {cause}.", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), text, table })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says.
    pub(super) fn text_of_file(&self) -> &str {
        &self.text
    }

    /// The directory that relative paths in the file start from.
    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// An error at a key.
    pub(super) fn error(&self, keys: &[&str], message: impl AsRef<str>) -> Box<Failure> {
        let name = keys.join(".");
        let line = self.line(keys).map_or_else(String::new, |line| format!(":{line}"));
        Failure::new(format!("{}{line}: `{name}`: {}", self.path.display(), message.as_ref()))
    }

    /// Refuses keys of a table other than `allowed`.
    pub(super) fn check_keys(&self, keys: &[&str], allowed: &[&str]) -> Result<()> {
        let Some(table) = self.table(keys)? else { return Ok(()) };
        for key in table.keys() {
            if !allowed.contains(&key.as_str()) {
                let expected = allowed.join("`, `");
                let message =
                    format!("there is no such key.{} Known here: `{expected}`.", suggestion(key, allowed));
                return Err(self.error(&[keys, &[key]].concat(), message));
            }
        }
        Ok(())
    }

    /// The table at a key, if there is one.
    pub(super) fn table(&self, keys: &[&str]) -> Result<Option<&toml::Table>> {
        match self.find(keys) {
            _ if keys.is_empty() => Ok(Some(&self.table)),
            None => Ok(None),
            Some(toml::Value::Table(table)) => Ok(Some(table)),
            Some(other) => {
                Err(self.error(keys, format!("a table belongs here, not a {}.", other.type_str())))
            }
        }
    }

    /// The string at a key, if there is one.
    pub(super) fn text(&self, keys: &[&str]) -> Result<Option<String>> {
        match self.find(keys) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => {
                Err(self.error(keys, format!("a string belongs here, not a {}.", other.type_str())))
            }
        }
    }

    /// The strings of the list at a key; none where there is no list.
    pub(super) fn texts(&self, keys: &[&str]) -> Result<Vec<String>> {
        let wrong = || self.error(keys, "a list of strings belongs here.");
        let Some(value) = self.find(keys) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(wrong)?;
        items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    /// The values of the table at a key, as JSON.
    pub(super) fn values(&self, keys: &[&str]) -> Result<BTreeMap<String, Json>> {
        let Some(table) = self.table(keys)? else { return Ok(BTreeMap::new()) };
        Ok(table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect())
    }

    fn find(&self, keys: &[&str]) -> Option<&toml::Value> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.table.get(*first)?, |value, key| value.get(*key))
    }

    /// The line of a key, from 1. The file is parsed once more: errors need not be fast.
    fn line(&self, keys: &[&str]) -> Option<usize> {
        let parsed = DeTable::parse(&self.text).ok()?.into_inner();
        let mut table = &parsed;
        let (last, above) = keys.split_last()?;
        for key in above {
            table = table.iter().find(|(name, _)| name.get_ref() == key)?.1.get_ref().as_table()?;
        }
        let (name, _) = table.iter().find(|(name, _)| name.get_ref() == last)?;
        Some(line_of(&self.text, name.span().start))
    }
}

/// What a value on the command line means: TOML if it is that, a string otherwise.
pub(super) fn value_of(text: &str) -> Json {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|table| table.get("value").map(to_json))
        .unwrap_or_else(|| Json::String(text.to_owned()))
}

fn to_json(value: &toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::from(text.as_str()),
        toml::Value::Integer(number) => Json::from(*number),
        toml::Value::Float(number) => Json::from(*number),
        toml::Value::Boolean(flag) => Json::from(*flag),
        toml::Value::Datetime(moment) => Json::from(moment.to_string()),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
