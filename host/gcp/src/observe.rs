//! Reading many resources at once: a list for each collection, a policy for its members, and a single read
//! where one resource is wanted.

use std::collections::{BTreeMap, HashMap};

use futures::future::join_all;
use mlflow_host_engine::{Found, Owner, ProviderError, Wanted};
use mlflow_host_gcp_api::kinds::{self, GroupStyle, IdOrigin, Kind, Kinds};
use mlflow_host_gcp_api::template::{self, last_segment};
use mlflow_host_graph::Value;
use serde_json::Value as Json;

use crate::calls;
use crate::client::Call;
use crate::error::CallError;
use crate::kinds::iam_policy;
use crate::resolve::{container, facts};
use crate::session::Session;
use crate::variables::Variables;
use crate::{ownership, tree, work};

/// What became of one resource.
type Answer = Result<Option<Found>, ProviderError>;

/// Reads resources as they are now: one answer each, in order.
pub(crate) async fn observe(session: &Session, wanted: &[Wanted]) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = wanted.iter().map(|_| None).collect();
    let mut groups: BTreeMap<String, Vec<(usize, Subject)>> = BTreeMap::new();
    for (index, wanted) in wanted.iter().enumerate() {
        match Subject::of(session, wanted).await {
            Ok(subject) => groups.entry(subject.source.clone()).or_default().push((index, subject)),
            Err(error) => answers[index] = Some(Err(error)),
        }
    }
    let read = groups.into_values().map(|group| async move {
        let (places, subjects): (Vec<usize>, Vec<Subject>) = group.into_iter().unzip();
        places.into_iter().zip(read_group(session, &subjects).await).collect::<Vec<_>>()
    });
    for (index, answer) in join_all(read).await.into_iter().flatten() {
        answers[index] = Some(answer);
    }
    let never = || Err(ProviderError::new("nothing was read; this is a mistake in mlflow-host."));
    with_their_containers(
        session.config.kinds,
        wanted,
        answers.into_iter().map(|answer| answer.unwrap_or_else(never)).collect(),
    )
}

/// What cannot be read because its container is gone is gone with it.
fn with_their_containers(kinds: Kinds, wanted: &[Wanted], mut answers: Vec<Answer>) -> Vec<Answer> {
    let gone: Vec<&str> = wanted
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| matches!(answer, Ok(None)))
        .map(|(wanted, _)| wanted.identity.as_str())
        .collect();
    let inside: Vec<bool> = wanted
        .iter()
        .map(|wanted| {
            let around =
                kinds.get(wanted.urn.kind().as_str()).and_then(|kind| container(kinds, kind, &wanted.inputs));
            around.is_some_and(|around| gone.contains(&around.as_str()))
        })
        .collect();
    for (answer, _) in answers.iter_mut().zip(inside).filter(|(answer, inside)| *inside && answer.is_err()) {
        *answer = Ok(None);
    }
    answers
}

/// One resource to read.
struct Subject {
    kind: &'static Kind,
    identity: String,
    /// The inputs, with what the identity says of name and place.
    inputs: Value,
    /// Subjects with the same source are read by one call.
    source: String,
}

impl Subject {
    async fn of(session: &Session, wanted: &Wanted) -> Result<Self, ProviderError> {
        let kind = facts(session.config.kinds, &wanted.urn)?;
        let service = format!("//{}/", kind.service);
        let identity = wanted.identity.trim_start_matches(service.as_str());
        let parts = template::extract(&kind.resource, identity).ok_or_else(|| {
            let message = format!("`{}` is not the full name of a `{}`.", wanted.identity, kind.name);
            ProviderError::new(message).with_hint(format!("It looks like `{}`.", kind.resource))
        })?;
        let mut inputs = wanted.inputs.clone();
        if let Value::Map(inputs) = &mut inputs {
            for (variable, value) in parts {
                let name = match variable {
                    "id" if kind.id.is_declared() => "name",
                    other if kind.parents.iter().any(|parent| parent.name == other) => other,
                    _ => continue,
                };
                inputs.insert(name.to_owned(), Value::String(value.to_owned()));
            }
        }
        let mut subject = Self { kind, identity: identity.to_owned(), inputs, source: String::new() };
        let bulk = match (&kind.iam, &kind.list) {
            (Some(iam), _) => Some(&iam.get),
            (None, list) if lists_well(kind) => list.as_ref(),
            (None, _) => None,
        };
        subject.source = match bulk {
            Some(template) => {
                let call = subject.call(session, template).await;
                let call = call.map_err(|error| subject.error(error))?;
                format!("{} {} {} {:?}", kind.name, call.verb, call.path, call.query)
            }
            None => format!("{} {}", kind.name, subject.identity),
        };
        Ok(subject)
    }

