//! Service Networking v1: the private connection between a network and Google's services.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::{list, text};
use crate::common::operations::{Failure, Operation};
use crate::server::call::{Answer, Call, Reply};
use crate::services::compute::{self, networks};

/// The only producer that the local cloud has.
const PRODUCER: &str = "servicenetworking.googleapis.com";

/// The name of the peering that a connection makes.
const PEERING: &str = "servicenetworking-googleapis-com";

const CONNECTION: &str = "type.googleapis.com/google.cloud.servicenetworking.v1.Connection";

/// Whether `network` (as in the store) has a connection with a reserved range.
pub(crate) fn is_connected(cloud: &Cloud, network: &str) -> bool {
    cloud
        .store
        .connections
        .get(network)
        .is_some_and(|connection| list(&connection, "reservedPeeringRanges").next().is_some())
}

/// The first range reserved for the connection of `network`.
pub(crate) fn first_range(cloud: &Cloud, network: &str) -> Option<String> {
    let connection = cloud.store.connections.get(network)?;
    list(&connection, "reservedPeeringRanges").next()?.as_str().map(str::to_owned)
}

pub(crate) fn call(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    match call.action() {
        "operations.get" => {
            let name = format!("operations/{}", call.variable("operation"));
            match cloud.operations.poll("servicenetworking", &name) {
                Some(operation) => Ok(Reply::Json(operation.longrunning())),
                None => Err(ApiError::not_found("Requested entity was not found.")),
            }
        }
        action => {
            let service = call.variable("service");
            if service != PRODUCER && service != "-" {
                return Err(ApiError::denied(format!("Service '{service}' not found or permission denied.")));
            }
            match action {
                "services.connections.list" => list_connections(cloud, call),
                "services.connections.create" => connect(cloud, call, false),
                "services.connections.patch" => connect(cloud, call, true),
                "services.connections.deleteConnection" => disconnect(cloud, call),
                _ => Err(ApiError::unimplemented(call.id)),
            }
        }
    }
}

/// The network that a request names, as in the store. It must be given with its project.
fn network(cloud: &Cloud, reference: Option<&str>) -> Result<(String, String), ApiError> {
    let reference = reference.unwrap_or_default();
    let project = reference
        .strip_prefix("projects/")
        .and_then(|rest| rest.split_once("/global/networks/"))
        .map(|(project, _)| project)
        .ok_or_else(|| {
            ApiError::invalid(format!(
                "Invalid network '{reference}': it must look like projects/NUMBER/global/networks/NAME."
            ))
        })?;
    let project = cloud.project(project)?;
    let name = compute::network_name(cloud, &project, reference)?;
    if !cloud.store.networks.contains(&name) {
        return Err(ApiError::not_found(format!("Network '{reference}' not found.")));
    }
    Ok((project, name))
}

fn list_connections(cloud: &Cloud, call: &Call) -> Answer {
    let (_, network) = network(cloud, call.query("network"))?;
    Ok(Reply::Json(match cloud.store.connections.get(&network) {
        Some(mut connection) => {
            connection["service"] = format!("services/{PRODUCER}").into();
            json!({"connections": [connection]})
        }
        // Recorded: an empty list is an empty object.
        None => json!({}),
    }))
}

fn connect(cloud: &Arc<Cloud>, call: &Call, update: bool) -> Answer {
    let (project, network) = network(cloud, call.text("network"))?;
    let ranges: Vec<&str> = list(&call.body, "reservedPeeringRanges").filter_map(Value::as_str).collect();
    if ranges.is_empty() {
        return Err(ApiError::invalid("At least one reserved peering range must be given."));
    }
    let link = format!("{}{network}", compute::BASE);
    for range in &ranges {
        let address = cloud.store.addresses.get(&format!("projects/{project}/global/addresses/{range}"));
        let fits = address.is_some_and(|address| {
            address["network"] == link.as_str() && address["purpose"] == "VPC_PEERING"
        });
        if !fits {
            return Err(ApiError::precondition(format!(
                "Allocated IP range '{range}' not found in network."
            )));
        }
    }
    let present = cloud.store.connections.get(&network);
    if !update && present.is_some_and(|present| present["reservedPeeringRanges"] != json!(ranges)) {
        return Err(ApiError::precondition(
            "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.",
        ));
    }
    let connection = json!({
        "network": format!("projects/{}/{}", identifiers::project_number(&project), tail(&network)),
        "reservedPeeringRanges": ranges,
        "peering": PEERING,
    });
    begin(cloud, call, &project, &network, connection)
}

/// `global/networks/N` of a network's name.
fn tail(network: &str) -> &str {
    network.splitn(3, '/').nth(2).unwrap_or(network)
}

fn disconnect(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let (project, network) = network(cloud, call.text("consumerNetwork"))?;
    if !cloud.store.connections.contains(&network) {
        return Err(ApiError::not_found(format!(
            "Connection '{}' of network '{network}' not found.",
            call.variable("connection")
        )));
    }
    begin(cloud, call, &project, &network, Value::Null)
}

fn begin(cloud: &Arc<Cloud>, call: &Call, project: &str, network: &str, input: Value) -> Answer {
    let name =
        format!("operations/pssn.p24-{}-{}", identifiers::project_number(project), identifiers::uuid());
    let operation = Operation::new("servicenetworking", call.action(), name, project, network).input(input);
    Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
}

pub(crate) fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let network = &operation.target;
    if operation.action == "services.connections.deleteConnection" {
        let link_end = tail(network);
        let lingers =
            cloud.store.instances.list(&format!("projects/{}/", operation.project)).into_iter().any(
                |(_, body)| {
                    text(&body, "settings.ipConfiguration.privateNetwork")
                        .is_some_and(|used| used.ends_with(link_end))
                },
            );
        if lingers {
            return Err(Failure::new(
                9,
                "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are \
                 still using this connection.",
            ));
        }
        cloud.store.connections.remove(network)?;
        networks::disconnect(cloud, network, PEERING)?;
        return Ok(json!({"@type": "type.googleapis.com/google.protobuf.Empty"}));
    }
    let connection = operation.input.clone();
    cloud.store.connections.put(network, connection.clone())?;
    let peer = format!(
        "{}projects/{}-tp/global/networks/servicenetworking",
        compute::BASE,
        identifiers::digest(&operation.project, 16)
    );
    networks::connect(cloud, network, PEERING, &peer)?;
    let mut response = json!({"@type": CONNECTION});
    crate::common::json::merge(&mut response, &connection);
    Ok(response)
}
