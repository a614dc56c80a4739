//! Service Usage: which APIs a project may use (v1), and the APIs' own accounts in it (v1beta1).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::{list, merge, text};
use crate::common::operations::{Failure, Operation};
use crate::server::call::{Answer, Call, Reply, page};

/// Most services per `batchEnable`.
const BATCH: usize = 20;

/// The services that the local cloud knows, with their titles.
const KNOWN: &[(&str, &str)] = &[
    ("artifactregistry.googleapis.com", "Artifact Registry API"),
    ("billingbudgets.googleapis.com", "Cloud Billing Budget API"),
    ("cloudbuild.googleapis.com", "Cloud Build API"),
    ("cloudkms.googleapis.com", "Cloud Key Management Service (KMS) API"),
    ("cloudresourcemanager.googleapis.com", "Cloud Resource Manager API"),
    ("cloudscheduler.googleapis.com", "Cloud Scheduler API"),
    ("compute.googleapis.com", "Compute Engine API"),
    ("iam.googleapis.com", "Identity and Access Management (IAM) API"),
    ("iamcredentials.googleapis.com", "IAM Service Account Credentials API"),
    ("iap.googleapis.com", "Cloud Identity-Aware Proxy API"),
    ("logging.googleapis.com", "Cloud Logging API"),
    ("monitoring.googleapis.com", "Cloud Monitoring API"),
    ("run.googleapis.com", "Cloud Run Admin API"),
    ("secretmanager.googleapis.com", "Secret Manager API"),
    ("servicenetworking.googleapis.com", "Service Networking API"),
    ("serviceusage.googleapis.com", "Service Usage API"),
    ("sqladmin.googleapis.com", "Cloud SQL Admin API"),
    ("sql-component.googleapis.com", "Cloud SQL"),
    ("storage.googleapis.com", "Cloud Storage API"),
    ("storage-api.googleapis.com", "Google Cloud Storage JSON API"),
    ("storage-component.googleapis.com", "Cloud Storage"),
    ("vpcaccess.googleapis.com", "Serverless VPC Access API"),
];

/// Enabled in a new project: without them nothing could be enabled.
const FROM_THE_START: [&str; 2] = ["serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com"];

/// What stands behind `service-NUMBER@` in the addresses of the agents that are made when they are asked for and not
/// before, with their APIs. Other agents come with their APIs
/// (<https://cloud.google.com/iam/docs/service-agents>).
const LATE_AGENTS: [(&str, &str); 4] = [
    ("gcp-sa-artifactregistry", "artifactregistry.googleapis.com"),
    ("gcp-sa-cloud-sql", "sqladmin.googleapis.com"),
    ("gcp-sa-iap", "iap.googleapis.com"),
    ("gcp-sa-secretmanager", "secretmanager.googleapis.com"),
];

/// Whether one of Google's own accounts exists.
pub(crate) fn agent_exists(cloud: &Cloud, email: &str) -> bool {
    let is_late = LATE_AGENTS.iter().any(|(home, _)| {
        email.starts_with("service-") && email.ends_with(&format!("@{home}.iam.gserviceaccount.com"))
    });
    !is_late || cloud.store.agents.contains(email)
}

/// Whether `service` is enabled in `project`.
pub(crate) fn is_enabled(cloud: &Cloud, project: &str, service: &str) -> bool {
    let row = cloud.store.enabled.get(&key(project, service));
    match row.as_ref().and_then(|row| text(row, "state")) {
        Some(state) => state == "ENABLED",
        None => FROM_THE_START.contains(&service),
    }
}

fn key(project: &str, service: &str) -> String {
    format!("projects/{project}/services/{service}")
}

/// Refuses a call to an API that the project it concerns has not enabled.
pub(crate) fn require_enabled(cloud: &Cloud, call: &Call) -> Result<(), ApiError> {
    let service = format!("{}.googleapis.com", call.service());
    let Some(project) = consumer(cloud, call)? else { return Ok(()) };
    if is_enabled(cloud, &project, &service) && !cloud.late.hides(&key(&project, &service)) {
        Ok(())
    } else {
        Err(disabled(&project, &service))
    }
}

