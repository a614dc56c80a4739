//! Evaluated data: JSON, plus what is not known yet, what is secret, and what is a file.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map as JsonMap, Value as Json};

use crate::{AssetDigest, PropertyMap, PropertyPath, Segment};

/// A map of properties by name.
pub type Map = PropertyMap<Value>;

/// Evaluated data. `Serialize` never writes a secret: use [`revealing`] where a secret must be kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// JSON `null`.
    #[default]
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Map),
    /// Bytes that the host holds, by their digest.
    Asset(AssetDigest),
    /// Not known before an operation has run.
    Unknown,
    /// Anything that must never be shown.
    Secret(Box<Value>),
}

/// How a secret is written where it is shown.
pub const REDACTED: &str = "[secret]";
/// How an unknown value is written where it is shown.
pub const UNKNOWN: &str = "[unknown]";

impl Value {
    /// A string value.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An empty map.
    pub fn empty_map() -> Self {
        Self::Map(Map::new())
    }

    /// Marks the value as secret. A secret stays as it is.
    #[must_use]
    pub fn into_secret(self) -> Self {
        match self {
            Self::Secret(_) => self,
            other => Self::Secret(Box::new(other)),
        }
    }

    /// The value inside any secret marks. For sending to the cloud, never for showing.
    pub fn reveal(&self) -> &Self {
        match self {
            Self::Secret(inner) => inner.reveal(),
            other => other,
        }
    }

    /// Whether the value, at this level, is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    /// The text of a string, also of a secret one.
    pub fn as_str(&self) -> Option<&str> {
        match self.reveal() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a map, also of a secret one.
    pub fn as_map(&self) -> Option<&Map> {
        match self.reveal() {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a direct key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The value at a path. Below an unknown everything is unknown; below a secret all is secret.
    /// `None` when there is nothing at the path.
    pub fn at(&self, path: &PropertyPath) -> Option<Self> {
        let mut current = self;
        let mut secret = false;
        for segment in path.segments() {
            while let Self::Secret(inner) = current {
                secret = true;
                current = inner;
            }
            current = match (current, segment) {
                (Self::Unknown, _) => break,
                (Self::Map(entries), Segment::Key(key)) => entries.get(key)?,
                (Self::List(items), Segment::Index(index)) => items.get(*index)?,
                _ => return None,
            };
        }
        Some(if secret { current.clone().into_secret() } else { current.clone() })
    }

    /// Whether any part is unknown.
    pub fn has_unknown(&self) -> bool {
        self.any(&|value| matches!(value, Self::Unknown))
    }

    /// Whether any part is secret.
    pub fn has_secret(&self) -> bool {
        self.any(&|value| matches!(value, Self::Secret(_)))
    }

    /// Whether the asset of this digest is in it.
    pub fn holds_asset(&self, digest: &AssetDigest) -> bool {
        self.any(&|value| matches!(value, Self::Asset(held) if held == digest))
    }

    fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::List(items) => items.iter().any(|item| item.any(test)),
                Self::Map(entries) => entries.values().any(|item| item.any(test)),
                Self::Secret(inner) => inner.any(test),
                _ => false,
            }
    }

    /// The value laid over another: maps are merged key by key, everything else replaces.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        match (self, base) {
            (Self::Map(upper), Self::Map(mut lower)) => {
                for (key, value) in upper {
                    let below = lower.remove(&key).unwrap_or_default();
                    lower.insert(key, value.over(below));
                }
                Self::Map(lower)
            }
            (upper, _) => upper,
        }
    }

    /// JSON for showing: secrets as `[secret]`, unknown values as `[unknown]`.
    pub fn to_shown_json(&self) -> Json {
        match self {
            Self::Secret(_) => Json::String(REDACTED.to_owned()),
            Self::Unknown => Json::String(UNKNOWN.to_owned()),
            Self::Asset(digest) => Json::String(digest.to_string()),
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Number(number) => Json::Number(number.clone()),
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_shown_json).collect()),
            Self::Map(entries) => Json::Object(
                entries.iter().map(|(key, value)| (key.clone(), value.to_shown_json())).collect(),
            ),
        }
    }

    /// Plain JSON with secrets in the clear, for a request to the cloud. `None` when a part is unknown
    /// or is an asset.
    pub fn to_request_json(&self) -> Option<Json> {
        Some(match self {
            Self::Secret(inner) => inner.to_request_json()?,
            Self::Unknown | Self::Asset(_) => return None,
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Number(number) => Json::Number(number.clone()),
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_request_json).collect::<Option<_>>()?),
            Self::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| Some((key.clone(), value.to_request_json()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    fn to_marked_json(&self, reveal: bool) -> Json {
        let marked = |key: &str, value: Json| {
            let mut object = JsonMap::new();
            object.insert(key.to_owned(), value);
            Json::Object(object)
        };
        match self {
            Self::Secret(inner) if reveal => marked("$secret", inner.to_marked_json(true)),
            Self::Secret(_) => marked("$secret", Json::Null),
            Self::Unknown => marked("$unknown", Json::Bool(true)),
            Self::Asset(digest) => marked("$asset", Json::String(digest.to_string())),
            Self::List(items) => Json::Array(items.iter().map(|item| item.to_marked_json(reveal)).collect()),
            Self::Map(entries) => {
                let object = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.to_marked_json(reveal)))
                    .collect::<JsonMap<_, _>>();
                // A map of the author's that looks like a mark is wrapped, so that it reads back as a map.
                if object.len() == 1 && object.keys().any(|key| key.starts_with('$')) {
                    marked("$map", Json::Object(object))
                } else {
                    Json::Object(object)
                }
            }
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Number(number) => Json::Number(number.clone()),
            Self::String(text) => Json::String(text.clone()),
        }
    }

    fn from_marked_json(json: Json) -> Result<Self, String> {
        let mut object = match json {
            Json::Object(object) => object,
            Json::Array(items) => {
                let items = items.into_iter().map(Self::from_marked_json).collect::<Result<_, _>>()?;
                return Ok(Self::List(items));
            }
            scalar => return Ok(Self::from(scalar)),
        };
        let mark = (object.len() == 1)
            .then(|| object.keys().next().and_then(|key| key.strip_prefix('$')).map(str::to_owned))
            .flatten();
        let Some(mark) = mark else { return map_from_marked(object) };
        let content = object.remove(&format!("${mark}")).unwrap_or_default();
        match (mark.as_str(), content) {
            ("secret", content) => Ok(Self::from_marked_json(content)?.into_secret()),
            ("unknown", _) => Ok(Self::Unknown),
            ("asset", Json::String(digest)) => {
                digest.parse().map(Self::Asset).map_err(|error: crate::AssetError| error.to_string())
            }
            ("map", Json::Object(entries)) => map_from_marked(entries),
            _ => Err(format!("`${mark}` is not a mark that this version knows")),
        }
    }
}

