//! What stands in IAM policies: one read-modify-write for all of a request, which touches nothing else.

use std::time::Duration;

use mlflow_host_engine::{Progress, ProviderError, RequestAction};
use mlflow_host_gcp_api::kinds::{IamPolicy, Kind, PolicyEntry, PolicyStyle};
use mlflow_host_graph::Value;
use serde_json::{Map, Value as Json};

use crate::client::{Body, Call};
use crate::error::CallError;
use crate::handle::{Handle, Phase};
use crate::tree;
use crate::work::Work;

mod agent;
mod audit_config;
mod member;

/// How often the cycle is tried. Others may be changing the same policy all the time.
const ATTEMPTS: u32 = 12;
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Begins or goes on with a request for all its targets, which share one policy.
pub(crate) async fn proceed(works: &[Work<'_>], handle: Option<Handle>) -> Result<Progress, ProviderError> {
    let Some(first) = works.first() else { return Ok(Progress::Done(Vec::new())) };
    let action = first.request.action;
    let deletes = action == RequestAction::Delete;
    if let Some(Handle { phase: Phase::Again { session, .. }, .. }) = &handle
        && *session != first.session.id
    {
        first.session.client.facts.take_over();
    }
    let entries: Vec<_> = works.iter().map(|work| entry(work.kind, work.inputs())).collect();
    let attempt = || {
        let verb = entries.first().map_or("change", |entry| entry.verb(action));
        let titles: Vec<_> = entries.iter().map(|entry| entry.title()).collect();
        format!("cannot {verb} {}", titles.join(", "))
    };
    match modify(&entries, first).await {
        Ok(_) if deletes => Ok(Progress::Done(Vec::new())),
        Ok(policy) => {
            let mut outcomes = Vec::with_capacity(works.len());
            for (work, entry) in works.iter().zip(&entries) {
                let outcome = work.outcome(None, entry.find(&policy).unwrap_or_default()).await;
                outcomes.push(outcome.map_err(|error| error.into_provider_error(&attempt()))?);
            }
            Ok(Progress::Done(outcomes))
        }
        // What the policy belonged to is gone, and the policy with it.
        Err(error) if deletes && error.is_status(404) => Ok(Progress::Done(Vec::new())),
        Err(CallError::NotYet { after, patience, note, .. })
            if handle.as_ref().is_none_or(|handle| handle.age() < patience) =>
        {
            let session = first.session.id.clone();
            let phase = Phase::Again { note: note.to_owned(), session };
            let handle = handle.unwrap_or_else(|| Handle::new(phase));
            Ok(Progress::Running { handle: handle.to_json(), after, note: note.to_owned() })
        }
        Err(error) => Err(error.into_provider_error(&attempt())),
    }
}

/// What a policy holds of what these inputs declare; `None` when nothing.
pub(crate) fn find(kind: &Kind, policy: &Json, inputs: &Value) -> Option<Json> {
    entry(kind, inputs).find(policy)
}

/// What one resource stands for in a policy.
trait Entry: Send + Sync {
    /// What is done, in a sentence.
    fn verb(&self, action: RequestAction) -> &'static str;

    /// How it is called in a sentence.
    fn title(&self) -> String;

    /// What the policy holds of it.
    fn find(&self, policy: &Json) -> Option<Json>;

    /// Puts it in, or leaves it there.
    fn put(&self, policy: &mut Json);

    /// Takes it out, if it is there.
    fn take(&self, policy: &mut Json);

    /// Why it must not be made, if something else has its place.
    fn refusal(&self, _policy: &Json) -> Option<ProviderError> {
        None
    }
}

type BoxedEntry<'a> = Box<dyn Entry + 'a>;

fn entry<'a>(kind: &'a Kind, inputs: &'a Value) -> BoxedEntry<'a> {
    match kind.iam.as_ref().map(|iam| iam.entry) {
        Some(PolicyEntry::AuditConfig) => Box::new(audit_config::AuditConfig::of(kind, inputs)),
        Some(PolicyEntry::Member) | None => Box::new(member::Grant::of(inputs)),
    }
}

/// The policy as it is afterwards.
async fn modify(entries: &[BoxedEntry<'_>], first: &Work<'_>) -> Result<Json, CallError> {
    let iam = first
        .kind
        .iam
        .as_ref()
        .ok_or_else(|| CallError::Invalid(format!("`{}` has no policy to belong to", first.kind.name)))?;
    let client = &first.session.client;
    let mut pause = Duration::from_millis(250);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut policy = client.json(&first.call(&iam.get).await?.repeatable()).await?;
        if !change(entries, first.request.action, &mut policy)? {
            return Ok(policy);
        }
        // With the etag in it a second sending is refused, not repeated.
        match client.json(&write_call(first, iam, policy.clone()).await?.repeatable()).await {
            Ok(_) => {
                client.facts.granted();
                return Ok(policy);
            }
            Err(CallError::Conflict { .. }) if attempt < ATTEMPTS => {
                tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => {
                if !agent::bring_about(client, &error).await? {
                    return Err(error);
                }
            }
        }
    }
}

/// Says whether anything had to change.
fn change(entries: &[BoxedEntry<'_>], action: RequestAction, policy: &mut Json) -> Result<bool, CallError> {
    let refusal = || entries.iter().find_map(|entry| entry.refusal(policy));
    if let Some(refusal) = (action == RequestAction::Create).then(refusal).flatten() {
        return Err(CallError::Final(Box::new(refusal)));
    }
    Ok(edit(policy, |policy| {
        for entry in entries {
            match action {
                RequestAction::Create | RequestAction::Update => entry.put(policy),
                RequestAction::Delete => entry.take(policy),
            }
        }
    }))
}

/// Edits a policy and says whether anything is different.
fn edit(policy: &mut Json, edit: impl FnOnce(&mut Json)) -> bool {
    if !policy.is_object() {
        *policy = Json::Object(Map::new());
    }
    let before = policy.clone();
    edit(policy);
    if *policy == before {
        return false;
    }
    // Conditions exist since version 3; a lower one would drop those of others.
    policy["version"] = 3.into();
    true
}

async fn write_call(work: &Work<'_>, iam: &IamPolicy, policy: Json) -> Result<Call, CallError> {
    let mut call = work.call(&iam.set).await?;
    match (iam.style, &mut call.body) {
        (PolicyStyle::Wrapped, Body::Json(body)) => {
            tree::json_set(body, "policy", policy);
            Ok(call)
        }
        _ => Ok(call.json(policy)),
    }
}

/// The list of that name, made if it is not there.
fn list<'p>(policy: &'p mut Json, name: &str) -> Option<&'p mut Vec<Json>> {
    let fields = policy.as_object_mut()?;
    fields.entry(name).or_insert_with(|| Json::Array(Vec::new())).as_array_mut()
}
