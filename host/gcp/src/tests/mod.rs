//! The provider against a scripted cloud: what is asked, in which order, and what comes of it. Whatever is asked has to
//! be something that Google's description of its APIs knows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mlflow_host_engine::{
    Declaration, Outcome, Progress, Provider as _, ProviderError, Recorded, Request, RequestAction, Target,
};
use mlflow_host_gcp_api::kinds::Kinds;
use mlflow_host_graph::Value;
use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::transport::{Incoming, NoAnswer, Outgoing, Transport};
use crate::{Credentials, Endpoints, GcpConfig, GcpProvider, NoAssets};

mod declaring;
mod described;
mod groups;
mod http;
mod lifecycle;
mod observing;
mod odd_kinds;
mod own_kinds;
mod owners;
mod resolving;

pub(super) const BASE: &str = "http://cloud";

/// What the scripted cloud answers to one request: status, headers, body. No status: no answer at all.
#[derive(Clone)]
pub(super) struct Reply(Option<u16>, Incoming);

pub(super) fn reply(body: Json) -> Reply {
    status(200, body)
}

pub(super) fn status(status: u16, body: Json) -> Reply {
    Reply(Some(status), Incoming { status, body: body.to_string().into_bytes(), ..Incoming::default() })
}

pub(super) fn error(code: u16, status_name: &str, message: &str) -> Reply {
    status(code, json!({"error": {"code": code, "status": status_name, "message": message}}))
}

pub(super) fn lost() -> Reply {
    Reply(None, Incoming::default())
}

impl Reply {
    pub(super) fn incoming(mut self, change: impl FnOnce(&mut Incoming)) -> Self {
        change(&mut self.1);
        self
    }
}

#[derive(Default)]
struct Play {
    /// `VERB path?query` that must come next, and the answer.
    script: VecDeque<(String, Reply)>,
    /// What came: the line, and the body.
    seen: Vec<(String, Vec<u8>)>,
    problems: Vec<String>,
    /// Kinds whose APIs are there as well.
    kinds: Kinds,
}

impl Drop for Play {
    /// What was wrong is said even if nobody asks.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.problems.is_empty(), "{:#?}", self.problems);
        }
    }
}

/// A cloud that expects exactly these requests.
#[derive(Clone, Default)]
pub(super) struct Cloud(Arc<Mutex<Play>>);

impl Cloud {
    pub(super) fn expecting(script: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        let cloud = Self::default();
        cloud.then(script);
        cloud
    }

    pub(super) fn then(&self, script: impl IntoIterator<Item = (&'static str, Reply)>) {
        self.0
            .lock()
            .unwrap()
            .script
            .extend(script.into_iter().map(|(line, reply)| (line.to_owned(), reply)));
    }

    /// The JSON body of the request number `index`.
    pub(super) fn body(&self, index: usize) -> Json {
        serde_json::from_slice(&self.0.lock().unwrap().seen[index].1).unwrap_or_default()
    }

    pub(super) fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap().seen[index].1).into_owned()
    }

    /// Everything expected has come, and nothing else.
    pub(super) fn finished(&self) {
        let play = self.0.lock().unwrap();
        assert!(play.problems.is_empty(), "{:#?}", play.problems);
        let left: Vec<_> = play.script.iter().map(|(line, _)| line).collect();
        assert!(left.is_empty(), "never asked: {left:#?}");
    }
}

#[async_trait]
impl Transport for Cloud {
    async fn send(&self, request: Outgoing) -> Result<Incoming, NoAnswer> {
        let line = format!("{} {}", request.verb, request.address.strip_prefix(BASE).unwrap());
        let mut play = self.0.lock().unwrap();
        let violations = described::violations(&request, play.kinds);
        play.problems.extend(violations.into_iter().map(|violation| format!("{line}: {violation}")));
        play.seen.push((line.clone(), request.body));
        let Some((expected, Reply(status, incoming))) = play.script.pop_front() else {
            play.problems.push(format!("unexpected {line}"));
            return Err(NoAnswer { cause: format!("unexpected {line}"), unsent: false });
        };
        if expected != line {
            play.problems.push(format!("{line} instead of {expected}"));
        }
        match status {
            Some(_) => Ok(incoming),
            None => Err(NoAnswer { cause: "connection reset".into(), unsent: false }),
        }
    }
}

