//! The state machine of a request for one resource: send → operation → settling → done.

use std::time::Duration;

use mlflow_host_engine::{self as engine, Progress, ProviderError, Recovery, RequestAction};
use mlflow_host_gcp_api::kinds::Kind;
use mlflow_host_graph::PropertyPath;
use serde_json::Value as Json;

use crate::deferral;
use crate::error::{CallError, Refusal};
use crate::handle::{Handle, Phase, pause};
use crate::kinds::{Driver, driver};
use crate::operations::{self, Stage};
use crate::ownership::{Owner, owner, whose};
use crate::readiness::{Condition, condition};
use crate::work::{Sent, Work};

mod finish;

/// How often a change is sent again after what it rested on has changed in between.
const CONFLICTS: u32 = 6;
/// How long a resource that was just made may be invisible.
const INVISIBLE: Duration = Duration::from_secs(3 * 60);

/// Sends a request for the first time.
pub(crate) async fn begin(work: Work<'_>) -> Result<Progress, ProviderError> {
    Machine::new(work).send(Handle::new(Phase::Onward)).await
}

/// Looks how it is getting on.
pub(crate) async fn advance(work: Work<'_>, handle: Handle) -> Result<Progress, ProviderError> {
    let machine = Machine::new(work);
    match &handle.phase {
        Phase::Operation { operation } => {
            let is_young = handle.phase_age() < Duration::from_secs(5);
            let looked = operations::look(&work.session.client, operation, is_young).await;
            match looked.map_err(|error| machine.error(error))? {
                Stage::Running => machine.still_running(handle),
                Stage::Done(answer) => machine.operation_done(handle, &answer).await,
                Stage::Failed(refusal) => machine.operation_failed(handle, refusal).await,
            }
        }
        Phase::Settling => machine.settle(handle).await,
        Phase::Again { session, .. } => {
            if *session != work.session.id {
                work.session.client.facts.take_over();
            }
            machine.send_again(handle).await
        }
        Phase::Onward => machine.send(handle).await,
    }
}

/// Finds out whether a request of an interrupted run has reached the cloud.
pub(crate) async fn recover(work: Work<'_>) -> Result<Recovery, ProviderError> {
    let machine = Machine::new(work);
    work.session.client.facts.take_over();
    let again = |error| machine.again_or(&Handle::new(Phase::Onward), error).map(Recovery::Reached);
    let found = match work.request.action {
        // Sent again, an update changes nothing more.
        RequestAction::Update => return Ok(Recovery::NotReached),
        RequestAction::Create if is_setting(work.kind) => return Ok(Recovery::NotReached),
        RequestAction::Delete if work.kind.delete.is_none() => {
            return Ok(Recovery::Reached(Progress::Done(Vec::new())));
        }
        RequestAction::Delete => {
            return match machine.driver.read(&work, None).await {
                Ok(None) => Ok(Recovery::Reached(Progress::Done(Vec::new()))),
                Ok(Some(_)) => Ok(Recovery::NotReached),
                Err(error) => again(error),
            };
        }
        RequestAction::Create => machine.driver.find(&work, None).await,
    };
    let (identity, body) = match found {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Recovery::NotReached),
        Err(error) => return again(error),
    };
    if owner(work.kind, &work.session.config, &body) == Owner::Foreign {
        return Err(machine.foreign(Some(&body)));
    }
    let mut handle = Handle::new(Phase::Settling);
    handle.identity = Some(identity);
    if let Some(next) = machine.after_create(&handle) {
        return Ok(Recovery::Reached(next));
    }
    match condition(&work.kind.readiness, &body) {
        Condition::Ready => {
            let outcome = machine.outcome(&handle, body).await?;
            Ok(Recovery::Reached(Progress::Done(vec![outcome])))
        }
        Condition::Waiting(note) => Ok(Recovery::Reached(machine.wait(&handle, note))),
        // What has failed is asked for once more: it is found there and put right.
        Condition::Failed(_) if work.kind.update.is_some() => Ok(Recovery::NotReached),
        Condition::Failed(_) => machine.settle(handle).await.map(Recovery::Reached),
    }
}

struct Machine<'a> {
    work: Work<'a>,
    driver: &'static dyn Driver,
}

impl<'a> Machine<'a> {
    fn new(work: Work<'a>) -> Self {
        Self { work, driver: driver(work.kind) }
    }

