//! The kinds whose APIs are odd, one module each. Every other kind is driven by the table alone.

use async_trait::async_trait;
use jiff::Timestamp;
use mlflow_host_gcp_api::kinds::Kind;
use mlflow_host_graph::PropertyPath;
use serde_json::Value as Json;

use crate::error::{CallError, Refusal};
use crate::work::{Sent, Work};

mod bucket;
mod build;
mod connection;
mod execution;
pub(crate) mod iam_policy;
mod object;
mod run_service;
mod secret_version;
mod service_account;
pub(crate) mod services;
mod sql_instance;

/// What a kind does its own way; by default what the table says.
#[async_trait]
pub(crate) trait Driver: Send + Sync {
    /// Sends a creation.
    async fn create(&self, work: &Work<'_>) -> Result<Sent, CallError> {
        work.create().await
    }

    /// Sends the part of an update that is due.
    async fn update(
        &self,
        work: &Work<'_>,
        changed: &[PropertyPath],
        step: usize,
    ) -> Result<Sent, CallError> {
        work.update(changed, step).await
    }

    /// The paths to update where the engine does not know them.
    async fn differences(&self, work: &Work<'_>) -> Result<Vec<PropertyPath>, CallError> {
        work.differences().await
    }

    /// Sends a deletion, or the part of it that is due.
    async fn delete(&self, work: &Work<'_>, _step: usize) -> Result<Sent, CallError> {
        work.delete().await
    }

    /// Another way to delete, when the operation has failed with this refusal.
    async fn delete_instead(&self, _work: &Work<'_>, _refusal: &Refusal) -> Option<Result<Sent, CallError>> {
        None
    }

    /// Reads the resource; `None` when there is none.
    async fn read(&self, work: &Work<'_>, identity: Option<&str>) -> Result<Option<Json>, CallError> {
        work.read(identity).await
    }

    /// When the newest of its kind was made, for kinds whose resources bear neither a name nor a mark of ours: what
    /// is newer after a creation was sent is what it has made. By Google's clock; `None` for all other kinds.
    async fn baseline(&self, _work: &Work<'_>) -> Result<Option<Timestamp>, CallError> {
        Ok(None)
    }

    /// What an earlier sending of the same creation has made: identity and resource.
    async fn find(
        &self,
        work: &Work<'_>,
        _baseline: Option<Timestamp>,
    ) -> Result<Option<(String, Json)>, CallError> {
        let Some(identity) = work.known_identity() else { return work.find_by_content().await };
        let found = self.read(work, Some(identity)).await?;
        Ok(found.map(|body| (identity.to_owned(), body)))
    }

    /// Takes note of what a creation has returned.
    fn made(&self, _work: &Work<'_>, _body: &Json) {}

    /// Whether a refused deletion means that nothing is left to delete.
    fn is_gone(&self, error: &CallError) -> bool {
        error.is_status(404)
    }

    /// More about a failure than the resource says itself.
    async fn explain(&self, _work: &Work<'_>, _body: &Json, said: String) -> String {
        said
    }
}

struct Regular;

impl Driver for Regular {}

/// The driver of a kind.
pub(crate) fn driver(kind: &Kind) -> &'static dyn Driver {
    match kind.name.as_str() {
        "cloudbuild.googleapis.com/Build" => &build::Build,
        "iam.googleapis.com/ServiceAccount" => &service_account::ServiceAccount,
        "run.googleapis.com/Execution" => &execution::Execution,
        "run.googleapis.com/Service" => &run_service::RunService,
        "secretmanager.googleapis.com/SecretVersion" => &secret_version::SecretVersion,
        "servicenetworking.googleapis.com/Connection" => &connection::Connection,
        "sqladmin.googleapis.com/Instance" => &sql_instance::SqlInstance,
        "storage.googleapis.com/Bucket" => &bucket::Bucket,
        "storage.googleapis.com/Object" => &object::Object,
        _ => &Regular,
    }
}
