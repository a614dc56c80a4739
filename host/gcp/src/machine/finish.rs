//! The second half of a request: what its operation has come to, and whether the resource is ready.

use mlflow_host_engine::{Outcome, Progress, ProviderError, RequestAction};
use mlflow_host_gcp_api::kinds::Readiness;
use serde_json::Value as Json;

use super::{INVISIBLE, Machine};
use crate::deferral;
use crate::error::{CallError, Refusal};
use crate::handle::{Handle, Phase};
use crate::readiness::{Condition, condition};
use crate::retry::{self, Class, Purpose};

impl Machine<'_> {
    pub(super) async fn operation_done(
        &self,
        mut handle: Handle,
        answer: &Json,
    ) -> Result<Progress, ProviderError> {
        if self.work.request.action == RequestAction::Delete {
            return Ok(Progress::Done(Vec::new()));
        }
        if let (None, Some(response)) = (&handle.identity, answer.get("response")) {
            let assigned = self.work.assigned_identity(response).await;
            handle.identity = assigned.map_err(|error| self.error(error))?;
        }
        if self.has_more(&handle) {
            return self.onward(handle);
        }
        if let Some(next) = self.after_create(&handle) {
            return Ok(next);
        }
        self.settle(handle.then(Phase::Settling)).await
    }

    pub(super) async fn operation_failed(
        &self,
        handle: Handle,
        refusal: Refusal,
    ) -> Result<Progress, ProviderError> {
        let facts = &self.work.session.client.facts;
        let class = retry::classify(&refusal, "", Purpose::Operation, facts);
        if self.work.request.action == RequestAction::Delete {
            if let Some(sent) = self.driver.delete_instead(&self.work, &refusal).await {
                return match sent {
                    Ok(sent) => Box::pin(self.sent(handle, sent)).await,
                    Err(error) => Box::pin(self.not_sent(handle, error)).await,
                };
            }
            if refusal.status == 404 {
                return Ok(Progress::Done(Vec::new()));
            }
            if let Some(deferred) = deferral::deferred(&refusal) {
                return Ok(deferred);
            }
        }
        let error = retry::error(refusal, class);
        if matches!(error, CallError::NotYet { .. }) || self.work.request.action == RequestAction::Delete {
            return self.again_or(&handle, error);
        }
        let identity = handle.identity.clone();
        let found = self.driver.read(&self.work, identity.as_deref()).await.ok().flatten();
        let Some(body) = found else { return Err(self.error(error)) };
        // Cloud SQL's operations fail now and then while the instance comes up all the same.
        let may_come_up = self.work.request.action == RequestAction::Create
            && matches!(self.work.kind.readiness, Readiness::State { .. });
        match condition(&self.work.kind.readiness, &body) {
            Condition::Ready if may_come_up => self.done(&handle, body).await,
            Condition::Waiting(note) if may_come_up => {
                let mut handle = handle.then(Phase::Settling);
                handle.complaint = Some(error.to_string());
                Ok(self.wait(&handle, note))
            }
            _ => {
                let left = self.outcome(&handle, body).await?;
                Err(self.error(error).leaving(vec![left]))
            }
        }
    }

    pub(super) async fn settle(&self, handle: Handle) -> Result<Progress, ProviderError> {
        let read = self.driver.read(&self.work, handle.identity.as_deref()).await;
        let body = match read {
            Ok(Some(body)) => body,
            Ok(None)
                if self.work.request.action == RequestAction::Create && handle.phase_age() < INVISIBLE =>
            {
                return Ok(self.wait(&handle, "waiting for it to be visible".to_owned()));
            }
            Ok(None) => {
                let complaint = handle.complaint.clone().unwrap_or_else(|| "it is gone".to_owned());
                return Err(ProviderError::new(format!("cannot {}: {complaint}.", self.attempt())));
            }
            Err(CallError::NotYet { note, after, .. }) if handle.phase_age() < self.timeout() => {
                return Ok(Progress::Running { handle: handle.to_json(), after, note: note.to_owned() });
            }
            Err(error) => return Err(self.error(error)),
        };
        match condition(&self.work.kind.readiness, &body) {
            Condition::Ready => self.done(&handle, body).await,
            Condition::Waiting(_) if handle.age() > self.timeout() => self.still_running(handle),
            Condition::Waiting(note) => Ok(self.wait(&handle, note)),
            Condition::Failed(said) => {
                let (refusal, class) = self.failure(said);
                if let Class::Wait { every, patience, note } = class {
                    let mut handle = handle;
                    if self.work.kind.update.is_none() {
                        // It is not put right but made anew, under another name.
                        handle.identity = None;
                    }
                    return self.again(&handle, &refusal, every, patience, note);
                }
                let explained = self.driver.explain(&self.work, &body, refusal.message.clone()).await;
                let error = self.error(retry::error(Refusal { message: explained, ..refusal }, class));
                if self.work.kind.update.is_none() {
                    // A build or an execution that failed is nothing that a later run could build on.
                    return Err(error);
                }
                Err(error.leaving(vec![self.outcome(&handle, body).await?]))
            }
        }
    }

    /// What a resource that has failed says, as a refusal, and what is to be done about it.
    fn failure(&self, said: String) -> (Refusal, Class) {
        let refusal =
            Refusal { service: self.work.kind.service.clone(), message: said, ..Refusal::default() };
        let facts = &self.work.session.client.facts;
        let class = retry::classify(&refusal, "", Purpose::Operation, facts);
        (refusal, class)
    }

    /// Whether a resource has failed for a reason that passes.
    pub(super) fn has_failed_in_passing(&self, body: &Json) -> bool {
        match condition(&self.work.kind.readiness, body) {
            Condition::Failed(said) => matches!(self.failure(said).1, Class::Wait { .. }),
            _ => false,
        }
    }

    pub(super) async fn done(&self, handle: &Handle, body: Json) -> Result<Progress, ProviderError> {
        Ok(Progress::Done(vec![self.outcome(handle, body).await?]))
    }

    pub(super) async fn outcome(&self, handle: &Handle, body: Json) -> Result<Outcome, ProviderError> {
        self.work.outcome(handle.identity.as_deref(), body).await.map_err(|error| self.error(error))
    }
}