    async fn send(&self, mut handle: Handle) -> Result<Progress, ProviderError> {
        let is_update = self.work.request.action == RequestAction::Update;
        if is_update && self.work.target.changed.is_empty() && handle.changed.is_none() {
            match self.driver.differences(&self.work).await {
                Ok(differences) => handle.changed = Some(differences),
                Err(error) => return self.again_or(&handle, error),
            }
        }
        let is_creation = self.work.request.action == RequestAction::Create && handle.changed.is_none();
        if is_creation && handle.baseline.is_none() {
            match self.driver.baseline(&self.work).await {
                Ok(None) => {}
                // It goes into the journal before anything is sent.
                Ok(baseline) => return Ok(at_once(&Handle { baseline, ..handle.then(Phase::Onward) })),
                Err(error) => return self.again_or(&handle, error),
            }
        } else if is_creation {
            match self.earlier(&handle).await {
                Ok(None) => {}
                Ok(Some(made)) => return self.settle(made).await,
                Err(error) => return self.again_or(&handle, error),
            }
        }
        let mut conflicts = 0;
        loop {
            let sent = match (self.work.request.action, self.updating(&handle)) {
                (RequestAction::Delete, _) => self.driver.delete(&self.work, handle.step).await,
                (_, Some(changed)) => self.driver.update(&self.work, changed, handle.step).await,
                (_, None) => self.driver.create(&self.work).await,
            };
            return match sent {
                Ok(sent) => self.sent(handle, sent).await,
                Err(CallError::Conflict { .. }) if conflicts < CONFLICTS => {
                    conflicts += 1;
                    tokio::time::sleep(Duration::from_millis(u64::from(conflicts) * 200)).await;
                    continue;
                }
                Err(error) => self.not_sent(handle, error).await,
            };
        }
    }

    /// What an earlier sending of the creation has made, to be settled, if there is something that has not failed
    /// in passing.
    async fn earlier(&self, handle: &Handle) -> Result<Option<Handle>, CallError> {
        let found = self.driver.find(&self.work, handle.baseline).await?;
        let made = found.filter(|(_, body)| !self.has_failed_in_passing(body));
        Ok(made.map(|(identity, _)| Handle { identity: Some(identity), ..handle.then(Phase::Settling) }))
    }

    /// Sends once more what could not be taken up; what can only be sent once is looked for first.
    async fn send_again(&self, handle: Handle) -> Result<Progress, ProviderError> {
        let is_create = self.work.request.action == RequestAction::Create;
        if is_create && !self.work.kind.id.is_declared() && handle.baseline.is_none() {
            match self.earlier(&handle).await {
                Ok(None) => {}
                Ok(Some(made)) => return self.settle(made).await,
                Err(error) => return self.again_or(&handle, error),
            }
        }
        self.send(handle).await
    }

    async fn sent(&self, mut handle: Handle, sent: Sent) -> Result<Progress, ProviderError> {
        match sent {
            Sent::Operation { operation, answer, identity } => {
                handle.identity = identity.or(handle.identity);
                let stage = operations::stage(operation.style, &operation.service, &answer);
                let handle = handle.then(Phase::Operation { operation });
                match stage {
                    Stage::Running => self.still_running(handle),
                    Stage::Done(answer) => self.operation_done(handle, &answer).await,
                    Stage::Failed(refusal) => self.operation_failed(handle, refusal).await,
                }
            }
            Sent::Resource { body, identity } => {
                handle.identity = identity.or(handle.identity);
                if self.has_more(&handle) {
                    return self.onward(handle);
                }
                if let Some(next) = self.after_create(&handle) {
                    return Ok(next);
                }
                self.driver.made(&self.work, &body);
                match condition(&self.work.kind.readiness, &body) {
                    Condition::Ready => self.done(&handle, body).await,
                    _ => self.settle(handle.then(Phase::Settling)).await,
                }
            }
            Sent::Settle { identity } => {
                handle.identity = identity.or(handle.identity);
                self.settle(handle.then(Phase::Settling)).await
            }
            Sent::Part => self.onward(handle),
            Sent::Nothing => Ok(Progress::Done(Vec::new())),
        }
    }

