//! Values that are known only when the stack is applied.

use std::fmt;

use crate::{Any, Input};
use crate::{author, contract};

/// A value that is known only later: an attribute of a resource, a secret, the result of a function.
///
/// It goes into any property, and into any string: `format!("https://{}/health", service.uri())`. What
/// it holds meanwhile is a token of the host; do not cut it or change its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output(String);

impl Output {
    pub(crate) fn from_token(token: Option<String>) -> Self {
        Self(token.unwrap_or_else(|| contract::NOTHING.to_owned()))
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Output> for String {
    fn from(output: Output) -> Self {
        output.0
    }
}

/// Sets an output of the stack.
#[track_caller]
pub fn output(name: &str, value: impl Into<Input<Any>>) {
    if let Some(value) = value.into().into_json() {
        author::noted(contract::output(name, &value.to_string()));
    }
}
