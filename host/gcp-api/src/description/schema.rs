//! The shape of a message or field.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The shape of a message, a field or an element. Either `reference` names another schema, or
/// `kind` and its parts say the shape; the flags belong to the place where the schema stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    /// JSON type; meaningless when `reference` is set.
    #[serde(default, rename = "type")]
    pub kind: SchemaType,
    /// Name of the schema that this one stands for.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Format within the type: `int32`, `int64` (a string in JSON), `byte` (base64), `double`,
    /// `google-datetime`, `google-duration`, `google-fieldmask`, `date-time`, ….
    pub format: Option<String>,
    /// Allowed values; empty when any value is.
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    /// Shape of the elements of a list.
    pub items: Option<Box<Schema>>,
    /// Fields of an object.
    #[serde(default)]
    pub properties: BTreeMap<String, Schema>,
    /// Shape of the values of a map.
    pub additional_properties: Option<Box<Schema>>,
    /// Set by the server only. Discovery's flag, or its prose; incomplete (see `kinds`).
    #[serde(default)]
    pub output_only: bool,
    /// Required where its parent is present, as discovery's prose says.
    #[serde(default)]
    pub required: bool,
    /// Ids of the methods that require the field.
    #[serde(default)]
    pub required_by: Vec<String>,
    /// Said to be immutable by discovery's prose; almost never said (see `kinds`).
    #[serde(default)]
    pub immutable: bool,
    /// Deprecated by Google.
    #[serde(default)]
    pub deprecated: bool,
}

/// JSON types of discovery documents.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaType {
    /// Anything.
    #[default]
    Any,
    /// A list.
    Array,
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits; wider ones are strings with a format.
    Integer,
    /// A floating-point number.
    Number,
    /// A message or map.
    Object,
    /// Text, or what a format makes of it.
    String,
}
