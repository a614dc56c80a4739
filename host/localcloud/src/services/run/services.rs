//! Services: create, update, delete; a deployment makes a revision and moves the traffic.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    begin, check_etag, check_id, checks, condition, defaults, fronts, generation, listing, missing,
    policy_call, resource, restamp, revisions, stamp, typed, validated,
};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{apply_mask, text};
use crate::common::operations::{Failure, Operation};
use crate::common::{clock, identifiers, policies};
use crate::server::call::{Answer, Call, Reply};
use crate::services::compute::subnetworks::release_addresses;
use crate::services::regular;

pub(super) async fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let name = call.located("services", call.variable("service"));
    match action {
        "create" => create(cloud, call, check_id(call, "serviceId")?),
        "get" => existing(cloud, &name).map(Reply::Json),
        "list" => listing(call, &cloud.store.services, "services"),
        "patch" => patch(cloud, call, &name),
        "delete" => delete(cloud, call, &name),
        _ => {
            existing(cloud, &name)?;
            policy_call(cloud, call, &name, action).unwrap_or_else(|| Err(ApiError::unimplemented(call.id)))
        }
    }
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.services.get(name).ok_or_else(|| missing(name, "SERVICE"))
}

/// The host under which Google serves a service: known before it exists.
pub(super) fn host(name: &str) -> String {
    let part = |index: usize| name.split('/').nth(index).unwrap_or_default();
    format!("{}-{}.{}.run.app", part(5), identifiers::project_number(part(1)), part(3))
}

fn create(cloud: &Arc<Cloud>, call: &Call, id: &str) -> Answer {
    let name = call.located("services", id);
    if text(&call.body, "name").is_some_and(|given| given != name) {
        return Err(ApiError::invalid("service.name: must be empty when a service is created."));
    }
    let mut service = call.body.clone();
    crate::common::json::remove(&mut service, "etag");
    defaults::service(&mut service, call.project());
    checks::template(cloud, call.project(), call.variable("location"), &service["template"])?;
    stamp(&mut service, &name);
    if call.query("validateOnly") == Some("true") {
        return validated("Service", &service);
    }
    Cloud::create(&cloud.store.services, &name, service.clone(), || {
        ApiError::exists(format!("Resource '{id}' already exists."))
    })?;
    // Recorded: the answer to a creation does not show the ingress yet.
    crate::common::json::remove(&mut service, "ingress");
    start(cloud, call, &name, &service)
}

/// Begins a deployment of the service as it is now.
fn start(cloud: &Arc<Cloud>, call: &Call, name: &str, service: &Value) -> Answer {
    let input = json!({
        "generation": service["generation"],
        "suffix": identifiers::suffix(3),
        "force": call.query("forceNewRevision") == Some("true"),
    });
    begin(cloud, call, name, typed("Service", service), input)
}

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let Some(before) = cloud.store.services.get(name) else {
        return if call.query("allowMissing") == Some("true") {
            create(cloud, call, call.variable("service"))
        } else {
            Err(missing(name, "SERVICE"))
        };
    };
    let mut wanted = wanted(&before, &call.body, call.query("updateMask"));
    defaults::service(&mut wanted, call.project());
    checks::template(cloud, call.project(), call.variable("location"), &wanted["template"])?;
    check_etag(call.text("etag"), &before)?;
    if call.query("validateOnly") == Some("true") {
        return validated("Service", &wanted);
    }
    let changed = cloud.store.services.change::<ApiError>(name, |service| {
        check_etag(call.text("etag"), service)?;
        if service.get("deleteTime").is_some() {
            return Err(ApiError::aborted(format!(
                "Resource '{}' is being deleted.",
                call.variable("service")
            )));
        }
        let current = std::mem::replace(service, wanted);
        // The server's own fields stay as they are now, not as they were when read.
        for field in SERVERS {
            match current.get(field) {
                Some(value) => service[field] = value.clone(),
                None => drop(crate::common::json::remove(service, field)),
            }
        }
        restamp(service);
        Ok(())
    })?;
    let service = changed.ok_or_else(|| missing(name, "SERVICE"))?;
    start(cloud, call, name, &service)
}

/// Fields of a service that only the server sets.
const SERVERS: [&str; 18] = [
    "name",
    "uid",
    "generation",
    "createTime",
    "creator",
    "lastModifier",
    "updateTime",
    "observedGeneration",
    "terminalCondition",
    "conditions",
    "latestReadyRevision",
    "latestCreatedRevision",
    "trafficStatuses",
    "uri",
    "urls",
    "reconciling",
    "etag",
    "deleteTime",
];

/// The service that a patch asks for: with a mask its fields, without one all that can change.
fn wanted(before: &Value, body: &Value, mask: Option<&str>) -> Value {
    if let Some(mask) = mask.filter(|mask| *mask != "*") {
        let mut wanted = before.clone();
        apply_mask(&mut wanted, body, mask);
        return wanted;
    }
    let mut wanted = body.clone();
    for field in SERVERS {
        crate::common::json::remove(&mut wanted, field);
    }
    for field in SERVERS {
        if let Some(value) = before.get(field) {
            wanted[field] = value.clone();
        }
    }
    wanted
}

