//! Compute Engine v1, as far as networks go: networks, subnetworks, global addresses, operations.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{object, text};
use crate::common::operations::{Failure, Operation, compute_name};
use crate::server::call::{Answer, Call, Reply, page};
use crate::services::regular;
use crate::store::Collection;

pub(crate) mod addresses;
pub(crate) mod external;
pub(crate) mod networks;
pub(crate) mod subnetworks;

/// What stands before a resource's name in its self link, whatever host was asked.
pub(crate) const BASE: &str = "https://www.googleapis.com/compute/v1/";

/// How long `wait` waits at most.
const WAIT: Duration = Duration::from_secs(120);

pub(crate) async fn call(cloud: &Arc<Cloud>, call: Call) -> Answer {
    if let Some(operation) = call.query("requestId").and_then(|id| cloud.operations.by_request("compute", id))
    {
        return Ok(Reply::Json(operation.compute()));
    }
    let (collection, action) = call.action().split_once('.').unwrap_or_default();
    match collection {
        "networks" => networks::call(cloud, &call, action),
        "subnetworks" => subnetworks::call(cloud, &call, action),
        "globalAddresses" => addresses::call(cloud, &call, action),
        "globalOperations" | "regionOperations" => operations(cloud, &call, action).await,
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

async fn operations(cloud: &Cloud, call: &Call, action: &str) -> Answer {
    let name = format!("{}/operations/{}", scope(call), call.variable("operation"));
    let found = match action {
        "get" => cloud.operations.poll("compute", &name),
        "wait" => cloud.operations.wait("compute", &name, WAIT).await,
        "list" => {
            let prefix = scope(call);
            let operations = cloud.operations.list("compute", call.project());
            let items = operations
                .iter()
                .filter(|operation| operation.name.starts_with(&prefix))
                .map(Operation::compute)
                .collect();
            return listing(call, "compute#operationList", items);
        }
        _ => return Err(ApiError::unimplemented(call.id)),
    };
    found.map(|operation| Reply::Json(operation.compute())).ok_or_else(|| missing(&name))
}

/// `projects/P/global` or `projects/P/regions/R`.
fn scope(call: &Call) -> String {
    match call.variable("region") {
        "" => format!("projects/{}/global", call.project()),
        region => format!("projects/{}/regions/{region}", call.project()),
    }
}

/// What `aggregatedList` answers: resources by their scope, `global` or `regions/R`.
pub(crate) fn aggregated(
    kind: &str,
    collection: &str,
    resources: impl IntoIterator<Item = (String, Value)>,
) -> Value {
    let mut items = json!({});
    for (name, body) in resources {
        let parts: Vec<_> = name.split('/').skip(2).collect();
        let scope = parts[..parts.len().saturating_sub(2)].join("/");
        let members = object(&mut items).entry(scope).or_insert_with(|| json!({collection: []}));
        if let Some(members) = members[collection].as_array_mut() {
            members.push(body);
        }
    }
    json!({"kind": kind, "items": items})
}

/// 404 in Compute Engine's words.
fn missing(name: &str) -> ApiError {
    ApiError::not_found(format!("The resource '{name}' was not found"))
}

/// 409 in Compute Engine's words.
fn taken(name: &str) -> ApiError {
    ApiError::exists(format!("The resource '{name}' already exists"))
}

/// 400 for a field with a bad value.
fn bad(field: &str, value: &str, why: &str) -> ApiError {
    ApiError::invalid(format!("Invalid value for field 'resource.{field}': '{value}'. {why}"))
}

/// 400 `resourceInUseByAnotherResource`.
pub(crate) fn in_use(kind: &str, name: &str, by: &str) -> ApiError {
    ApiError::invalid(used(kind, name, by)).reason("resourceInUseByAnotherResource")
}

fn used(kind: &str, name: &str, by: &str) -> String {
    format!("The {kind} resource '{name}' is already being used by '{by}'")
}

/// 400 `resourceNotReady`.
fn not_ready(name: &str) -> ApiError {
    ApiError::invalid(format!("The resource '{name}' is not ready")).reason("resourceNotReady")
}

/// Checks a resource's own name.
fn check_name(call: &Call) -> Result<&str, ApiError> {
    let name = call.text("name").unwrap_or_default();
    let fits = (1..=63).contains(&name.len())
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits {
        Ok(name)
    } else {
        Err(bad("name", name, "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'"))
    }
}

/// The network that a field refers to (self link or partial name), which must exist.
pub(crate) fn find_network(cloud: &Cloud, project: &str, reference: &str) -> Result<String, ApiError> {
    let name = network_name(cloud, project, reference)?;
    if cloud.store.networks.contains(&name) { Ok(name) } else { Err(missing(&name)) }
}

/// `projects/ID/global/networks/N` for a self link, a partial name or a short name.
pub(crate) fn network_name(cloud: &Cloud, project: &str, reference: &str) -> Result<String, ApiError> {
    let short = reference.rsplit('/').next().unwrap_or(reference);
    let owner = match reference.split("projects/").nth(1).and_then(|rest| rest.split('/').next()) {
        Some(owner) => cloud.project(owner)?,
        None => project.to_owned(),
    };
    Ok(format!("projects/{owner}/global/networks/{short}"))
}

/// Begins an operation on `target` and answers with it.
pub(crate) fn begin(cloud: &Arc<Cloud>, call: &Call, target: &str, input: Value) -> Answer {
    Ok(Reply::Json(cloud.begin(operation(cloud, call, target).input(input))?.compute()))
}

/// The operation on `target` that a call asks for.
fn operation(cloud: &Cloud, call: &Call, target: &str) -> Operation {
    let name = format!("{}/operations/{}", scope(call), compute_name());
    let mut operation = Operation::new("compute", call.action(), name, call.project(), target);
    operation.request_id = call.query("requestId").map(str::to_owned);
    if let Some(id) = id_of(cloud, target) {
        operation.numbers.1 = id;
    }
    operation
}

/// The numeric id of a resource.
fn id_of(cloud: &Cloud, target: &str) -> Option<String> {
    [&cloud.store.networks, &cloud.store.subnetworks, &cloud.store.addresses]
        .into_iter()
        .find_map(|collection| text(&collection.get(target)?, "id").map(str::to_owned))
        .or_else(|| regular::id_of(cloud, target))
}

/// A collection as a list message.
fn listing(call: &Call, kind: &str, items: Vec<Value>) -> Answer {
    let mut body = page(call, "items", items)?;
    body["kind"] = kind.into();
    body["id"] = format!("{}/{}", scope(call), kind.trim_start_matches("compute#")).into();
    Ok(Reply::Json(body))
}

/// The items of a collection below the call's scope, through the small part of Google's filter
/// language that clients use: `name = x` or `name eq x`.
fn listed(call: &Call, collection: &Collection<Value>, kind: &str) -> Result<Vec<Value>, ApiError> {
    let prefix = format!("{}/{kind}/", scope(call));
    let wanted = match call.query("filter") {
        None => None,
        Some(filter) => Some(filtered_name(filter).ok_or_else(|| {
            ApiError::invalid(format!(
                "Invalid value for field 'filter': '{filter}'. The local cloud filters by name only."
            ))
        })?),
    };
    Ok(collection
        .list(&prefix)
        .into_iter()
        .map(|(_, body)| body)
        .filter(|body| wanted.is_none_or(|wanted| body["name"] == wanted))
        .collect())
}

/// The name that a filter asks for; `None` for a filter by anything else.
pub(crate) fn filtered_name(filter: &str) -> Option<&str> {
    let rest = filter.trim().strip_prefix("name")?.trim_start();
    let rest = rest.strip_prefix("eq ").or_else(|| rest.strip_prefix('='))?;
    Some(rest.trim().trim_matches(|quote| quote == '"' || quote == '\''))
}

pub(crate) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    if regular::is_regular(operation) {
        return regular::settle(cloud, operation);
    }
    match operation.action.as_str() {
        "networks.insert" => networks::made(operation)?,
        "networks.delete" => networks::remove(cloud, &operation.target).await?,
        "subnetworks.delete" => drop(cloud.store.subnetworks.remove(&operation.target)?),
        "globalAddresses.delete" => drop(cloud.store.addresses.remove(&operation.target)?),
        // All else took effect with the request; the operation only reports it.
        _ => {}
    }
    Ok(json!({}))
}
