//! Versions of secrets: made by `:addVersion`, gone when `DESTROYED`, and found again by their content.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::Driver;
use crate::client::Call;
use crate::error::CallError;
use crate::tree::{json_at, json_text};
use crate::work::{Sent, Work};

pub(super) struct SecretVersion;

#[async_trait]
impl Driver for SecretVersion {
    /// The newest version, if it holds what was to be added. A version says nothing about who added it, so
    /// this asks for at least as many versions as the resource has had generations.
    async fn find(
        &self,
        work: &Work<'_>,
        _baseline: Option<Timestamp>,
    ) -> Result<Option<(String, Json)>, CallError> {
        let Some(list) = &work.kind.list else { return Ok(None) };
        let answer = work.session.client.json(&work.call(list).await?).await?;
        let versions = answer.get("versions").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let number = |version: &Json| -> u64 {
            json_text(version, "name").rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        let Some(newest) = versions.iter().max_by_key(|version| number(version)) else { return Ok(None) };
        let generations = u64::from(work.target.record.generation) + 1;
        if json_text(newest, "state") != "ENABLED" || number(newest) < generations {
            return Ok(None);
        }
        let name = json_text(newest, "name");
        let call = Call::new(&work.kind.service, "GET", format!("v1/{name}:access"));
        let payload = match work.session.client.json(&call).await {
            Ok(payload) => payload,
            // Who may add versions may not always read them. One version too many does no harm.
            Err(error) if error.is_status(403) => return Ok(None),
            Err(error) => return Err(error),
        };
        let stored = json_at(&payload, "payload.data")
            .and_then(Json::as_str)
            .and_then(|data| STANDARD.decode(data).ok());
        let data =
            work.inputs().at(&"payload.data".parse().map_err(|_| CallError::Invalid("a path".into()))?);
        let wanted = data.as_ref().and_then(|data| data.as_str());
        if stored.as_deref() != wanted.map(str::as_bytes) {
            return Ok(None);
        }
        Ok(work.assigned_identity(newest).await?.map(|identity| (identity, newest.clone())))
    }

    async fn delete(&self, work: &Work<'_>, _step: usize) -> Result<Sent, CallError> {
        if self.read(work, None).await?.is_none() {
            return Ok(Sent::Nothing);
        }
        work.delete().await
    }
}
