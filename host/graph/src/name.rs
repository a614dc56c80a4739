//! Names: of a kind of resource, and of one resource in a stack.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a string is not a [`Kind`] or a [`Urn`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A kind is `SERVICE/Type`.
    #[error("`{0}` is not a kind: write it as SERVICE/Type, e.g., `run.googleapis.com/Service`.")]
    Kind(String),
    /// A URN is `KIND::NAME`.
    #[error("`{0}` is not a URN: write it as KIND::NAME, e.g., `run.googleapis.com/Service::mlflow`.")]
    Urn(String),
    /// Logical names are short and printable.
    #[error(
        "`{0}` is not a resource name: use 1 to 100 letters, digits, `-`, `_`, `.` or `/`, without `::`."
    )]
    Name(String),
}

/// A kind of resource, by its Cloud Asset Inventory name, e.g., `run.googleapis.com/Service`.
/// Kinds without an API start with `std/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(String);

impl Kind {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash: the API's host name, or `std`.
    pub fn service(&self) -> &str {
        self.0.split_once('/').map_or("", |(service, _)| service)
    }

    /// The part after the slash, e.g., `Service`.
    pub fn short(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(_, short)| short)
    }

    /// Whether the kind has no API behind it.
    pub fn is_standard(&self) -> bool {
        self.service() == "std"
    }
}

impl FromStr for Kind {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let valid = |part: &str| {
            !part.is_empty()
                && part.chars().all(|character| character.is_ascii_alphanumeric() || ".-".contains(character))
        };
        match text.split_once('/') {
            Some((service, short)) if valid(service) && valid(short) => Ok(Self(text.to_owned())),
            _ => Err(NameError::Kind(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The identity of a resource within one stack: its kind and logical name, written `KIND::NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Urn {
    kind: Kind,
    name: String,
}

impl Urn {
    /// Joins a kind and a logical name.
    ///
    /// # Errors
    /// [`NameError::Name`] when the name is empty, longer than 100 characters or holds other characters
    /// than letters, digits, `-`, `_`, `.` and `/`.
    pub fn new(kind: Kind, name: &str) -> Result<Self, NameError> {
        let printable = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
        if name.is_empty() || name.len() > 100 || !name.chars().all(printable) {
            return Err(NameError::Name(name.to_owned()));
        }
        Ok(Self { kind, name: name.to_owned() })
    }

    /// The kind.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The logical name that the program gave.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Urn {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (kind, name) = text.split_once("::").ok_or_else(|| NameError::Urn(text.to_owned()))?;
        Self::new(kind.parse()?, name)
    }
}

impl TryFrom<String> for Urn {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Urn> for String {
    fn from(urn: Urn) -> Self {
        urn.to_string()
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}::{}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_round_trips_through_text() {
        let urn: Urn = "run.googleapis.com/Service::mlflow/web".parse().unwrap();
        assert_eq!(urn.kind().service(), "run.googleapis.com");
        assert_eq!(urn.kind().short(), "Service");
        assert_eq!(urn.name(), "mlflow/web");
        assert_eq!(urn.to_string().parse::<Urn>().unwrap(), urn);
    }

    #[test]
    fn bad_names_are_refused() {
        for text in ["Service::x", "a/b", "a/b::", "a/b::x y", "a/b::x::y", "/b::x", "a/::x"] {
            assert!(text.parse::<Urn>().is_err(), "{text}");
        }
    }
}