    /// The paths to change, if this is an update: asked for, or of what a creation has found to be there.
    fn updating<'h>(&self, handle: &'h Handle) -> Option<&'h [PropertyPath]>
    where
        'a: 'h,
    {
        match (&handle.changed, self.work.request.action) {
            (Some(changed), _) => Some(changed),
            (None, RequestAction::Update) => Some(&self.work.target.changed),
            (None, _) => None,
        }
    }

    /// Whether the update has another call to make.
    fn has_more(&self, handle: &Handle) -> bool {
        self.updating(handle).is_some_and(|changed| handle.step + 1 < self.work.update_steps(changed))
    }

    /// Goes on with what the create call did not take, if this was one and there is something.
    fn after_create(&self, handle: &Handle) -> Option<Progress> {
        let is_creation = self.work.request.action == RequestAction::Create && handle.changed.is_none();
        let paths = if is_creation { self.work.paths_after_create() } else { Vec::new() };
        if paths.is_empty() {
            return None;
        }
        let handle = Handle { changed: Some(paths), step: 0, ..handle.then(Phase::Onward) };
        Some(at_once(&handle))
    }

    fn onward(&self, handle: Handle) -> Result<Progress, ProviderError> {
        let mut handle = handle.then(Phase::Onward);
        handle.step += 1;
        Ok(at_once(&handle))
    }

    async fn not_sent(&self, handle: Handle, error: CallError) -> Result<Progress, ProviderError> {
        let action = self.work.request.action;
        if action == RequestAction::Delete {
            if self.driver.is_gone(&error) {
                return Ok(Progress::Done(Vec::new()));
            }
            if let Some(deferred) = error.refusal().and_then(deferral::deferred) {
                return Ok(deferred);
            }
        }
        if action == RequestAction::Create
            && handle.changed.is_none()
            && !matches!(error, CallError::NotYet { .. })
        {
            if says_it_exists(&error) {
                return self.adopt(handle, error).await;
            }
            if error.is_ambiguous() && !is_setting(self.work.kind) {
                // The answer is lost, not necessarily the effect.
                if let Ok(Some((identity, body))) = self.driver.find(&self.work, handle.baseline).await {
                    if owner(self.work.kind, &self.work.session.config, &body) == Owner::Foreign {
                        return Err(self.foreign(Some(&body)));
                    }
                    let mut handle = handle.then(Phase::Settling);
                    handle.identity = Some(identity);
                    return self.settle(handle).await;
                }
            }
        }
        self.again_or(&handle, error)
    }

    /// Sends it again later if the error will have passed by then, and fails otherwise.
    fn again_or(&self, handle: &Handle, error: CallError) -> Result<Progress, ProviderError> {
        match &error {
            CallError::NotYet { refusal, after, patience, note } => {
                self.again(handle, refusal, *after, *patience, note)
            }
            _ => Err(self.error(error)),
        }
    }

    fn again(
        &self,
        handle: &Handle,
        refusal: &Refusal,
        after: Duration,
        patience: Duration,
        note: &str,
    ) -> Result<Progress, ProviderError> {
        let was = match &handle.phase {
            Phase::Again { note: was, .. } if was == note => Some(handle.clone()),
            _ => None,
        };
        if was.as_ref().is_some_and(|was| was.phase_age() > patience) {
            let minutes = patience.as_secs() / 60;
            let error = CallError::Refused {
                refusal: Box::new(refusal.clone()),
                hint: Some("Run it again later.".to_owned()),
            };
            let mut error = self.error(error);
            error.message = format!("{} (after {minutes} minutes of {note})", error.message);
            return Err(error);
        }
        let session = self.work.session.id.clone();
        let handle = was.unwrap_or_else(|| handle.then(Phase::Again { note: note.to_owned(), session }));
        Ok(Progress::Running { handle: handle.to_json(), after, note: note.to_owned() })
    }

    /// A name that is taken: by this stack, then it is taken over and put right; by others, then not.
    async fn adopt(&self, handle: Handle, refused: CallError) -> Result<Progress, ProviderError> {
        let found = match self.driver.find(&self.work, handle.baseline).await {
            Ok(found) => found,
            Err(error @ CallError::NotYet { .. }) => return self.again_or(&handle, error),
            // Somebody else's, and none of our business.
            Err(error) if error.is_status(403) => {
                return Err(self.foreign(None));
            }
            Err(error) => return Err(self.error(error)),
        };
        let Some((identity, body)) = found else {
            return match refused.refusal() {
                // Cloud Run deletes in the background and refuses the name until it is through.
                Some(refusal) if self.work.kind.service == "run.googleapis.com" => self.again(
                    &handle,
                    refusal,
                    Duration::from_secs(3),
                    INVISIBLE,
                    "waiting for the old one to be gone",
                ),
                _ => Err(self.error(refused)),
            };
        };
        if owner(self.work.kind, &self.work.session.config, &body) == Owner::Foreign {
            return Err(self.foreign(Some(&body)));
        }
        let mut handle = handle;
        handle.identity = Some(identity);
        if self.work.kind.update.is_none() {
            return self.settle(handle.then(Phase::Settling)).await;
        }
        match self.driver.differences(&self.work).await {
            Ok(differences) => handle.changed = Some(differences),
            Err(error) => return self.again_or(&handle, error),
        }
        Box::pin(self.send(handle)).await
    }

    fn still_running(&self, handle: Handle) -> Result<Progress, ProviderError> {
        if handle.age() > self.timeout() {
            let message = format!(
                "cannot {}: Google is still at work after {} minutes.",
                self.attempt(),
                handle.age().as_secs() / 60
            );
            let hint = "Run it again: it goes on from here.";
            return Err(ProviderError::new(message).with_hint(hint).with_uncertain_fate());
        }
        Ok(self.wait(&handle, String::new()))
    }

    fn wait(&self, handle: &Handle, note: String) -> Progress {
        Progress::Running { after: pause(handle.age(), self.expected()), handle: handle.to_json(), note }
    }

    fn expected(&self) -> Duration {
        let seconds = &self.work.kind.seconds;
        Duration::from_secs(u64::from(match self.work.request.action {
            RequestAction::Create => seconds.create,
            RequestAction::Update => seconds.update,
            RequestAction::Delete => seconds.delete,
        }))
    }

    fn timeout(&self) -> Duration {
        let minutes = &self.work.kind.timeout_minutes;
        let minutes = match self.work.request.action {
            RequestAction::Create => minutes.create,
            RequestAction::Update => minutes.update,
            RequestAction::Delete => minutes.delete,
        };
        Duration::from_secs(60 * u64::from(minutes.max(20)))
    }

    fn attempt(&self) -> String {
        let verb = match self.work.request.action {
            RequestAction::Create => "create",
            RequestAction::Update => "update",
            RequestAction::Delete => "delete",
        };
        format!("{verb} {}", self.work.title())
    }

    fn error(&self, error: CallError) -> ProviderError {
        error.into_provider_error(&format!("cannot {}", self.attempt()))
    }

    /// The name is taken by what this stack does not manage. `body` is the resource, if it may be read.
    fn foreign(&self, body: Option<&Json>) -> ProviderError {
        let config = &self.work.session.config;
        let (found, hint) = match body.map(|body| whose(self.work.kind, config, body)) {
            Some(engine::Owner::Other(stack)) if stack == config.stack => (
                format!(
                    "and its labels say that it belongs to a stack `{stack}` too, whose state is not the one that is used here"
                ),
                "If the state was lost, take over what the stack has made: run `mlflow-host up` with `--adopt`. If \
                 there are two stacks of that name, rename one of them.",
            ),
            Some(engine::Owner::Other(stack)) => (
                format!("and its labels say that it belongs to the stack `{stack}`"),
                "Give it another name, or look it up instead of declaring it.",
            ),
            Some(engine::Owner::Nobody | engine::Owner::Ours | engine::Owner::Elsewhere(_)) => (
                "and is not managed by this stack".to_owned(),
                "Take it over by running `mlflow-host up` with `--adopt`, give it another name, or look it up \
                 instead of declaring it.",
            ),
            None => (
                "and is not managed by this stack".to_owned(),
                "Give it another name: these credentials may not even read what has this one.",
            ),
        };
        ProviderError::new(format!("cannot {}: it exists already, {found}.", self.attempt())).with_hint(hint)
    }
}

/// To go on without a pause, once the handle is in the journal.
fn at_once(handle: &Handle) -> Progress {
    Progress::Running { handle: handle.to_json(), after: Duration::ZERO, note: String::new() }
}

/// Whether a resource is always there, so that being there does not mean that its creation has arrived.
fn is_setting(kind: &Kind) -> bool {
    kind.create.as_ref().is_some_and(|create| create.verb == "PATCH")
}

/// Whether a creation was refused because the name is taken.
fn says_it_exists(error: &CallError) -> bool {
    match error {
        // Databases answer 400.
        CallError::Refused { refusal, .. } | CallError::Conflict { refusal } => {
            refusal.status == 409 || (refusal.status == 400 && refusal.message.contains("already exists"))
        }
        _ => false,
    }
}
