//! Errors as Google answers them, in the two shapes that its APIs use.

use serde_json::{Value, json};

use crate::data::file::FileError;

/// How an API writes its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    /// `{error:{code,message,status,details}}`, the shape of newer APIs.
    Rpc,
    /// `{error:{code,message,errors:[{message,domain,reason}]}}`: Compute Engine, Cloud Storage
    /// and Cloud SQL, which give no `status`.
    Legacy,
}

impl ErrorShape {
    /// The shape of the API `name` (`compute.v1`).
    pub(crate) fn of(api: &str) -> Self {
        let service = api.split('.').next().unwrap_or(api);
        match service {
            "compute" | "storage" | "sqladmin" => Self::Legacy,
            _ => Self::Rpc,
        }
    }
}

/// A refusal, independent of the shape in which it is written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code} {status}: {message}")]
pub(crate) struct ApiError {
    /// HTTP status code.
    pub(crate) code: u16,
    /// Name of the canonical code, e.g. `NOT_FOUND`.
    pub(crate) status: &'static str,
    /// Reason in the legacy shape, e.g. `notFound`.
    pub(crate) reason: &'static str,
    /// Google's text.
    pub(crate) message: String,
    /// `google.rpc` details, each with its `@type`.
    pub(crate) details: Vec<Value>,
    /// Whether the request breaks Google's description of the API.
    pub(crate) violation: bool,
}

impl ApiError {
    fn new(code: u16, status: &'static str, reason: &'static str, message: String) -> Self {
        Self { code, status, reason, message, details: Vec::new(), violation: false }
    }

    /// 400: the request is wrong in itself.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", "invalid", message.into())
    }

    /// 400: the request is right but not in the present state.
    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        Self::new(400, "FAILED_PRECONDITION", "failedPrecondition", message.into())
    }

    /// 403: the caller, or the account acting for it, may not.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", "forbidden", message.into())
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", "notFound", message.into())
    }

    /// 409: the name is taken.
    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(409, "ALREADY_EXISTS", "alreadyExists", message.into())
    }

    /// 409: somebody else changed it in between.
    pub(crate) fn aborted(message: impl Into<String>) -> Self {
        Self::new(409, "ABORTED", "conflict", message.into())
    }

    /// 412: an `if…Match` condition or a fingerprint does not hold.
    pub(crate) fn condition_not_met(message: impl Into<String>) -> Self {
        Self::new(412, "FAILED_PRECONDITION", "conditionNotMet", message.into())
    }

    /// 500: the local cloud itself failed.
    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, "INTERNAL", "backendError", format!("The local cloud failed: {message}"))
    }

    /// 501: a method of Google's that the local cloud does not serve.
    pub(crate) fn unimplemented(method: &str) -> Self {
        Self::new(
            501,
            "UNIMPLEMENTED",
            "notImplemented",
            format!("The local cloud does not serve the method {method}."),
        )
    }

    /// The same error with another legacy reason.
    pub(crate) fn reason(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    /// The same error with another HTTP status.
    pub(crate) fn code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// The same error with one more detail.
    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// The response body.
    pub(crate) fn body(&self, shape: ErrorShape) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        match shape {
            ErrorShape::Rpc => error["status"] = self.status.into(),
            ErrorShape::Legacy => {
                error["errors"] = json!([
                    {"message": self.message, "domain": "global", "reason": self.reason}
                ]);
            }
        }
        if !self.details.is_empty() {
            error["details"] = self.details.clone().into();
        }
        json!({"error": error})
    }
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_shapes() {
        let error = ApiError::not_found("It is not there.");
        insta::assert_snapshot!(error.body(ErrorShape::of("run.v2")), @r#"{"error":{"code":404,"message":"It is not there.","status":"NOT_FOUND"}}"#);
        insta::assert_snapshot!(error.body(ErrorShape::of("compute.v1")), @r#"{"error":{"code":404,"errors":[{"domain":"global","message":"It is not there.","reason":"notFound"}],"message":"It is not there."}}"#);
    }
}
