//! One operation, from its first entry in the journal to its last.

use std::time::Duration;

use mlflow_host_graph::{PropertyPath, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::apply::executor::time_from_now;
use crate::apply::prepare::{Resources, prepare};
use crate::apply::{Apply, ApplyError, Journal};
use crate::event::Event;
use crate::plan::{Action, Operation, Step, first_unknown};
use crate::provider::{Progress, ProviderError, Request, RequestAction, Target};
use crate::record::{Deferral, Entry};

/// How an operation ended.
pub(crate) enum End {
    /// Well.
    Done {
        /// Whether nothing had to be done after all.
        unchanged: bool,
    },
    /// Badly.
    Failed {
        /// What the cloud said.
        message: String,
        /// What to do, if known.
        hint: Option<String>,
    },
    /// Not yet.
    Deferred {
        /// What holds it.
        reason: String,
        /// When to come back, RFC 3339.
        retry_at: String,
    },
}

/// Carries one operation out and journals every step: intent, start, end.
pub(crate) async fn carry_out(
    context: &Apply<'_>,
    journal: &Journal<'_>,
    resources: &Resources<'_>,
    operation: &Operation,
) -> Result<End, ApplyError> {
    let action = match operation.action {
        Action::Create | Action::Replace => RequestAction::Create,
        Action::Update => RequestAction::Update,
        Action::Delete | Action::DeleteReplaced | Action::Forget | Action::Adopt => RequestAction::Delete,
    };
    let mut targets = Vec::with_capacity(operation.steps.len());
    for step in &operation.steps {
        let target = match action {
            RequestAction::Delete => deletion(journal, step),
            RequestAction::Create | RequestAction::Update => {
                match change(context, journal, resources, step, action)? {
                    Ok(target) => target,
                    Err(message) => return Ok(End::Failed { message, hint: None }),
                }
            }
        };
        targets.extend(target);
    }
    if targets.is_empty() {
        return Ok(End::Done { unchanged: true });
    }
    let request = Request { id: Uuid::new_v4().to_string(), action, targets };
    journal.commit(Entry::Intent { request: request.clone() }).await;
    let progress = context.provider.begin(&request).await;
    let note = |note: String| context.observer.observe(Event::Running { id: operation.id, note });
    let followed = follow(context, journal, &request, progress, None, &note);
    let Some(patience) = patience(resources, operation) else { return Ok(followed.await) };
    Ok(tokio::time::timeout(patience, followed).await.unwrap_or_else(|_| End::Failed {
        message: format!(
            "It has taken longer than the {} s that it may take; the cloud goes on with it.",
            patience.as_secs()
        ),
        hint: Some("Run the same command again to take it up where it is.".to_owned()),
    }))
}

/// How long an operation may take, if the program says so.
fn patience(resources: &Resources<'_>, operation: &Operation) -> Option<Duration> {
    let limits = operation.steps.iter().filter_map(|step| resources.get(&step.urn)?.options.timeout_seconds);
    limits.max().map(Duration::from_secs)
}

/// Follows a request to its end. `handle` is the one that is in the journal already.
pub(crate) async fn follow(
    context: &Apply<'_>,
    journal: &Journal<'_>,
    request: &Request,
    mut progress: Result<Progress, ProviderError>,
    mut handle: Option<Json>,
    note: &(dyn Fn(String) + Sync),
) -> End {
    let id = || request.id.clone();
    loop {
        match progress {
            Ok(Progress::Running { handle: latest, after, note: text }) => {
                if handle.as_ref() != Some(&latest) {
                    journal.commit(Entry::Started { request: id(), handle: latest.clone() }).await;
                    handle = Some(latest.clone());
                }
                if !text.is_empty() {
                    note(text);
                }
                tokio::time::sleep(after).await;
                progress = context.provider.advance(request, &latest).await;
            }
            Ok(Progress::Done(outcomes)) => {
                journal.commit(Entry::Done { request: id(), outcomes }).await;
                return End::Done { unchanged: false };
            }
            Ok(Progress::Deferred { reason, retry_after }) => {
                let deferral = Deferral { reason: reason.clone(), retry_at: time_from_now(retry_after) };
                let retry_at = deferral.retry_at.clone();
                journal.commit(Entry::Deferred { request: id(), deferral }).await;
                return End::Deferred { reason, retry_at };
            }
            Err(ProviderError { message, hint, left, uncertain }) => {
                // A request of uncertain fate stays open: the next run finds out.
                if !uncertain {
                    journal.commit(Entry::Failed { request: id(), message: message.clone(), left }).await;
                }
                return End::Failed { message, hint };
            }
        }
    }
}

fn deletion(journal: &Journal<'_>, step: &Step) -> Option<Target> {
    let state = journal.state();
    let recorded = state.find(&step.urn, step.generation)?;
    Some(Target {
        urn: step.urn.clone(),
        inputs: Value::empty_map(),
        identity: Some(recorded.identity.clone()),
        recorded: Some(Box::new(recorded.clone())),
        changed: Vec::new(),
        record: recorded.hints.clone(),
    })
}

/// The target of a creation or update; `Ok(None)` when nothing has to be sent after all, `Err` when
/// something is still unknown.
fn change(
    context: &Apply<'_>,
    journal: &Journal<'_>,
    resources: &Resources<'_>,
    step: &Step,
    action: RequestAction,
) -> Result<Result<Option<Target>, String>, ApplyError> {
    let Some(resource) = resources.get(&step.urn) else { return Ok(Ok(None)) };
    let recorded = journal.state().resources.get(&step.urn).cloned();
    let recorded = recorded.filter(|_| action == RequestAction::Update);
    let Some(prepared) = prepare(context, journal, resources, resource, recorded.as_ref(), step.generation)?
    else {
        return Ok(Err(format!("`{}` cannot be resolved.", step.urn)));
    };
    if let Some(path) = first_unknown(&prepared.resolved.inputs, &PropertyPath::root()) {
        return Ok(Err(format!("`{path}` is still unknown although everything it refers to is there.")));
    }
    let mut changed = Vec::new();
    if let Some(recorded) = &recorded {
        let changes = context.provider.compare(step.urn.kind(), &recorded.inputs, &prepared.resolved.inputs);
        if changes.is_empty() && !recorded.unsettled {
            journal.record(Entry::Hints { urn: step.urn.clone(), hints: prepared.hints });
            return Ok(Ok(None));
        }
        // After an operation that did not end well nothing is certain: everything is sent.
        if !recorded.unsettled {
            changed = changes.into_iter().map(|change| change.path).collect();
        }
    }
    let identity = recorded.as_ref().map(|recorded| recorded.identity.clone());
    Ok(Ok(Some(Target {
        urn: step.urn.clone(),
        inputs: prepared.resolved.inputs,
        identity: identity.or(prepared.resolved.identity),
        recorded: recorded.map(Box::new),
        changed,
        record: prepared.hints,
    })))
}