fn map_from_marked(entries: JsonMap<String, Json>) -> Result<Value, String> {
    entries
        .into_iter()
        .map(|(key, value)| Ok((key, Value::from_marked_json(value)?)))
        .collect::<Result<Map, String>>()
        .map(Value::Map)
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => Self::Number(number),
            Json::String(text) => Self::String(text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Json::Object(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_marked_json(false).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_marked_json(Json::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// For `#[serde(with = "…")]` on fields that a store seals before it writes them: secrets are kept, as
/// `{"$secret": …}`.
pub mod revealing {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Value};

    /// Writes the value with its secrets in the clear.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_marked_json(true).serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    ///
    /// # Errors
    /// Those of the deserializer, and unknown marks.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Kept(#[serde(with = "revealing")] Value);

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Number(number.into())),
            ".*".prop_map(Value::String),
            Just(Value::Unknown),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("[$a-z]{0,8}", inner.clone(), 0..4)
                    .prop_map(|map| Value::Map(map.into_iter().collect())),
                inner.prop_map(Value::into_secret),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_kept_value_reads_back_as_it_was(value in any_value()) {
            let text = serde_json::to_string(&Kept(value.clone())).unwrap();
            let Kept(read) = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn plain_serialization_never_writes_a_secret() {
        let value = Value::Map(Map::from([("password".to_owned(), Value::from("hunter2").into_secret())]));
        assert_eq!(serde_json::to_value(&value).unwrap(), json!({"password": {"$secret": null}}));
        assert_eq!(value.to_shown_json(), json!({"password": "[secret]"}));
        assert_eq!(value.to_request_json(), Some(json!({"password": "hunter2"})));
    }

    #[test]
    fn a_path_below_a_secret_is_secret_and_below_an_unknown_unknown() {
        let value = Value::Map(Map::from([
            ("payload".to_owned(), Value::from(json!({"data": "x"})).into_secret()),
            ("uri".to_owned(), Value::Unknown),
        ]));
        let at = |path: &str| value.at(&path.parse().unwrap());
        assert_eq!(at("payload.data"), Some(Value::from("x").into_secret()));
        assert_eq!(at("uri.host"), Some(Value::Unknown));
        assert_eq!(at("nothing"), None);
    }

    #[test]
    fn maps_are_laid_over_key_by_key() {
        let base = Value::from(json!({"a": {"b": 1, "c": 2}, "d": [1]}));
        let upper = Value::from(json!({"a": {"b": 3}, "d": [2]}));
        assert_eq!(upper.over(base), Value::from(json!({"a": {"b": 3, "c": 2}, "d": [2]})));
    }
}
