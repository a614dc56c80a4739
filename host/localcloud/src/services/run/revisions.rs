//! Revisions: a service's template, frozen, and the process that runs it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{begin, check_etag, condition, containers, etag, fronts, missing, typed};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::text;
use crate::common::operations::{Failure, Operation};
use crate::common::{clock, identifiers};
use crate::data::containers::{Container, ContainerError};
use crate::server::call::{Answer, Call, Reply, page};

/// How long an instance has to end after SIGTERM; Google's figure.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Fields of a template that a revision has under the same name.
const TEMPLATE: [&str; 14] = [
    "labels",
    "annotations",
    "scaling",
    "vpcAccess",
    "timeout",
    "serviceAccount",
    "containers",
    "volumes",
    "executionEnvironment",
    "encryptionKey",
    "maxInstanceRequestConcurrency",
    "sessionAffinity",
    "healthCheckDisabled",
    "nodeSelector",
];

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let service = call.located("services", call.variable("service"));
    let name = format!("{service}/revisions/{}", call.variable("revision"));
    match action {
        "get" => cloud.store.revisions.get(&name).map(Reply::Json).ok_or_else(|| missing(&name, "REVISION")),
        "list" => {
            let rows = cloud.store.revisions.list(&format!("{service}/revisions/"));
            // Newest first: the number in the name grows.
            let items = rows.into_iter().rev().map(|(_, body)| body).collect();
            page(call, "revisions", items).map(Reply::Json)
        }
        "delete" => {
            let revision = cloud.store.revisions.get(&name).ok_or_else(|| missing(&name, "REVISION"))?;
            check_etag(call.query("etag"), &revision)?;
            if cloud.fronts.serves(&service, &name) {
                return Err(ApiError::precondition(format!(
                    "Revision '{}' cannot be deleted: it receives traffic.",
                    call.variable("revision")
                )));
            }
            begin(cloud, call, &name, typed("Revision", &revision), Value::Null)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

pub(super) fn remove(cloud: &Cloud, operation: &Operation) -> Result<Value, Failure> {
    let revision = cloud.store.revisions.remove(&operation.target)?;
    Ok(revision.map_or_else(|| operation.metadata.clone(), |revision| typed("Revision", &revision)))
}

/// The template that a revision was made from.
pub(super) fn template(revision: &Value) -> Value {
    let mut template = json!({});
    for field in TEMPLATE {
        if let Some(value) = revision.get(field) {
            template[field] = value.clone();
        }
    }
    template
}

/// Makes a revision of a service's template, starts it and moves the traffic to it. The old one
/// goes on serving when that fails.
pub(super) async fn roll_out(
    cloud: &Arc<Cloud>,
    service: &Value,
    suffix: &str,
) -> Result<String, (String, Failure)> {
    let service_name = text(service, "name").unwrap_or_default();
    let id = service_name.rsplit('/').next().unwrap_or_default();
    let number: u64 = text(service, "generation").and_then(|text| text.parse().ok()).unwrap_or(1);
    let short = match text(service, "template.revision") {
        Some(given) => given.to_owned(),
        None => format!("{id}-{number:05}-{suffix}"),
    };
    let name = format!("{service_name}/revisions/{short}");
    let failed = |failure: Failure| (name.clone(), failure);
    let mut revision = template_of(service);
    let own = json!({
        "name": name,
        "uid": identifiers::uuid(),
        "generation": "1",
        "createTime": clock::now(),
        "updateTime": clock::now(),
        "launchStage": service["launchStage"],
        "service": id,
        "reconciling": true,
        "etag": etag(),
        "conditions": [],
    });
    crate::common::json::merge(&mut revision, &own);
    cloud.store.revisions.put(&name, revision).map_err(|error| failed(error.into()))?;
    let started = async {
        fronts::open(cloud, service_name).await?;
        serve(cloud, service_name, &name).await
    };
    let result = started.await.map_err(|failure| Failure {
        message: format!("Revision '{short}' is not ready and cannot serve traffic. {}", failure.message),
        ..failure
    });
    cloud
        .store
        .revisions
        .change::<Failure>(&name, |revision| {
            let failure = result.as_ref().err().map(|failure| failure.message.as_str());
            crate::common::json::remove(revision, "reconciling");
            revision["observedGeneration"] = "1".into();
            revision["updateTime"] = clock::now().into();
            revision["etag"] = etag().into();
            revision["conditions"] = ["Ready", "ContainerReady", "ContainerHealthy", "ResourcesAvailable"]
                .map(|kind| condition(kind, failure))
                .to_vec()
                .into();
            Ok(())
        })
        .map_err(failed)?;
    result.map_err(|failure| (name.clone(), failure))?;
    Ok(name)
}

fn template_of(service: &Value) -> Value {
    template(&service["template"])
}

/// Starts the process of a revision, waits for its probe and makes it the one that serves.
pub(super) async fn serve(cloud: &Arc<Cloud>, service: &str, revision: &str) -> Result<(), Failure> {
    let (container, port) = start(cloud, service, revision).await?;
    fronts::switch(cloud, service, revision, container, port).await;
    Ok(())
}

/// Starts the process of a revision and waits for its probe.
pub(super) async fn start(
    cloud: &Arc<Cloud>,
    service: &str,
    revision: &str,
) -> Result<(Container, u16), Failure> {
    let body = cloud
        .store
        .revisions
        .get(revision)
        .ok_or_else(|| Failure::new(5, missing(revision, "REVISION").message))?;
    let template = template(&body);
    let project = service.split('/').nth(1).unwrap_or_default();
    let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let own = BTreeMap::from([
        ("K_SERVICE".to_owned(), short(service)),
        ("K_CONFIGURATION".to_owned(), short(service)),
        ("K_REVISION".to_owned(), short(revision)),
    ]);
    let mut specification = containers::specification(cloud, project, &template, own, revision).await?;
    let port = fronts::process_port(cloud, service).await?;
    specification.id = format!("{}-{}", specification.id, identifiers::suffix(4));
    specification.port = Some(port);
    let log = specification.log.clone();
    let container = cloud.containers.start(specification).await.map_err(|error| not_ready(&error, &log))?;
    let probe = containers::startup_probe(&template["containers"][0], port);
    if let Err(error) = container.ready(&probe).await {
        if let Err(error) = container.stop(GRACE).await {
            tracing::warn!(%error, revision, "cannot stop the container of a failed revision");
        }
        return Err(not_ready(&error, &log));
    }
    Ok((container, port))
}

/// Cloud Run's words for a container that did not get ready, with what it said last.
fn not_ready(error: &ContainerError, log: &std::path::Path) -> Failure {
    let tail = crate::data::file::tail(log, 20).join("\n");
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or_default();
    Failure::new(
        9,
        format!(
            "The user-provided container failed the configured startup probe checks. {reason}\n\
             Last lines of {}:\n{tail}",
            log.display()
        ),
    )
}