/// The project that a call concerns; none for operations without one in their names.
fn consumer(cloud: &Cloud, call: &Call) -> Result<Option<String>, ApiError> {
    let project = call.project();
    if !project.is_empty() && project != "-" {
        return Ok(Some(project.to_owned()));
    }
    let named = ["project", "projectId"].iter().find_map(|name| call.query(name));
    let network = call
        .query("network")
        .or_else(|| call.text("network"))
        .or_else(|| call.text("consumerNetwork"))
        .and_then(|network| network.split("projects/").nth(1)?.split('/').next());
    let account = call
        .variables
        .get("serviceAccount")
        .and_then(|email| email.split_once('@')?.1.strip_suffix(".iam.gserviceaccount.com"));
    let bucket = call
        .variables
        .get("bucket")
        .and_then(|bucket| cloud.store.buckets.get(bucket))
        .and_then(|bucket| text(&bucket, "projectNumber").map(str::to_owned));
    match named.or(network).or(account).or(bucket.as_deref()) {
        Some(project) => cloud.project(project).map(Some),
        None => Ok(None),
    }
}

/// 403 `SERVICE_DISABLED`.
fn disabled(project: &str, service: &str) -> ApiError {
    let number = identifiers::project_number(project);
    let title = title(service).unwrap_or(service);
    let address =
        format!("https://console.developers.google.com/apis/api/{service}/overview?project={number}");
    let message = format!(
        "{title} has not been used in project {number} before or it is disabled. Enable it by visiting \
         {address} then retry. If you enabled this API recently, wait a few minutes for the action to \
         propagate to our systems and retry."
    );
    ApiError::denied(message.clone())
        .reason("accessNotConfigured")
        .detail(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_DISABLED",
            "domain": "googleapis.com",
            "metadata": {
                "activationUrl": address,
                "consumer": format!("projects/{number}"),
                "containerInfo": number,
                "service": service,
                "serviceTitle": title,
            },
        }))
        .detail(json!({
            "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
            "locale": "en-US",
            "message": message,
        }))
        .detail(json!({
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{"description": "Google developers console API activation", "url": address}],
        }))
}

fn title(service: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(name, _)| *name == service).map(|(_, title)| *title)
}

