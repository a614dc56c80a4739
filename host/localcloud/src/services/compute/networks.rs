//! VPC networks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{BASE, bad, begin, check_name, listed, listing, missing, taken, used};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{fill, list, merge, text};
use crate::common::operations::{Failure, Operation};
use crate::common::{clock, identifiers};
use crate::data::file::FileError;
use crate::server::call::{Answer, Call, Reply};

/// How long a deletion waits for what still uses the network to go.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many networks a project may have: a usual quota. Google's differs from account to account.
const QUOTA: usize = 30;

/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let name = format!("projects/{}/global/networks/{}", call.project(), call.variable("network"));
    match action {
        "insert" => insert(cloud, call),
        "list" => listing(call, "compute#networkList", listed(call, &cloud.store.networks, "networks")?),
        "get" => cloud.store.networks.get(&name).map(Reply::Json).ok_or_else(|| missing(&name)),
        "patch" => patch(cloud, call, &name),
        "delete" => {
            existing(cloud, &name)?;
            begin(cloud, call, &name, Value::Null)
        }
        "addPeering" => add_peering(cloud, call, &name),
        "removePeering" => remove_peering(cloud, call, &name),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.networks.get(name).ok_or_else(|| missing(name))
}

fn insert(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let short = check_name(call)?;
    let name = format!("projects/{}/global/networks/{short}", call.project());
    if cloud.store.networks.list(&format!("projects/{}/", call.project())).len() >= QUOTA {
        // Recorded by others: the request is accepted, and its operation fails.
        return begin(cloud, call, &name, json!({"isTooMany": true}));
    }
    let id = identifiers::number();
    let mut network = call.body.clone();
    fill(
        &mut network,
        json!({
            "kind": "compute#network",
            "autoCreateSubnetworks": true,
            "routingConfig": {"routingMode": "REGIONAL"},
            "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        }),
    );
    network["id"] = id.as_str().into();
    network["creationTimestamp"] = clock::pacific(Timestamp::now()).into();
    network["selfLink"] = format!("{BASE}{name}").into();
    network["selfLinkWithId"] = format!("{BASE}projects/{}/global/networks/{id}", call.project()).into();
    Cloud::create(&cloud.store.networks, &name, network, || taken(&name))?;
    begin(cloud, call, &name, Value::Null)
}

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let changed = cloud.store.networks.change::<ApiError>(name, |network| {
        if network["autoCreateSubnetworks"] == false && call.body["autoCreateSubnetworks"] == true {
            return Err(bad(
                "autoCreateSubnetworks",
                "true",
                "A custom network cannot become an automatic one.",
            ));
        }
        merge(network, &call.body);
        Ok(())
    })?;
    changed.ok_or_else(|| missing(name))?;
    begin(cloud, call, name, Value::Null)
}

/// What comes of the creation of a network, which took effect with the request unless there were too many.
pub(super) fn made(operation: &Operation) -> Result<(), Failure> {
    if operation.input["isTooMany"] == true {
        let message = format!("Quota 'NETWORKS' exceeded.  Limit: {QUOTA}.0 globally.");
        return Err(Failure { code: 8, reason: "QUOTA_EXCEEDED".to_owned(), message });
    }
    Ok(())
}

/// What still uses a network.
fn user_of(cloud: &Cloud, name: &str) -> Option<String> {
    let link = format!("{BASE}{name}");
    let stores = [&cloud.store.subnetworks, &cloud.store.addresses];
    let user = stores
        .into_iter()
        .flat_map(|collection| collection.list("projects/"))
        .find(|(_, body)| body["network"] == link.as_str())
        .map(|(user, _)| user)
        .or_else(|| crate::services::regular::user_of(cloud, name));
    user.or_else(|| {
        let network = cloud.store.networks.get(name)?;
        text(list(&network, "peerings").next()?, "name").map(str::to_owned)
    })
}

/// Removes a network and what service networking remembers of it. Recorded: the request is accepted while there
/// are addresses and a peering, and the operation ends well when they go while it is under way.
pub(super) async fn remove(cloud: &Cloud, name: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while let Some(user) = user_of(cloud, name) {
        if Instant::now() >= deadline {
            return Err(Failure {
                reason: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE".to_owned(),
                ..Failure::new(9, used("network", name, &user))
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
    cloud.store.networks.remove(name)?;
    cloud.store.connections.remove(name)?;
    Ok(())
}

fn add_peering(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let peering = match &call.body["networkPeering"] {
        Value::Null => &call.body,
        nested => nested,
    };
    let peer = text(peering, "network").or_else(|| text(peering, "peerNetwork")).unwrap_or_default();
    super::find_network(cloud, call.project(), peer)?;
    let label = text(peering, "name").unwrap_or_default();
    if label.is_empty() {
        return Err(bad("networkPeering.name", "", "A peering must have a name."));
    }
    connect(cloud, name, label, peer)?.ok_or_else(|| missing(name))?;
    begin(cloud, call, name, Value::Null)
}

/// Adds an active peering to a network, or leaves the one of that name.
pub(crate) fn connect(
    cloud: &Cloud,
    name: &str,
    label: &str,
    peer: &str,
) -> Result<Option<Value>, FileError> {
    cloud.store.networks.change(name, |network| {
        if list(network, "peerings").any(|peering| peering["name"] == label) {
            return Ok(());
        }
        let peering = json!({
            "name": label,
            "network": peer,
            "state": "ACTIVE",
            "stateDetails": format!("[{}]: Connected.", clock::pacific(Timestamp::now())),
            "autoCreateRoutes": true,
            "exchangeSubnetRoutes": true,
            "exportCustomRoutes": false,
            "importCustomRoutes": false,
            "exportSubnetRoutesWithPublicIp": false,
            "importSubnetRoutesWithPublicIp": false,
            "stackType": "IPV4_ONLY",
        });
        let mut peerings: Vec<_> = list(network, "peerings").cloned().collect();
        peerings.push(peering);
        network["peerings"] = peerings.into();
        Ok(())
    })
}

/// Removes a peering from a network; its absence is success.
pub(crate) fn disconnect(cloud: &Cloud, name: &str, label: &str) -> Result<(), FileError> {
    cloud.store.networks.change::<FileError>(name, |network| {
        let rest: Vec<_> =
            list(network, "peerings").filter(|peering| peering["name"] != label).cloned().collect();
        if rest.is_empty() {
            crate::common::json::remove(network, "peerings");
        } else {
            network["peerings"] = rest.into();
        }
        Ok(())
    })?;
    Ok(())
}

fn remove_peering(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let network = existing(cloud, name)?;
    let label = call.text("name").unwrap_or_default();
    if !list(&network, "peerings").any(|peering| peering["name"] == label) {
        return Err(bad("name", label, &format!("There is no peering named '{label}' in '{name}'.")));
    }
    disconnect(cloud, name, label)?;
    begin(cloud, call, name, Value::Null)
}