fn delete(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let service = existing(cloud, name)?;
    check_etag(call.query("etag"), &service)?;
    if call.query("validateOnly") == Some("true") {
        return validated("Service", &service);
    }
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30 * 24);
    let changed = cloud.store.services.change::<ApiError>(name, |service| {
        restamp(service);
        service["deleteTime"] = clock::now().into();
        service["expireTime"] = clock::utc(expires).into();
        Ok(())
    })?;
    let service = changed.ok_or_else(|| missing(name, "SERVICE"))?;
    release_addresses(cloud, name, &service["template"]);
    begin(cloud, call, name, typed("Service", &service), Value::Null)
}

/// The work of a deployment.
pub(super) async fn deploy(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    let service =
        cloud.store.services.get(name).ok_or_else(|| Failure::new(5, missing(name, "SERVICE").message))?;
    let wanted =
        text(&operation.input, "generation").and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    if generation(&service) > wanted {
        // A later change is waiting for its turn, and will deploy what is declared by then.
        return Ok(typed("Service", &service));
    }
    let revision = match current(cloud, &service, &operation.input) {
        Some(revision) => Ok(revision),
        None => {
            let suffix = text(&operation.input, "suffix").unwrap_or("000");
            revisions::roll_out(cloud, &service, suffix).await
        }
    };
    let uri = format!("https://{}", host(name));
    let changed = cloud.store.services.change::<Failure>(name, |service| {
        settled(service);
        match &revision {
            Ok(revision) => {
                service["terminalCondition"] = condition("Ready", None);
                service["conditions"] =
                    json!([condition("RoutesReady", None), condition("ConfigurationsReady", None)]);
                service["latestReadyRevision"] = revision.as_str().into();
                service["latestCreatedRevision"] = revision.as_str().into();
                service["trafficStatuses"] = service["traffic"].clone();
                service["uri"] = uri.as_str().into();
                service["urls"] = json!([uri]);
            }
            Err((revision, failure)) => {
                service["terminalCondition"] = condition("Ready", Some(&failure.message));
                service["conditions"] = json!([
                    condition(
                        "RoutesReady",
                        service.get("latestReadyRevision").is_none().then_some(failure.message.as_str())
                    ),
                    condition("ConfigurationsReady", Some(&failure.message)),
                ]);
                service["latestCreatedRevision"] = revision.as_str().into();
            }
        }
        Ok(())
    })?;
    let service = changed.ok_or_else(|| Failure::new(5, missing(name, "SERVICE").message))?;
    match revision {
        Ok(_) => Ok(typed("Service", &service)),
        Err((_, failure)) => {
            cloud.operations.set_metadata(operation, typed("Service", &service))?;
            Err(failure)
        }
    }
}

/// Marks a service as being as it is declared. Its etag stays: recorded, it changes with the update time only.
fn settled(service: &mut Value) {
    service["observedGeneration"] = service["generation"].clone();
    crate::common::json::remove(service, "reconciling");
}

/// The ready revision, if it already runs what the service declares.
fn current(cloud: &Cloud, service: &Value, input: &Value) -> Option<String> {
    if input["force"] == true {
        return None;
    }
    let name = text(service, "latestReadyRevision")?;
    let latest = text(service, "latestCreatedRevision") == Some(name);
    let revision = cloud.store.revisions.get(name)?;
    (latest
        && revisions::template(&revision) == service["template"]
        && cloud.fronts.serves(service["name"].as_str()?, name))
    .then(|| name.to_owned())
}

/// The work of a deletion.
pub(super) async fn remove(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    fronts::close(cloud, name).await?;
    for (revision, _) in cloud.store.revisions.list(&format!("{name}/revisions/")) {
        cloud.store.revisions.remove(&revision)?;
    }
    policies::remove(cloud, &resource(name))?;
    regular::unguard(cloud, name)?;
    let Some(mut service) = cloud.store.services.remove(name)? else { return Ok(operation.metadata.clone()) };
    settled(&mut service);
    service["updateTime"] = clock::now().into();
    service["etag"] = super::etag().into();
    service["terminalCondition"] = condition("Ready", None);
    Ok(typed("Service", &service))
}

/// Serves again what was served before the local cloud was stopped.
pub(crate) async fn restore(cloud: &Arc<Cloud>) {
    let services = cloud.store.services.list("projects/");
    let starts = services.iter().filter_map(|(name, service)| {
        let revision = text(service, "latestReadyRevision")?.to_owned();
        Some(async move {
            let restored = async {
                fronts::open(cloud, name).await?;
                revisions::serve(cloud, name, &revision).await
            };
            if let Err(failure) = restored.await {
                tracing::error!(service = name, %failure, "cannot start a service again");
            }
        })
    });
    futures::future::join_all(starts).await;
}
