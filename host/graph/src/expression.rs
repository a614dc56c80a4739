//! Declared data: JSON with references to what is known only later.

use serde_json::{Value as Json, json};

use crate::function::scalar_text;
use crate::{AssetDigest, Function, PropertyMap, PropertyPath, Urn, Value};

/// An attribute of another resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The resource.
    pub urn: Urn,
    /// The attribute, e.g., `ipAddresses[0].ipAddress`.
    pub path: PropertyPath,
}

/// Data as a program declares it.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// JSON `null`.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// A string without references.
    String(String),
    /// A list.
    List(Vec<Expression>),
    /// A map.
    Map(PropertyMap<Expression>),
    /// An attribute of another resource, of whatever type it has.
    Attribute(Reference),
    /// Texts joined to one, from a string that holds references.
    Concatenation(Vec<Expression>),
    /// A function applied to arguments.
    Call {
        /// The function.
        function: Function,
        /// Its arguments.
        arguments: Vec<Expression>,
    },
    /// A secret of the configuration, by its key.
    SecretConfig(String),
    /// The archive of a directory.
    Asset(AssetDigest),
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// The resource has no such attribute.
    #[error("`{urn}` has no attribute `{path}`.")]
    NoAttribute {
        /// The resource.
        urn: Urn,
        /// The attribute.
        path: PropertyPath,
    },
    /// The configuration has no such secret.
    #[error("the secret `{0}` is not set: name it under `[secrets]` in the TOML file beside the stack.")]
    NoSecret(String),
    /// A list or map was put into a string.
    #[error("a {0} cannot be part of a string: use `join` or `json`.")]
    NotText(&'static str),
    /// A function refused its arguments.
    #[error("{0}.")]
    Function(String),
}

/// Where an expression finds the values that it refers to.
pub trait Scope {
    /// The value of an attribute, perhaps [`Value::Unknown`].
    ///
    /// # Errors
    /// [`EvaluateError::NoAttribute`].
    fn attribute(&self, reference: &Reference) -> Result<Value, EvaluateError>;

    /// A secret of the configuration, in the clear; evaluation marks it as secret.
    ///
    /// # Errors
    /// [`EvaluateError::NoSecret`].
    fn secret(&self, key: &str) -> Result<Value, EvaluateError>;
}

impl Expression {
    /// The value in a scope. What depends on an unknown is unknown, what depends on a secret is secret.
    ///
    /// # Errors
    /// The first [`EvaluateError`] met, in order.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluateError> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.clone()),
            Self::Asset(digest) => Value::Asset(digest.clone()),
            Self::List(items) => {
                Value::List(items.iter().map(|item| item.evaluate(scope)).collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), item.evaluate(scope)?)))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Attribute(reference) => scope.attribute(reference)?,
            Self::SecretConfig(key) => scope.secret(key)?.into_secret(),
            Self::Concatenation(parts) => {
                let parts = parts.iter().map(|part| part.evaluate(scope)).collect::<Result<Vec<_>, _>>()?;
                lifted(&parts, |plain| {
                    let texts = plain
                        .iter()
                        .map(|part| scalar_text(part).ok_or_else(|| EvaluateError::NotText(type_name(part))));
                    Ok(Value::String(texts.collect::<Result<String, _>>()?))
                })?
            }
            Self::Call { function, arguments } => {
                let arguments =
                    arguments.iter().map(|item| item.evaluate(scope)).collect::<Result<Vec<_>, _>>()?;
                lifted(&arguments, |plain| function.apply(plain).map_err(EvaluateError::Function))?
            }
        })
    }

    /// Calls `visit` for each reference to another resource.
    pub fn visit_references<'a>(&'a self, visit: &mut dyn FnMut(&'a Reference)) {
        match self {
            Self::Attribute(reference) => visit(reference),
            Self::List(items) | Self::Concatenation(items) | Self::Call { arguments: items, .. } => {
                items.iter().for_each(|item| item.visit_references(visit));
            }
            Self::Map(entries) => entries.values().for_each(|item| item.visit_references(visit)),
            _ => {}
        }
    }

    /// JSON that shows the structure, with references as `{"$attribute": "URN#path"}` and the like.
    pub fn to_shown_json(&self) -> Json {
        let all = |items: &[Self]| items.iter().map(Self::to_shown_json).collect::<Vec<_>>();
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => json!(flag),
            Self::Number(number) => json!(number),
            Self::String(text) => json!(text),
            Self::List(items) => json!(all(items)),
            Self::Map(entries) => {
                entries.iter().map(|(key, item)| (key.clone(), item.to_shown_json())).collect()
            }
            Self::Attribute(Reference { urn, path }) => json!({"$attribute": format!("{urn}#{path}")}),
            Self::Concatenation(parts) => json!({"$concatenation": all(parts)}),
            Self::Call { function, arguments } => {
                json!({"$call": function.name(), "arguments": all(arguments)})
            }
            Self::SecretConfig(key) => json!({"$secretConfig": key}),
            Self::Asset(digest) => json!({"$asset": digest}),
        }
    }
}

