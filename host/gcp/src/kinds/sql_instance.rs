//! Cloud SQL instances: after a deletion a read or a second deletion may answer 403.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::Driver;
use crate::error::CallError;
use crate::work::Work;

pub(super) struct SqlInstance;

#[async_trait]
impl Driver for SqlInstance {
    async fn read(&self, work: &Work<'_>, identity: Option<&str>) -> Result<Option<Json>, CallError> {
        match work.read(identity).await {
            Err(error) if is_missing(&error) => Ok(None),
            other => other,
        }
    }

    fn is_gone(&self, error: &CallError) -> bool {
        error.is_status(404) || is_missing(error)
    }
}

/// "The client is not authorized to make this request", reason `notAuthorized`, is also what an instance
/// answers that does not exist.
fn is_missing(error: &CallError) -> bool {
    matches!(error, CallError::Refused { refusal, .. }
        if refusal.reason == "instanceDoesNotExist" || (refusal.status == 403 && refusal.reason == "notAuthorized"))
}
