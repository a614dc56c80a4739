//! The provider itself: hands each request to what knows how to do it.

use std::time::Duration;

use async_trait::async_trait;
use mlflow_host_engine::{
    Change, Declaration, Durations, Found, Progress, Provider, ProviderError, Recovery, Request,
    RequestAction, Resolved, Wanted,
};
use mlflow_host_gcp_api::kinds::{self, GroupStyle, Kinds};
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Diagnostic, Graph, Kind, Urn, Value};
use serde_json::Value as Json;

use crate::client::Client;
use crate::config::GcpConfig;
use crate::handle::Handle;
use crate::kinds::{iam_policy, services};
use crate::resolve::{RESOURCE_ID, facts, resolve};
use crate::session::Session;
use crate::variables::Variables;
use crate::work::{self, Work};
use crate::{compare, declared, machine, observe};

/// The kind whose number makes names predictable.
const PROJECT: &str = "cloudresourcemanager.googleapis.com/Project";

/// Google Cloud, or something that answers like it.
pub struct GcpProvider {
    session: Session,
}

impl GcpProvider {
    /// A provider. Nothing is sent, and no credentials are looked for, before the first request.
    pub fn new(config: GcpConfig) -> Self {
        let client = Client::new(&config);
        Self::over(config, client)
    }

    pub(crate) fn over(config: GcpConfig, client: Client) -> Self {
        Self { session: Session::new(config, client) }
    }

    fn kinds(&self) -> Kinds {
        self.session.config.kinds
    }

    fn works<'a>(&'a self, request: &'a Request) -> Result<Vec<Work<'a>>, ProviderError> {
        let work = |target| {
            let kind = facts(self.kinds(), &request.targets[0].urn)?;
            Ok(Work { session: &self.session, kind, request, target })
        };
        request.targets.iter().map(work).collect()
    }

    async fn proceed(&self, request: &Request, handle: Option<Handle>) -> Result<Progress, ProviderError> {
        let works = self.works(request)?;
        let style = works.first().and_then(|work| work.kind.group.as_ref()).map(|group| group.style);
        match (style, works.as_slice(), handle) {
            (Some(GroupStyle::EnableServices), works, handle) => services::proceed(works, handle).await,
            (Some(GroupStyle::IamPolicy), works, handle) => iam_policy::proceed(works, handle).await,
            (None, [work], None) => machine::begin(*work).await,
            (None, [work], Some(handle)) => machine::advance(*work, handle).await,
            (None, works, _) => Err(ProviderError::new(format!(
                "a request for {} resources of a kind that takes them one by one; this is a mistake in mlflow-host.",
                works.len()
            ))),
        }
    }
}

/// What a resource was looked up by can be referred to, as the inputs of a declared one can.
fn with_place(kind: &kinds::Kind, inputs: &Value, mut outputs: Value) -> Value {
    if let (Value::Map(outputs), Value::Map(inputs)) = (&mut outputs, inputs) {
        let names = kind.parents.iter().map(|parent| parent.name.as_str()).chain(["name"]);
        for (name, value) in names.filter_map(|name| Some((name, inputs.get(name)?))) {
            outputs.get_or_insert_with(name, || value.clone());
        }
    }
    outputs
}

#[async_trait]
impl Provider for GcpProvider {
    fn durations(&self, kind: &Kind) -> Durations {
        let seconds = self.kinds().get(kind.as_str()).map(|kind| kind.seconds).unwrap_or_default();
        let duration = |seconds: u32| Duration::from_secs(seconds.into());
        Durations {
            create: duration(seconds.create),
            update: duration(seconds.update),
            delete: duration(seconds.delete),
        }
    }

    fn resolve(&self, declaration: &Declaration<'_>) -> Result<Resolved, ProviderError> {
        resolve(&self.session, facts(self.kinds(), declaration.urn)?, declaration)
    }

    fn compare(&self, kind: &Kind, old: &Value, new: &Value) -> Vec<Change> {
        self.kinds().get(kind.as_str()).map(|kind| compare::compare(kind, old, new)).unwrap_or_default()
    }