/// Applies a function of plain values to values that may hold unknown or secret parts.
fn lifted(
    values: &[Value],
    function: impl FnOnce(&[Value]) -> Result<Value, EvaluateError>,
) -> Result<Value, EvaluateError> {
    let secret = values.iter().any(Value::has_secret);
    let result = if values.iter().any(Value::has_unknown) {
        Value::Unknown
    } else {
        function(&values.iter().map(without_marks).collect::<Vec<_>>())?
    };
    Ok(if secret { result.into_secret() } else { result })
}

fn without_marks(value: &Value) -> Value {
    match value {
        Value::Secret(inner) => without_marks(inner),
        Value::List(items) => Value::List(items.iter().map(without_marks).collect()),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.clone(), without_marks(value))).collect())
        }
        plain => plain.clone(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Asset(_) => "file",
        _ => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture;

    impl Scope for Fixture {
        fn attribute(&self, reference: &Reference) -> Result<Value, EvaluateError> {
            match reference.path.to_string().as_str() {
                "uri" => Ok(Value::Unknown),
                "port" => Ok(Value::from(json!(5432))),
                "password" => Ok(Value::from("p w").into_secret()),
                "tags" => Ok(Value::from(json!(["a", "b"]))),
                _ => Err(EvaluateError::NoAttribute {
                    urn: reference.urn.clone(),
                    path: reference.path.clone(),
                }),
            }
        }

        fn secret(&self, key: &str) -> Result<Value, EvaluateError> {
            if key == "token" { Ok("t".into()) } else { Err(EvaluateError::NoSecret(key.to_owned())) }
        }
    }

    fn attribute(path: &str) -> Expression {
        Expression::Attribute(Reference { urn: "std/Value::x".parse().unwrap(), path: path.parse().unwrap() })
    }

    fn text(text: &str) -> Expression {
        Expression::String(text.to_owned())
    }

    #[test]
    fn concatenation_keeps_types_taint_and_ignorance() {
        let join = |parts| Expression::Concatenation(parts).evaluate(&Fixture);
        assert_eq!(join(vec![text("host:"), attribute("port")]), Ok("host:5432".into()));
        assert_eq!(join(vec![text("x"), attribute("uri")]), Ok(Value::Unknown));
        assert_eq!(join(vec![text("x"), attribute("password")]), Ok(Value::from("xp w").into_secret()));
        assert_eq!(join(vec![attribute("uri"), attribute("password")]), Ok(Value::Unknown.into_secret()));
        assert_eq!(join(vec![attribute("tags")]), Err(EvaluateError::NotText("list")));
    }

    #[test]
    fn a_function_of_a_secret_is_secret() {
        let call = Expression::Call { function: Function::UrlEncode, arguments: vec![attribute("password")] };
        assert_eq!(call.evaluate(&Fixture), Ok(Value::from("p%20w").into_secret()));
        let secret = Expression::SecretConfig("token".to_owned());
        assert_eq!(secret.evaluate(&Fixture), Ok(Value::from("t").into_secret()));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            attribute("url").evaluate(&Fixture).unwrap_err().to_string(),
            "`std/Value::x` has no attribute `url`."
        );
        assert!(Expression::SecretConfig("k".to_owned()).evaluate(&Fixture).is_err());
    }
}
