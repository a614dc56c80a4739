//! The service networking connection: one for a network, made and changed by the same PATCH, and deleted by
//! whatever works.

use async_trait::async_trait;
use mlflow_host_graph::PropertyPath;
use serde_json::{Value as Json, json};

use super::Driver;
use crate::client::Call;
use crate::error::{CallError, Refusal};
use crate::operations::{OperationRef, Style};
use crate::tree::json_text;
use crate::work::{Sent, Work};

const COMPUTE: &str = "compute.googleapis.com";
const PEERING: &str = "servicenetworking-googleapis-com";

pub(super) struct Connection;

#[async_trait]
impl Driver for Connection {
    /// With `force` the PATCH makes the connection, also where an earlier one was abandoned and a create
    /// would be refused.
    async fn create(&self, work: &Work<'_>) -> Result<Sent, CallError> {
        let changed = [PropertyPath::root().key("reservedPeeringRanges")];
        work.update(&changed, 0).await
    }

    async fn delete(&self, work: &Work<'_>, step: usize) -> Result<Sent, CallError> {
        if step > 0 {
            return remove_peering(work).await;
        }
        match work.delete().await {
            Err(CallError::Refused { refusal, .. }) if is_held(&refusal) => remove_peering(work).await,
            other => other,
        }
    }

    /// Cloud SQL keeps its side for days after the last instance is gone. The peering itself can be removed
    /// at any time; that is what the console does.
    async fn delete_instead(&self, work: &Work<'_>, refusal: &Refusal) -> Option<Result<Sent, CallError>> {
        if refusal.service == COMPUTE || !is_held(refusal) {
            return None;
        }
        Some(remove_peering(work).await)
    }

    fn is_gone(&self, error: &CallError) -> bool {
        error.is_status(404)
            || error.refusal().is_some_and(|refusal| {
                let said = refusal.message.to_lowercase();
                said.contains("no peering")
                    || said.contains("there is no peering")
                    || said.contains("not found")
            })
    }
}

fn is_held(refusal: &Refusal) -> bool {
    let said = refusal.message.to_lowercase();
    said.contains("producer services") && said.contains("still using this connection")
}

async fn remove_peering(work: &Work<'_>) -> Result<Sent, CallError> {
    let variables = work.variables(None).await?;
    let network = kinds_path("compute/v1/projects/{project}/global/networks/{network|last}", &variables)?;
    let call = Call::new(COMPUTE, "POST", format!("{network}/removePeering"))
        .query("requestId", &work.request.id)
        .repeatable()
        .json(json!({"name": PEERING}));
    let answer: Json = work.session.client.json(&call).await?;
    let name = json_text(&answer, "name");
    let read = kinds_path("compute/v1/projects/{project}/global/operations/", &variables)? + name;
    let operation = OperationRef {
        style: Style::Compute,
        service: COMPUTE.to_owned(),
        wait: Some(format!("{read}/wait")),
        read,
    };
    Ok(Sent::Operation { operation, answer, identity: None })
}

fn kinds_path(template: &str, variables: &crate::variables::Variables<'_>) -> Result<String, CallError> {
    variables.expand_path(template).map_err(|error| CallError::Invalid(error.to_string()))
}
