//! Parts of a document that are read when somebody first asks for them: of a large API a program touches a message
//! or two.

use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A part of a document.
#[derive(Debug)]
pub(crate) struct Lazy<T> {
    text: Option<Box<RawValue>>,
    read: OnceLock<Option<T>>,
}

impl<T: DeserializeOwned> Lazy<T> {
    /// What it says; `None` where it is not a `T`, which tests exclude for the embedded documents.
    pub(crate) fn get(&self) -> Option<&T> {
        self.read.get_or_init(|| serde_json::from_str(self.text.as_ref()?.get()).ok()).as_ref()
    }
}

impl<T> From<T> for Lazy<T> {
    fn from(value: T) -> Self {
        Self { text: None, read: OnceLock::from(Some(value)) }
    }
}

impl<'de, T> Deserialize<'de> for Lazy<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { text: Some(Box::deserialize(deserializer)?), read: OnceLock::new() })
    }
}
