//! What a stack may know: its configuration and its target.

use crate::contract;
use crate::{Error, Output, Result};

/// The stack and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The stack's name, e.g., `dev`.
    pub name: String,
    /// The project's id.
    pub project: String,
    /// The region, e.g., `europe-west1`.
    pub region: String,
}

/// The stack and its target.
pub fn stack() -> Stack {
    let found = contract::config_stack();
    Stack { name: found.name, project: found.project, region: found.region }
}

/// The value of a key, if it is set: a string as it is, anything else as its JSON text.
pub fn get(key: &str) -> Option<String> {
    contract::config_get(key)
}

/// The value of a key that must be set.
///
/// # Errors
/// When it is not.
#[track_caller]
pub fn require(key: &str) -> Result<String> {
    match get(key) {
        Some(value) => Ok(value),
        None => Err(missing("configuration key", key, &format!("{key} VALUE"))),
    }
}

/// A whole number, if the key is set.
///
/// # Errors
/// When the value is something else.
#[track_caller]
pub fn integer(key: &str) -> Result<Option<i64>> {
    parsed(key, "a whole number", |text| text.trim().parse().ok())
}

/// A number, if the key is set.
///
/// # Errors
/// When the value is something else.
#[track_caller]
pub fn number(key: &str) -> Result<Option<f64>> {
    parsed(key, "a number", |text| text.trim().parse().ok().filter(|number: &f64| number.is_finite()))
}

/// `true` or `false`, if the key is set.
///
/// # Errors
/// When the value is something else.
#[track_caller]
pub fn boolean(key: &str) -> Result<Option<bool>> {
    parsed(key, "`true` or `false`", |text| text.trim().parse().ok())
}

/// A list of strings, if the key is set: a list in the file, or one string with commas.
///
/// # Errors
/// When the value is something else.
#[track_caller]
pub fn list(key: &str) -> Result<Option<Vec<String>>> {
    parsed(key, "a list of strings", |text| {
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text).ok();
        }
        Some(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
    })
}

/// A secret, if it is set. The program never sees its value.
pub fn secret(key: &str) -> Option<Output> {
    contract::config_secret(key).map(|token| Output::from_token(Some(token)))
}

/// A secret that must be set.
///
/// # Errors
/// When it is not.
#[track_caller]
pub fn require_secret(key: &str) -> Result<Output> {
    match secret(key) {
        Some(secret) => Ok(secret),
        None => Err(missing("secret", key, &format!("--secret {key} env:NAME"))),
    }
}

#[track_caller]
fn missing(what: &str, key: &str, arguments: &str) -> Error {
    Error::new(format!("The {what} `{key}` is not set: run `mlflow-host config set STACK.wasm {arguments}`."))
}

#[track_caller]
fn parsed<T>(key: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
    let Some(text) = get(key) else { return Ok(None) };
    match parse(&text) {
        Some(value) => Ok(Some(value)),
        None => Err(Error::new(format!("The configuration key `{key}` must be {expected}, not `{text}`."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;

    #[test]
    fn values_are_read_by_type() {
        let fake = Fake::default()
            .config("count", "3")
            .config("rate", "0.5")
            .config("open", "true")
            .config("hosts", r#"["a","b"]"#)
            .config("names", "c, d")
            .secret("token");
        fake.run(|| {
            assert_eq!(integer("count")?, Some(3));
            assert_eq!(number("rate")?, Some(0.5));
            assert_eq!(boolean("open")?, Some(true));
            assert_eq!(boolean("shut")?, None);
            assert_eq!(list("hosts")?, Some(vec!["a".to_owned(), "b".to_owned()]));
            assert_eq!(list("names")?, Some(vec!["c".to_owned(), "d".to_owned()]));
            assert!(secret("token").is_some());
            assert!(secret("count").is_none());
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_is_missing_or_ill_typed_is_named() {
        Fake::default()
            .config("count", "many")
            .run(|| {
                assert_eq!(
                    integer("count").unwrap_err().message(),
                    "The configuration key `count` must be a whole number, not `many`."
                );
                assert_eq!(
                    require("location").unwrap_err().message(),
                    "The configuration key `location` is not set: run `mlflow-host config set STACK.wasm location VALUE`."
                );
                assert_eq!(
                    require_secret("token").unwrap_err().message(),
                    "The secret `token` is not set: run `mlflow-host config set STACK.wasm --secret token env:NAME`."
                );
                Ok(())
            })
            .unwrap();
    }
}
