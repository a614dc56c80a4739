//! Long-running operations of the three styles.

use std::time::Duration;

use mlflow_host_gcp_api::kinds::{Kind, OperationStyle};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::client::{Call, Client};
use crate::error::{CallError, Refusal};
use crate::tree::{json_at, json_text};
use crate::variables::Variables;

/// How long one look may wait inside the server. Long enough to save polls, short enough to leave quickly.
const WAIT: Duration = Duration::from_secs(4);

/// Where an operation is to be found; complete, so that it can be read without knowing the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperationRef {
    /// Its style.
    pub style: Style,
    /// Host of the API.
    pub service: String,
    /// Path to read it, without leading slash.
    pub read: String,
    /// Path to wait for it (POST), where a wait returns the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
}

/// The shape of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Style {
    /// google.longrunning.
    LongRunning,
    /// compute#operation.
    Compute,
    /// sql#operation.
    Sql,
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    /// At work.
    Running,
    /// Ended well; the operation as last read.
    Done(Json),
    /// Ended badly.
    Failed(Refusal),
}

/// The style of an operation that a call answers with; `None` where the answer is the resource itself.
pub(crate) fn style(kind: &Kind, of_call: Option<OperationStyle>) -> Option<Style> {
    match of_call.or(kind.operation.as_ref().map(|calls| calls.style))? {
        OperationStyle::Immediate => None,
        OperationStyle::LongRunning => Some(Style::LongRunning),
        OperationStyle::Compute => Some(Style::Compute),
        OperationStyle::Sql => Some(Style::Sql),
    }
}

/// The place of the operation that `answer` is.
pub(crate) fn place(
    kind: &Kind,
    style: Style,
    answer: &Json,
    variables: Variables<'_>,
) -> Result<OperationRef, CallError> {
    let name = json_text(answer, "name");
    let calls =
        kind.operation.as_ref().filter(|_| !name.is_empty()).ok_or_else(|| {
            CallError::unexpected(&kind.service, "the answer to a change is not an operation")
        })?;
    let variables = variables.with_operation(name);
    let path = |template: &str| {
        variables.expand_path(template).map_err(|error| CallError::Invalid(error.to_string()))
    };
    Ok(OperationRef {
        style,
        service: kind.service.clone(),
        read: path(&calls.read.path)?,
        wait: calls.wait.as_ref().map(|call| path(&call.path)).transpose()?,
    })
}

/// How far the operation is that a server has just answered with.
pub(crate) fn stage(style: Style, service: &str, operation: &Json) -> Stage {
    let error = operation.get("error").filter(|error| !error.is_null());
    match style {
        Style::LongRunning => match error {
            Some(error) => Stage::Failed(Refusal::from_rpc(service, error)),
            None if operation.get("done") == Some(&Json::Bool(true)) => Stage::Done(operation.clone()),
            None => Stage::Running,
        },
        Style::Compute | Style::Sql if json_text(operation, "status") == "DONE" => match error {
            Some(error) => {
                let status = json_at(operation, "httpErrorStatusCode").and_then(Json::as_u64).unwrap_or(400);
                let status = u16::try_from(status).unwrap_or(400);
                Stage::Failed(Refusal::from_operation_errors(service, status, error))
            }
            None => Stage::Done(operation.clone()),
        },
        Style::Compute | Style::Sql => Stage::Running,
    }
}

/// Looks at an operation once. What cannot be read right now counts as running: an operation may not be
/// visible at first, and a passing failure to read says nothing about it.
pub(crate) async fn look(
    client: &Client,
    operation: &OperationRef,
    is_young: bool,
) -> Result<Stage, CallError> {
    let read = match &operation.wait {
        Some(wait) if !is_young => {
            let call = Call::new(&operation.service, "POST", wait).repeatable();
            // The timeout in the body is Google's to choose; Compute takes no body at all.
            let call = if operation.style == Style::Compute { call } else { call.json(json!({})) };
            match tokio::time::timeout(WAIT, client.json(&call)).await {
                Ok(answer) => answer,
                Err(_) => return Ok(Stage::Running),
            }
        }
        _ => client.json(&Call::new(&operation.service, "GET", &operation.read)).await,
    };
    match read {
        Ok(answer) => Ok(stage(operation.style, &operation.service, &answer)),
        Err(error) if error.is_status(404) && is_young => Ok(Stage::Running),
        Err(error @ CallError::Network { .. }) => {
            tracing::warn!(%error, "an operation could not be read");
            Ok(Stage::Running)
        }
        Err(error @ CallError::NotYet { .. }) => {
            tracing::debug!(%error, "an operation could not be read yet");
            Ok(Stage::Running)
        }
        Err(error) if error.is_ambiguous() => {
            tracing::warn!(%error, "an operation could not be read");
            Ok(Stage::Running)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_style_says_how_far_it_is() {
        let of = |style, operation: Json| match stage(style, "x.googleapis.com", &operation) {
            Stage::Running => "running".to_owned(),
            Stage::Done(_) => "done".to_owned(),
            Stage::Failed(refusal) => format!("{} {} {}", refusal.status, refusal.reason, refusal.message),
        };
        use Style::{Compute, LongRunning, Sql};
        assert_eq!(of(LongRunning, json!({"name": "operations/x"})), "running");
        assert_eq!(of(LongRunning, json!({"done": true, "response": {}})), "done");
        assert_eq!(
            of(LongRunning, json!({"done": true, "error": {"code": 9, "message": "in use"}})),
            "400 FAILED_PRECONDITION in use"
        );
        assert_eq!(of(Compute, json!({"status": "RUNNING"})), "running");
        assert_eq!(of(Compute, json!({"status": "DONE", "progress": 100})), "done");
        let failed = json!({"status": "DONE", "httpErrorStatusCode": 400, "error": {"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "used"}]}});
        assert_eq!(of(Compute, failed), "400 RESOURCE_IN_USE_BY_ANOTHER_RESOURCE used");
        assert_eq!(of(Sql, json!({"status": "PENDING"})), "running");
        assert_eq!(
            of(Sql, json!({"status": "DONE", "error": {"errors": [{"code": "UNKNOWN"}]}})),
            "400 UNKNOWN status 400 (UNKNOWN) without a message"
        );
    }
}
