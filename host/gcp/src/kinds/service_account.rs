//! Service accounts: new ones take a while to be known, and missing ones may answer 403.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::Driver;
use crate::error::CallError;
use crate::tree::json_text;
use crate::work::Work;

pub(super) struct ServiceAccount;

#[async_trait]
impl Driver for ServiceAccount {
    async fn read(&self, work: &Work<'_>, identity: Option<&str>) -> Result<Option<Json>, CallError> {
        match work.read(identity).await {
            Err(error) if is_missing(&error) => Ok(None),
            other => other,
        }
    }

    fn made(&self, work: &Work<'_>, body: &Json) {
        work.session.client.facts.created_account(json_text(body, "email"));
    }

    fn is_gone(&self, error: &CallError) -> bool {
        error.is_status(404) || is_missing(error)
    }
}

/// IAM does not tell a stranger whether an account exists: "denied on resource (or it may not exist)".
fn is_missing(error: &CallError) -> bool {
    matches!(error, CallError::Refused { refusal, .. } if refusal.status == 403 && refusal.message.contains("may not exist"))
}
