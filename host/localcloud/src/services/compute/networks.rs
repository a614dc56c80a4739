//! VPC networks.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{BASE, bad, begin, check_name, in_use, listed, listing, missing, taken};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{fill, list, merge, text};
use crate::common::{clock, identifiers};
use crate::data::file::FileError;
use crate::server::call::{Answer, Call, Reply};

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let name = format!("projects/{}/global/networks/{}", call.project(), call.variable("network"));
    match action {
        "insert" => insert(cloud, call),
        "list" => listing(call, "compute#networkList", listed(call, &cloud.store.networks, "networks")?),
        "get" => cloud.store.networks.get(&name).map(Reply::Json).ok_or_else(|| missing(&name)),
        "patch" => patch(cloud, call, &name),
        "delete" => {
            existing(cloud, &name)?;
            check_unused(cloud, &name)?;
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

/// What still uses a network keeps it from being deleted.
fn check_unused(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    let link = format!("{BASE}{name}");
    let stores = [&cloud.store.subnetworks, &cloud.store.addresses];
    let user = stores
        .into_iter()
        .flat_map(|collection| collection.list("projects/"))
        .find(|(_, body)| body["network"] == link.as_str())
        .map(|(user, _)| user)
        .or_else(|| crate::services::regular::user_of(cloud, name));
    if let Some(user) = user {
        return Err(in_use("network", name, &user));
    }
    let network = existing(cloud, name)?;
    match list(&network, "peerings").next() {
        Some(peering) => Err(in_use("network", name, text(peering, "name").unwrap_or_default())),
        None => Ok(()),
    }
}

/// Removes a network and what service networking remembers of it.
pub(super) fn remove(cloud: &Cloud, name: &str) -> Result<(), FileError> {
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
