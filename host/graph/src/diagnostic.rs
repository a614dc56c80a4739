//! What is wrong with a declaration, or worth knowing about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing can be done before this is mended.
    Error,
    /// Worth a look.
    Warning,
}

/// One finding, at one place of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for machines, e.g., `unknown-property`.
    pub code: String,
    /// Kind and name of the resource, e.g., `run.googleapis.com/Service::mlflow`, if there is one.
    pub subject: Option<String>,
    /// Path of the property inside the resource, if there is one.
    pub path: Option<String>,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            subject: None,
            path: None,
            message: message.into(),
        }
    }

    /// A warning without a place.
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same finding about a resource.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same finding at a property.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(formatter, "{subject}: ")?;
        }
        match &self.path {
            Some(path) if !path.is_empty() => write!(formatter, "`{path}`: {}", self.message),
            _ => formatter.write_str(&self.message),
        }
    }
}