pub(crate) fn call(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let project = call.project();
    match call.action() {
        "services.get" => Ok(Reply::Json(describe(cloud, project, known(call.variable("service"))?))),
        "services.list" => {
            let items = listed(cloud, project, call.query("filter"))?;
            page(call, "services", items).map(Reply::Json)
        }
        "services.batchGet" => {
            let names = call.query.iter().filter(|(key, _)| key == "names").map(|(_, name)| name);
            let services: Result<Vec<_>, ApiError> = names
                .map(|name| Ok(describe(cloud, project, known(name.rsplit('/').next().unwrap_or(name))?)))
                .collect();
            Ok(Reply::Json(json!({"services": services?})))
        }
        "services.enable" => {
            change(cloud, project, &[call.variable("service").to_owned()], true, "EnableService")
        }
        "services.disable" => {
            change(cloud, project, &[call.variable("service").to_owned()], false, "DisableService")
        }
        "services.batchEnable" => {
            let ids: Vec<_> =
                list(&call.body, "serviceIds").filter_map(Value::as_str).map(str::to_owned).collect();
            if ids.is_empty() || ids.len() > BATCH {
                return Err(ApiError::invalid(format!(
                    "A batch must name 1 to {BATCH} services to enable; this one names {}.",
                    ids.len()
                )));
            }
            change(cloud, project, &ids, true, "BatchEnableServices")
        }
        "services.generateServiceIdentity" => {
            let service = known(call.variable("service"))?;
            let email = agent(project, service);
            let identity = match cloud.store.agents.get(&email) {
                Some(identity) => identity,
                None => {
                    let identity = json!({"email": email, "uniqueId": identifiers::number()});
                    cloud.store.agents.put(&email, identity.clone())?;
                    identity
                }
            };
            let mut response =
                json!({"@type": "type.googleapis.com/google.api.serviceusage.v1beta1.ServiceIdentity"});
            merge(&mut response, &identity);
            let name = format!("operations/finished.{}", identifiers::uuid());
            let operation = Operation::new("serviceusage", "GenerateServiceIdentity", name, project, &email)
                .finished(response);
            Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
        }
        "operations.get" => {
            let name = format!("operations/{}", call.variable("operation"));
            match cloud.operations.poll("serviceusage", &name) {
                Some(operation) => Ok(Reply::Json(operation.longrunning())),
                None => Err(ApiError::not_found("Requested entity was not found.")),
            }
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// The address of an API's agent in a project.
fn agent(project: &str, service: &str) -> String {
    let late = LATE_AGENTS.iter().find(|(_, api)| *api == service).map(|(home, _)| (*home).to_owned());
    let home = late.unwrap_or_else(|| format!("gcp-sa-{}", service.trim_end_matches(".googleapis.com")));
    format!("service-{}@{home}.iam.gserviceaccount.com", identifiers::project_number(project))
}

fn known(service: &str) -> Result<&str, ApiError> {
    if title(service).is_some() {
        return Ok(service);
    }
    Err(ApiError::denied(format!("Not found or permission denied for service(s): {service}.")).detail(
        json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            "domain": "serviceusage.googleapis.com",
            "metadata": {"services": service},
        }),
    ))
}

fn describe(cloud: &Cloud, project: &str, service: &str) -> Value {
    let parent = format!("projects/{}", identifiers::project_number(project));
    json!({
        "name": format!("{parent}/services/{service}"),
        "parent": parent,
        "config": {"name": service, "title": title(service)},
        "state": if is_enabled(cloud, project, service) { "ENABLED" } else { "DISABLED" },
    })
}

fn listed(cloud: &Cloud, project: &str, filter: Option<&str>) -> Result<Vec<Value>, ApiError> {
    let state = match filter {
        None => None,
        Some("state:ENABLED") => Some("ENABLED"),
        Some("state:DISABLED") => Some("DISABLED"),
        Some(other) => return Err(ApiError::invalid(format!("Invalid filter: {other}"))),
    };
    Ok(KNOWN
        .iter()
        .map(|(service, _)| describe(cloud, project, service))
        .filter(|service| state.is_none_or(|state| service["state"] == state))
        .collect())
}

fn change(cloud: &Arc<Cloud>, project: &str, services: &[String], enable: bool, verb: &str) -> Answer {
    for service in services {
        known(service)?;
    }
    for service in services {
        cloud.late.note(&key(project, service), Value::Null);
    }
    let done = services.iter().all(|service| is_enabled(cloud, project, service) == enable);
    let target = format!("projects/{project}/services");
    let response = || respond(cloud, project, services, verb);
    let operation = if done {
        let name = "operations/noop.DONE_OPERATION".to_owned();
        Operation::new("serviceusage", verb, name, project, &target).finished(response())
    } else {
        let number = identifiers::project_number(project);
        let name = format!("operations/acat.p2-{number}-{}", identifiers::uuid());
        Operation::new("serviceusage", verb, name, project, &target)
            .input(json!({"services": services, "enable": enable}))
            .metadata(json!({
                "@type": "type.googleapis.com/google.api.serviceusage.v1.OperationMetadata",
                "resourceNames": services.iter().map(|service| format!("services/{service}/projects/{number}")).collect::<Vec<_>>(),
            }))
    };
    Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
}

fn respond(cloud: &Cloud, project: &str, services: &[String], verb: &str) -> Value {
    let mut described = services.iter().map(|service| describe(cloud, project, service));
    let mut response =
        json!({"@type": format!("type.googleapis.com/google.api.serviceusage.v1.{verb}Response")});
    if verb == "BatchEnableServices" {
        response["services"] = described.collect::<Vec<_>>().into();
    } else {
        response["service"] = described.next().unwrap_or_default();
    }
    response
}

pub(crate) fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let enable = operation.input["enable"] == true;
    let services: Vec<String> =
        list(&operation.input, "services").filter_map(Value::as_str).map(str::to_owned).collect();
    for service in &services {
        let state = if enable { "ENABLED" } else { "DISABLED" };
        cloud.store.enabled.put(&key(&operation.project, service), json!({"state": state}))?;
    }
    Ok(respond(cloud, &operation.project, &services, &operation.action))
}