pub(super) fn config() -> GcpConfig {
    GcpConfig {
        project: "p".into(),
        region: "europe-west1".into(),
        project_number: Some("42".into()),
        stack: "dev".into(),
        seed: "x7k2".into(),
        endpoints: Endpoints::Prefix(BASE.into()),
        credentials: Credentials::None,
        quota_project: None,
        kinds: Kinds::default(),
        assets: Arc::new(NoAssets),
        offline: false,
    }
}

pub(super) fn provider(cloud: &Cloud) -> GcpProvider {
    provider_with(config(), cloud)
}

pub(super) fn provider_with(config: GcpConfig, cloud: &Cloud) -> GcpProvider {
    cloud.0.lock().unwrap().kinds = config.kinds;
    let client = Client::over(&config, Box::new(cloud.clone()));
    GcpProvider::over(config, client)
}

/// The ownership labels of the test stack.
pub(super) fn labels() -> Json {
    json!({"managed-by": "mlflow-host", "mlflow-host-stack": "dev", "mlflow-host-seed": "x7k2"})
}

/// A resource to create, resolved as the engine would.
pub(super) fn target(provider: &GcpProvider, urn: &str, properties: impl Into<Value>) -> Target {
    let urn = urn.parse().unwrap();
    let properties = properties.into().as_map().unwrap().clone();
    let declaration = Declaration { urn: &urn, properties: &properties, suffix: "ab12" };
    let resolved = provider.resolve(&declaration).unwrap();
    Target {
        urn,
        inputs: resolved.inputs,
        identity: resolved.identity,
        recorded: None,
        changed: Vec::new(),
        record: Default::default(),
    }
}

/// The same resource as it is recorded, with nothing to be.
pub(super) fn recorded(target: Target) -> Target {
    let recorded = Recorded {
        urn: target.urn.clone(),
        identity: target.identity.clone().unwrap_or_default(),
        inputs: target.inputs,
        outputs: Value::empty_map(),
        hints: Default::default(),
        unsettled: false,
        deferred: None,
    };
    Target { inputs: Value::empty_map(), recorded: Some(Box::new(recorded)), ..target }
}

pub(super) fn request(action: RequestAction, targets: Vec<Target>) -> Request {
    Request { id: "5ca1ab1e-0000-4000-8000-000000000000".into(), action, targets }
}

/// Carries a request out as the engine would. Also returns the notes, without repetition.
pub(super) async fn run(
    provider: &GcpProvider,
    request: &Request,
) -> (Result<Vec<Outcome>, ProviderError>, Vec<String>) {
    let first = provider.begin(request).await;
    follow(provider, request, first).await
}

pub(super) async fn follow(
    provider: &GcpProvider,
    request: &Request,
    mut progress: Result<Progress, ProviderError>,
) -> (Result<Vec<Outcome>, ProviderError>, Vec<String>) {
    let mut notes: Vec<String> = Vec::new();
    for _ in 0..200 {
        match progress {
            Ok(Progress::Running { handle, after, note }) => {
                if !note.is_empty() && notes.last() != Some(&note) {
                    notes.push(note);
                }
                tokio::time::sleep(after).await;
                progress = provider.advance(request, &handle).await;
            }
            Ok(Progress::Done(outcomes)) => return (Ok(outcomes), notes),
            Ok(Progress::Deferred { reason, retry_after }) => {
                notes.push(format!("deferred for {} minutes: {reason}", retry_after.as_secs() / 60));
                return (Ok(Vec::new()), notes);
            }
            Err(error) => return (Err(error), notes),
        }
    }
    panic!("never done: {notes:?}");
}
