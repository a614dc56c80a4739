//! Paths to a property inside a resource, e.g., `template.containers[0].image`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a string is not a [`PropertyPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a property path: {reason}.")]
pub struct PathError {
    text: String,
    reason: &'static str,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a map.
    Key(String),
    /// An index into a list.
    Index(usize),
}

/// A path into nested properties. The empty path is the whole. Keys that hold a dot, a bracket or a
/// quote are written `["key"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PropertyPath(Vec<Segment>);

impl PropertyPath {
    /// The path to the whole.
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// This path followed by a key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.followed_by(Segment::Key(key.to_owned()))
    }

    /// This path followed by an index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.followed_by(Segment::Index(index))
    }

    fn followed_by(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// Whether `self` is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Whether the path matches a pattern of a fact table, in which `[]` stands for any index and `{}`
    /// for any key, or lies below it.
    pub fn is_under_pattern(&self, pattern: &str) -> bool {
        let mut segments = self.0.iter();
        for part in pattern.split('.') {
            let (key, elements) = match part.find(['[', '{']) {
                Some(at) => part.split_at(at),
                None => (part, ""),
            };
            if !matches!(segments.next(), Some(Segment::Key(found)) if found == key) {
                return false;
            }
            for element in elements.as_bytes().chunks(2) {
                let matches = matches!(
                    (element, segments.next()),
                    (b"[]", Some(Segment::Index(_))) | (b"{}", Some(Segment::Key(_)))
                );
                if !matches {
                    return false;
                }
            }
        }
        true
    }
}

impl From<Vec<Segment>> for PropertyPath {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl FromStr for PropertyPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let failure = |reason| PathError { text: text.to_owned(), reason };
        let mut segments = Vec::new();
        let mut rest = text;
        let mut expects_key = true;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let end = quoted.find("\"]").ok_or_else(|| failure("a quoted key does not end"))?;
                segments.push(Segment::Key(quoted[..end].to_owned()));
                rest = &quoted[end + 2..];
            } else if let Some(bracketed) = rest.strip_prefix('[') {
                let end = bracketed.find(']').ok_or_else(|| failure("an index does not end"))?;
                let index = bracketed[..end].parse().map_err(|_| failure("an index is not a number"))?;
                segments.push(Segment::Index(index));
                rest = &bracketed[end + 1..];
            } else {
                if !segments.is_empty() || !expects_key {
                    rest = rest.strip_prefix('.').ok_or_else(|| failure("a dot is missing"))?;
                }
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    return Err(failure("a key is empty"));
                }
                segments.push(Segment::Key(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            expects_key = false;
        }
        Ok(Self(segments))
    }
}

impl TryFrom<String> for PropertyPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<PropertyPath> for String {
    fn from(path: PropertyPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for PropertyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(formatter, "[{index}]")?,
                Segment::Key(key) if key.is_empty() || key.contains(['.', '[', ']', '"']) => {
                    write!(formatter, "[\"{key}\"]")?;
                }
                Segment::Key(key) if position == 0 => formatter.write_str(key)?,
                Segment::Key(key) => write!(formatter, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_round_trip() {
        for text in ["", "name", "template.containers[0].image", "labels[\"a.b\"].c", "a[1][2].b"] {
            assert_eq!(text.parse::<PropertyPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn broken_paths_are_refused() {
        for text in ["a..b", "a[", "a[x]", "a[\"b", ".a", "a[0]b"] {
            assert!(text.parse::<PropertyPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_match_any_index_and_any_key() {
        let path: PropertyPath = "template.containers[3].env[0].value".parse().unwrap();
        assert!(path.is_under_pattern("template.containers[].env"));
        assert!(path.is_under_pattern("template.containers[].env[].value"));
        assert!(!path.is_under_pattern("template.volumes"));
        assert!("labels.team".parse::<PropertyPath>().unwrap().is_under_pattern("labels{}"));
    }
}
