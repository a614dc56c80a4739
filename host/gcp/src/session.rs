//! What all requests of a provider share.

use mlflow_host_gcp_api::kinds::Kind;
use mlflow_host_graph::Value;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::client::{Call, Client};
use crate::config::GcpConfig;
use crate::error::CallError;
use crate::tree::json_text;
use crate::variables::Variables;

/// Configuration, client, and what has been learnt about the project.
pub(crate) struct Session {
    /// The configuration.
    pub config: GcpConfig,
    /// The client.
    pub client: Client,
    /// Tells this process's handles from those of earlier ones.
    pub id: String,
    number: OnceCell<String>,
}

impl Session {
    /// A session over a client.
    pub(crate) fn new(config: GcpConfig, client: Client) -> Self {
        let number = config
            .project_number
            .clone()
            .map_or_else(OnceCell::new, |number| OnceCell::new_with(Some(number)));
        Self { config, client, id: uuid::Uuid::new_v4().to_string(), number }
    }

    /// The number of the project: configured, or asked for once.
    pub(crate) async fn number(&self) -> Result<&str, CallError> {
        const SERVICE: &str = "cloudresourcemanager.googleapis.com";
        let ask = || async {
            let call = Call::new(SERVICE, "GET", format!("v1/projects/{}", self.config.project));
            let project = self.client.json(&call).await?;
            match json_text(&project, "projectNumber") {
                "" => Err(CallError::unexpected(SERVICE, "the project has no number")),
                number => Ok(number.to_owned()),
            }
        };
        self.number.get_or_try_init(ask).await.map(String::as_str)
    }

    /// The number of the project, if it has been configured or learnt.
    pub(crate) fn known_number(&self) -> Option<&str> {
        self.number.get().map(String::as_str)
    }

    /// Takes note of what a project says of itself, if it is the stack's own.
    pub(crate) fn learn(&self, project: &Json) {
        let number = json_text(project, "projectNumber");
        if json_text(project, "projectId") == self.config.project && !number.is_empty() {
            // Whoever asked at the same moment has got the same answer.
            let _ = self.number.set(number.to_owned());
        }
    }

    /// The variables of a resource, with the project's number where the kind's calls need it.
    pub(crate) async fn variables<'a>(
        &self,
        kind: &'a Kind,
        inputs: &'a Value,
        identity: Option<&str>,
    ) -> Result<Variables<'a>, CallError> {
        let number = match self.known_number() {
            Some(number) => Some(number.to_owned()),
            None if needs_number(kind) => Some(self.number().await?.to_owned()),
            None => None,
        };
        Ok(Variables::new(kind, inputs, identity, number))
    }
}

/// Whether a call of the kind holds the project's number.
fn needs_number(kind: &Kind) -> bool {
    let holds = |text: &str| text.contains("{number}");
    [&kind.create, &kind.read, &kind.update, &kind.delete].into_iter().flatten().any(|call| {
        holds(&call.path)
            || call.query.values().any(|value| holds(value))
            || call.body.values().any(|value| value.as_str().is_some_and(holds))
    })
}