    fn stable_outputs(&self, kind: &Kind, outputs: &Value) -> Map {
        let Some(kind) = self.kinds().get(kind.as_str()) else { return Map::new() };
        let listed = |paths: &[String], name: &str| paths.iter().any(|path| path == name);
        let is_stable = |name: &str| {
            let by_google = kind.attribute_schema().and_then(|schema| schema.properties.get(name));
            let output_only =
                listed(&kind.output_only, name) || by_google.is_some_and(|field| field.output_only);
            let named = name == RESOURCE_ID || name == "name" || kind.predicted.contains_key(name);
            (output_only || named) && !listed(&kind.volatile, name)
        };
        let attributes = outputs.as_map().into_iter().flatten();
        attributes
            .filter(|(name, _)| is_stable(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    async fn complete(&self, graph: &mut Graph) -> Vec<Diagnostic> {
        declared::complete(&self.session, graph).await
    }

    async fn lookup(&self, urn: &Urn, properties: &Map) -> Result<Value, ProviderError> {
        let kind = facts(self.kinds(), urn)?;
        let mut declared = properties.clone();
        // Whoever knows the short id may give it under either name.
        if let Some(id) = declared.remove(RESOURCE_ID) {
            declared.get_or_insert_with("name", || id);
        }
        let declaration = Declaration { urn, properties: &declared, suffix: "" };
        let inputs = resolve(&self.session, kind, &declaration)?.inputs;
        let given = declared.get("name").and_then(Value::as_str).map(str::to_owned);
        let attempt = format!("cannot look up `{urn}`");
        let look = async {
            let variables = self.session.variables(kind, &inputs, given.as_deref()).await?;
            let Some(read) = &kind.read else { return Ok(None) };
            let found = work::read(&self.session, kind, read, &variables).await?;
            if let Some(body) = found.as_ref().filter(|_| kind.name == PROJECT) {
                self.session.learn(body);
            }
            Ok(found.map(|body| with_place(kind, &inputs, work::outputs(kind, &inputs, &variables, body))))
        };
        match look.await.map_err(|error: crate::error::CallError| error.into_provider_error(&attempt))? {
            Some(outputs) => Ok(outputs),
            None => {
                let identity =
                    Variables::new(kind, &inputs, given.as_deref(), None).identity().unwrap_or_default();
                Err(ProviderError::new(format!("{attempt}: there is no {} `{identity}`.", kind.name)))
            }
        }
    }

    async fn observe(&self, wanted: &[Wanted]) -> Vec<Result<Option<Found>, ProviderError>> {
        observe::observe(&self.session, wanted).await
    }

    fn drift(&self, kind: &Kind, inputs: &Value, outputs: &Value) -> Vec<Change> {
        self.kinds().get(kind.as_str()).map(|kind| compare::drift(kind, inputs, outputs)).unwrap_or_default()
    }

    async fn begin(&self, request: &Request) -> Result<Progress, ProviderError> {
        self.proceed(request, None).await
    }

    async fn advance(&self, request: &Request, handle: &Json) -> Result<Progress, ProviderError> {
        let handle: Handle = serde_json::from_value(handle.clone()).map_err(|error| {
            ProviderError::new(format!("the journal's note about an operation cannot be read: {error}."))
                .with_hint("Use the version of mlflow-host that wrote it.")
                .with_uncertain_fate()
        })?;
        self.proceed(request, Some(handle)).await
    }

    async fn recover(&self, request: &Request) -> Result<Recovery, ProviderError> {
        let works = self.works(request)?;
        match works.as_slice() {
            [work] if work.kind.group.is_none() => machine::recover(*work).await,
            // Enabling what is enabled, granting what is granted: safe to ask once more.
            works => match request.action {
                RequestAction::Delete if works.iter().all(|work| work.kind.iam.is_none()) => {
                    Ok(Recovery::Reached(Progress::Done(Vec::new())))
                }
                _ => Ok(Recovery::NotReached),
            },
        }
    }
}
