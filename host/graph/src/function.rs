//! The closed set of functions that a program may apply to values it does not know yet.

use std::fmt::Write as _;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Value;

/// Everything but the unreserved characters of RFC 3986.
const URL_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A function of the contract's `call`. Adding one is a compatible change; changing one is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// `base64(text)`: standard alphabet with padding.
    Base64,
    /// `join(separator, list…)`: the texts with the separator between them; lists are flattened.
    Join,
    /// `json(value)`: compact JSON with sorted keys.
    Json,
    /// `lower(text)`.
    Lower,
    /// `sha256(text)`: lower-case hexadecimal.
    Sha256,
    /// `url-encode(text)`: every byte but RFC 3986's unreserved characters as `%XX`.
    UrlEncode,
}

impl Function {
    /// All functions, by their names in the contract.
    pub const ALL: &[(&str, Self)] = &[
        ("base64", Self::Base64),
        ("join", Self::Join),
        ("json", Self::Json),
        ("lower", Self::Lower),
        ("sha256", Self::Sha256),
        ("url-encode", Self::UrlEncode),
    ];

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }

    /// Applies the function to known, plain arguments. The caller deals with unknown and secret ones.
    ///
    /// # Errors
    /// A phrase that says which argument does not fit.
    pub(crate) fn apply(self, arguments: &[Value]) -> Result<Value, String> {
        let single = || match arguments {
            [argument] => Ok(argument),
            _ => Err(format!("`{}` takes 1 argument, not {}", self.name(), arguments.len())),
        };
        let text =
            |argument: &Value| scalar_text(argument).ok_or_else(|| format!("`{}` takes text", self.name()));
        Ok(Value::String(match self {
            Self::Base64 => STANDARD.encode(text(single()?)?),
            Self::Lower => text(single()?)?.to_lowercase(),
            Self::UrlEncode => utf8_percent_encode(&text(single()?)?, URL_COMPONENT).to_string(),
            Self::Sha256 => {
                Sha256::digest(text(single()?)?).iter().fold(String::new(), |mut digits, byte| {
                    let _ = write!(digits, "{byte:02x}");
                    digits
                })
            }
            Self::Json => single()?.to_request_json().map(|json| json.to_string()).unwrap_or_default(),
            Self::Join => {
                let (separator, parts) =
                    arguments.split_first().ok_or("`join` takes a separator and parts")?;
                let mut texts = Vec::new();
                for part in parts {
                    match part {
                        Value::List(items) => {
                            texts.extend(items.iter().map(text).collect::<Result<Vec<_>, _>>()?);
                        }
                        scalar => texts.push(text(scalar)?),
                    }
                }
                texts.join(&text(separator)?)
            }
        }))
    }
}

impl FromStr for Function {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, function)| *function).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("There is no function `{name}`; there are {}.", names.join(", "))
        })
    }
}

/// How a scalar reads inside a string.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(name: &str, arguments: &[Value]) -> Result<String, String> {
        let value = name.parse::<Function>()?.apply(arguments)?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn functions_do_what_their_names_say() {
        assert_eq!(apply("base64", &["hello".into()]).unwrap(), "aGVsbG8=");
        assert_eq!(apply("url-encode", &["a b/ü~".into()]).unwrap(), "a%20b%2F%C3%BC~");
        assert_eq!(apply("lower", &["AbC".into()]).unwrap(), "abc");
        assert_eq!(
            apply("sha256", &["".into()]).unwrap(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let list = Value::List(vec!["b".into(), Value::Bool(true)]);
        assert_eq!(apply("join", &[",".into(), "a".into(), list]).unwrap(), "a,b,true");
        let map = Value::from(serde_json::json!({"b": 1, "a": [null]}));
        assert_eq!(apply("json", &[map]).unwrap(), r#"{"a":[null],"b":1}"#);
    }

    #[test]
    fn wrong_arguments_are_named() {
        assert_eq!(apply("base64", &[]).unwrap_err(), "`base64` takes 1 argument, not 0");
        assert_eq!(apply("lower", &[Value::Null]).unwrap_err(), "`lower` takes text");
        assert!(apply("rot13", &[]).unwrap_err().contains("`url-encode`"));
    }
}
