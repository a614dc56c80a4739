//! What can go wrong with a call, and how it is said.

use std::collections::BTreeMap;
use std::time::Duration;

use mlflow_host_engine::ProviderError;
use serde_json::Value as Json;

use crate::credentials::CredentialError;

/// An answer that is an error, of an HTTP call or of a long-running operation, in one shape.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Refusal {
    /// Host of the API, e.g., `run.googleapis.com`.
    pub service: String,
    /// HTTP status; for an operation the one that its code stands for.
    pub status: u16,
    /// The most specific machine-readable word: `ErrorInfo.reason`, else the reason of the first of
    /// `errors`, else the status name.
    pub reason: String,
    /// The status name, e.g., `FAILED_PRECONDITION`; may be empty (sqladmin sends none).
    pub status_name: String,
    /// What Google said.
    pub message: String,
    /// Metadata of `ErrorInfo`.
    pub metadata: BTreeMap<String, String>,
    /// After how many seconds Google wants to be asked again, if it said so.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// Reads the body of an HTTP error; a body that is not Google's JSON becomes the message.
    pub(crate) fn from_body(service: &str, status: u16, body: &[u8]) -> Self {
        let text = || String::from_utf8_lossy(body).trim().chars().take(500).collect::<String>();
        let parsed = serde_json::from_slice::<Json>(body).ok();
        match parsed.as_ref().and_then(|json| json.get("error")).filter(|error| error.is_object()) {
            Some(error) => Self::from_error(service, status, error),
            None => {
                Self { service: service.to_owned(), status, message: text(), ..Self::default() }.completed()
            }
        }
    }

    /// Reads the `error` of a google.longrunning operation (`code` is a google.rpc code).
    pub(crate) fn from_rpc(service: &str, error: &Json) -> Self {
        let code = error.get("code").and_then(Json::as_i64).unwrap_or(2);
        let (status, name) = RPC_CODES
            .iter()
            .find(|(known, ..)| *known == code)
            .map_or((500, "UNKNOWN"), |(_, status, name)| (*status, *name));
        let mut refusal = Self::from_error(service, status, error);
        refusal.status_name = name.to_owned();
        if refusal.reason.is_empty() {
            refusal.reason = name.to_owned();
        }
        refusal
    }

    /// Reads the `error.errors[]` of a compute or sqladmin operation.
    pub(crate) fn from_operation_errors(service: &str, status: u16, error: &Json) -> Self {
        let errors = error.get("errors").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let message = errors
            .iter()
            .filter_map(|error| error.get("message").and_then(Json::as_str).filter(|text| !text.is_empty()))
            .collect::<Vec<_>>()
            .join("; ");
        let reason = errors.first().and_then(|error| text(error, "code")).unwrap_or_default();
        Self { service: service.to_owned(), status, reason, message, ..Self::default() }.completed()
    }

    fn from_error(service: &str, status: u16, error: &Json) -> Self {
        let info =
            error.get("details").and_then(Json::as_array).into_iter().flatten().find(|detail| {
                text(detail, "@type").is_some_and(|name| name.ends_with("google.rpc.ErrorInfo"))
            });
        let first = error.get("errors").and_then(Json::as_array).and_then(|errors| errors.first());
        let status_name = text(error, "status").unwrap_or_default();
        let reason = info
            .and_then(|info| text(info, "reason"))
            .or_else(|| first.and_then(|first| text(first, "reason")))
            .unwrap_or_else(|| status_name.clone());
        let metadata = info
            .and_then(|info| info.get("metadata"))
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let message = text(error, "message").unwrap_or_default();
        Self {
            service: service.to_owned(),
            status,
            reason,
            status_name,
            message,
            metadata,
            retry_after: None,
        }
        .completed()
    }

    fn completed(mut self) -> Self {
        if self.message.is_empty() {
            self.message = match self.reason.as_str() {
                "" => format!("status {} without a message", self.status),
                reason => format!("status {} ({reason}) without a message", self.status),
            };
        }
        self
    }
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}

/// google.rpc.Code: number, the HTTP status it maps to, name.
const RPC_CODES: &[(i64, u16, &str)] = &[
    (1, 499, "CANCELLED"),
    (2, 500, "UNKNOWN"),
    (3, 400, "INVALID_ARGUMENT"),
    (4, 504, "DEADLINE_EXCEEDED"),
    (5, 404, "NOT_FOUND"),
    (6, 409, "ALREADY_EXISTS"),
    (7, 403, "PERMISSION_DENIED"),
    (8, 429, "RESOURCE_EXHAUSTED"),
    (9, 400, "FAILED_PRECONDITION"),
    (10, 409, "ABORTED"),
    (11, 400, "OUT_OF_RANGE"),
    (12, 501, "UNIMPLEMENTED"),
    (13, 500, "INTERNAL"),
    (14, 503, "UNAVAILABLE"),
    (15, 500, "DATA_LOSS"),
    (16, 401, "UNAUTHENTICATED"),
];

