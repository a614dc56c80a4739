//! What the local cloud says about itself, under `/_local/`.

use std::path::Path;
use std::time::Duration;

use mlflow_host_localcloud::{Daemon, Status};
use reqwest::Method;
use serde_json::Value as Json;

use super::failed;
use crate::failure::{Failure, Result};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running local cloud, to be asked about itself.
pub(super) struct Asked {
    base: String,
    client: reqwest::Client,
}

impl Asked {
    /// The one whose data are in `directory`.
    ///
    /// # Errors
    /// When it does not run.
    pub(super) async fn running(directory: &Path) -> Result<Self> {
        let Status::Running(endpoint) = Daemon::status(directory).await.map_err(failed)? else {
            return Err(stopped());
        };
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(silent)?;
        Ok(Self { base: endpoint.base_url, client })
    }

    /// What it answers to `METHOD /_local/PATH`.
    ///
    /// # Errors
    /// When it refuses, with what it says; when it does not answer.
    pub(super) async fn json(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json> {
        let mut request = self.client.request(method, format!("{}/_local/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(silent)?;
        let refused = !response.status().is_success();
        let answer: Json = response.json().await.map_err(silent)?;
        if refused {
            let said = answer["error"]["message"].as_str().unwrap_or("It does not say why.");
            return Err(Failure::new(format!("The local cloud refuses: {said}")));
        }
        Ok(answer)
    }
}

/// The failure of a command that needs a running local cloud.
pub(super) fn stopped() -> Box<Failure> {
    Failure::new("The local cloud does not run.").with_hint("Run `mlflow-host cloud start`.")
}

fn silent(error: reqwest::Error) -> Box<Failure> {
    Failure::new(format!("The local cloud does not answer: {error}."))
}