    async fn variables(&self, session: &Session) -> Result<Variables<'_>, CallError> {
        session.variables(self.kind, &self.inputs, Some(&self.identity)).await
    }

    async fn call(&self, session: &Session, template: &kinds::Call) -> Result<Call, CallError> {
        let variables = self.variables(session).await?;
        Ok(calls::call(self.kind, template, &variables, "")?.repeatable())
    }

    async fn found(&self, session: &Session, body: Json) -> Result<Option<Found>, CallError> {
        if work::is_absent(self.kind, &body) {
            return Ok(None);
        }
        let owner = self.owner(session, &body).await?;
        let variables = self.variables(session).await?;
        let outputs = work::outputs(self.kind, &self.inputs, &variables, body);
        Ok(Some(Found { identity: self.identity.clone(), outputs, owner }))
    }

    /// Whose it is. A bucket that was asked for by its name may be that of any project.
    async fn owner(&self, session: &Session, body: &Json) -> Result<Owner, CallError> {
        let owner = ownership::whose(self.kind, &session.config, body);
        let home = tree::json_text(body, "projectNumber");
        let is_expected_here =
            self.inputs.get("project").and_then(Value::as_str) == Some(&session.config.project);
        if owner == Owner::Ours || home.is_empty() || !is_expected_here || session.number().await? == home {
            return Ok(owner);
        }
        Ok(Owner::Elsewhere(home.to_owned()))
    }

    fn error(&self, error: CallError) -> ProviderError {
        error.into_provider_error(&format!("cannot read {} `{}`", self.kind.name, self.identity))
    }
}

/// Whether a list is a good way to read a kind: it is not where the collection is a growing history, or is
/// found by other means than its place.
fn lists_well(kind: &Kind) -> bool {
    kind.group.as_ref().is_some_and(|group| group.style == GroupStyle::EnableServices)
        || (kind.delete.is_some() && !matches!(kind.id.origin, IdOrigin::Fixed(_)))
}

async fn read_group(session: &Session, subjects: &[Subject]) -> Vec<Answer> {
    let Some(first) = subjects.first() else { return Vec::new() };
    let bodies = match (&first.kind.iam, &first.kind.list, subjects) {
        (Some(iam), _, _) => entries(session, first, &iam.get, subjects).await,
        (None, list, [_]) => {
            match single(session, first).await {
                // To a stranger Google does not say whether a thing exists; a list does.
                Err(error) if error.is_status(403) && list.is_some() && lists_well(first.kind) => {
                    listed(session, first, list.as_ref(), subjects).await.map_err(|_| error)
                }
                other => other.map(|body| vec![body]),
            }
        }
        (None, list, _) => listed(session, first, list.as_ref(), subjects).await,
    };
    match bodies {
        Err(error) => subjects.iter().map(|subject| Err(subject.error(error.clone()))).collect(),
        Ok(bodies) => {
            join_all(subjects.iter().zip(bodies).map(|(subject, body)| async move {
                let Some(body) = body else { return Ok(None) };
                subject.found(session, body).await.map_err(|error| subject.error(error))
            }))
            .await
        }
    }
}

async fn single(session: &Session, subject: &Subject) -> Result<Option<Json>, CallError> {
    let Some(read) = &subject.kind.read else { return Ok(None) };
    work::read(session, subject.kind, read, &subject.variables(session).await?).await
}

async fn listed(
    session: &Session,
    first: &Subject,
    template: Option<&kinds::Call>,
    subjects: &[Subject],
) -> Result<Vec<Option<Json>>, CallError> {
    let Some(template) = template else { return Ok(subjects.iter().map(|_| None).collect()) };
    let items = match work::list(session, &first.call(session, template).await?, template).await {
        Ok(items) => items,
        Err(error) if error.is_status(404) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut by_last: HashMap<&str, Vec<&Json>> = HashMap::new();
    for item in &items {
        by_last.entry(last_segment(own_name(first.kind, item))).or_default().push(item);
    }
    let mut bodies = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let queries = queries(session, subject).await?;
        let candidates = by_last.get(last_segment(&subject.identity)).map(Vec::as_slice).unwrap_or_default();
        let meant = candidates.iter().find(|item| is_meant(subject, &queries, item));
        bodies.push(meant.map(|item| (*item).clone()));
    }
    Ok(bodies)
}

/// The query parameters that tell a resource from others of its name.
async fn queries(session: &Session, subject: &Subject) -> Result<Vec<(String, String)>, CallError> {
    match &subject.kind.read {
        Some(read) => Ok(subject.call(session, read).await?.query),
        None => Ok(Vec::new()),
    }
}

fn own_name<'a>(kind: &Kind, item: &'a Json) -> &'a str {
    match &kind.id.origin {
        IdOrigin::Server(attribute) => tree::json_text(item, attribute),
        _ => tree::json_text(item, "name"),
    }
}

/// Whether a listed item, which says its short or its full name, is the one of this identity.
fn is_meant(subject: &Subject, queries: &[(String, String)], item: &Json) -> bool {
    let name = own_name(subject.kind, item);
    let depth = |text: &str| text.split('/').count();
    // A full name may hold the project's number instead of its id.
    let is_full = name.starts_with("projects/") && depth(name) == depth(&subject.identity);
    let is_named = is_full || name == subject.identity || subject.identity.ends_with(&format!("/{name}"));
    is_named && queries.iter().all(|(name, value)| item.get(name).is_none_or(|found| found == value))
}

/// What of them is in a policy.
async fn entries(
    session: &Session,
    first: &Subject,
    get: &kinds::Call,
    subjects: &[Subject],
) -> Result<Vec<Option<Json>>, CallError> {
    let policy = match session.client.json(&first.call(session, get).await?).await {
        Ok(policy) => policy,
        Err(error) if error.is_status(404) => return Ok(subjects.iter().map(|_| None).collect()),
        Err(error) => return Err(error),
    };
    Ok(subjects.iter().map(|subject| iam_policy::find(subject.kind, &policy, &subject.inputs)).collect())
}