/// Why a call, or what was built on it, did not succeed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum CallError {
    /// Google said no, and asking again would not help.
    #[error("{}", .refusal.message)]
    Refused {
        /// What it said.
        refusal: Box<Refusal>,
        /// What to do about it, if known.
        hint: Option<String>,
    },
    /// Not yet: the cause goes away by itself, later than a request should wait.
    #[error("{note}: {}", .refusal.message)]
    NotYet {
        /// What Google said.
        refusal: Box<Refusal>,
        /// When to ask again.
        after: Duration,
        /// How long it is worth asking.
        patience: Duration,
        /// What is being waited for, in a few words.
        note: &'static str,
    },
    /// What was sent rests on an old copy of the resource.
    #[error("{}", .refusal.message)]
    Conflict {
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// The request may or may not have arrived.
    #[error("no answer from {service}: {cause}")]
    Network {
        /// Host of the API.
        service: String,
        /// What the HTTP client said.
        cause: String,
        /// Whether the request certainly never left.
        unsent: bool,
    },
    /// No token.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The answer is not what the API promises.
    #[error("{service} answered in a way that is not understood: {what}")]
    Unexpected {
        /// Host of the API.
        service: String,
        /// What is wrong with it, as a clause.
        what: String,
    },
    /// Nothing was sent, because something the request needs is wrong or missing.
    #[error("{0}")]
    Invalid(String),
    /// The provider was told not to use the network.
    #[error("this run is offline, so nothing can be read from or sent to {0}")]
    Offline(String),
    /// A finished error with its advice and what is left.
    #[error("{0}")]
    Final(Box<ProviderError>),
}

impl CallError {
    /// A refusal with that HTTP status.
    pub(crate) fn is_status(&self, status: u16) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == status)
    }

    /// What Google said, if it said something.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::NotYet { refusal, .. } | Self::Conflict { refusal } => {
                Some(refusal)
            }
            _ => None,
        }
    }

    /// Whether the request may have had its effect although it failed.
    pub(crate) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Network { unsent, .. } => !unsent,
            Self::Refused { refusal, .. } | Self::NotYet { refusal, .. } => refusal.status >= 500,
            Self::Unexpected { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn unexpected(service: &str, what: impl Into<String>) -> Self {
        Self::Unexpected { service: service.to_owned(), what: what.into() }
    }

    /// The error as the engine shows it: what was tried, what Google said, what to do, and whether the
    /// request may have had its effect.
    pub(crate) fn into_provider_error(self, attempt: &str) -> ProviderError {
        let error = ProviderError::new(format!("{attempt}: {}", sentence(&self.to_string())));
        let error = if self.is_ambiguous() { error.with_uncertain_fate() } else { error };
        match self {
            Self::Final(finished) => *finished,
            Self::Refused { hint: Some(hint), .. } => error.with_hint(hint),
            Self::Credentials(_) => error.with_hint(
                "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials (docs/operations.md).",
            ),
            Self::Offline(_) => error.with_hint("Run it again without --offline."),
            _ => error,
        }
    }
}

/// The text with a full stop, unless it ends like a sentence already, or like a log.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.contains('\n') || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn google_errors_of_every_shape_are_read() {
        let disabled = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Cloud Run Admin API has not been used in project p before or it is disabled.",
            "details": [{"@type": "type.googleapis.com/google.rpc.Help"},
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com",
                 "metadata": {"service": "run.googleapis.com", "consumer": "projects/p"}}]}});
        let refusal = Refusal::from_body("run.googleapis.com", 403, disabled.to_string().as_bytes());
        assert_eq!(
            (refusal.reason.as_str(), refusal.metadata["consumer"].as_str()),
            ("SERVICE_DISABLED", "projects/p")
        );

        let sql = json!({"error": {"code": 404, "message": "The Cloud SQL instance does not exist.",
            "errors": [{"domain": "global", "reason": "instanceDoesNotExist", "message": "…"}]}});
        let refusal = Refusal::from_body("sqladmin.googleapis.com", 404, sql.to_string().as_bytes());
        assert_eq!((refusal.reason.as_str(), refusal.status_name.as_str()), ("instanceDoesNotExist", ""));

        let refusal = Refusal::from_rpc("run.googleapis.com", &json!({"code": 9, "message": "no"}));
        assert_eq!((refusal.status, refusal.reason.as_str()), (400, "FAILED_PRECONDITION"));

        let errors = json!({"errors": [{"code": "RESOURCE_IN_USE", "message": "one"}, {"code": "B", "message": "two"}]});
        let refusal = Refusal::from_operation_errors("compute.googleapis.com", 400, &errors);
        assert_eq!((refusal.reason.as_str(), refusal.message.as_str()), ("RESOURCE_IN_USE", "one; two"));

        let refusal = Refusal::from_body("run.googleapis.com", 502, b"<html>Bad Gateway</html>");
        assert_eq!(refusal.message, "<html>Bad Gateway</html>");
        assert_eq!(Refusal::from_body("x", 500, b"").message, "status 500 without a message");
    }
}
