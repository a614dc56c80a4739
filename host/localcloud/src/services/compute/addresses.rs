//! Global addresses: the ranges reserved for peered services.

use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    BASE, bad, begin, check_name, external, in_use, listed, listing, missing, not_ready, operation, taken,
};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{fill, text};
use crate::common::{clock, identifiers};
use crate::server::call::{Answer, Call, Reply};

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let short = match call.variable("address") {
        "" => call.variable("resource"),
        short => short,
    };
    let name = format!("projects/{}/global/addresses/{short}", call.project());
    match action {
        "insert" => insert(cloud, call),
        "list" => listing(call, "compute#addressList", listed(call, &cloud.store.addresses, "addresses")?),
        "get" => cloud.store.addresses.get(&name).map(Reply::Json).ok_or_else(|| missing(&name)),
        // Recorded: a range can be deleted while a connection still uses it.
        "delete" => {
            let address = cloud.store.addresses.get(&name).ok_or_else(|| missing(&name))?;
            if let Some(rule) = external::rule_of(cloud, &address) {
                return Err(in_use("address", &name, &rule));
            }
            begin(cloud, call, &name, Value::Null)
        }
        "setLabels" => set_labels(cloud, call, &name),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn insert(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let name = format!("projects/{}/global/addresses/{}", call.project(), check_name(call)?);
    let mut address = call.body.clone();
    let _drawing = cloud.drawing.lock().unwrap_or_else(PoisonError::into_inner);
    // Recorded: a creation does not take labels; they are set afterwards.
    crate::common::json::remove(&mut address, "labels");
    if let Some(reference) = call.text("network") {
        let network = super::find_network(cloud, call.project(), reference)?;
        if cloud.operations.busy("compute", &network) {
            return Err(not_ready(&network));
        }
        address["network"] = format!("{BASE}{network}").into();
    } else if call.text("purpose") == Some("VPC_PEERING") {
        return Err(bad("network", "", "A range for VPC peering must name its network."));
    }
    if call.text("purpose") == Some("VPC_PEERING") {
        let length = address["prefixLength"].as_u64().unwrap_or_default();
        if !(8..=30).contains(&length) {
            return Err(bad("prefixLength", &length.to_string(), "Must be between 8 and 30."));
        }
        if call.text("address").is_none() {
            address["address"] = free_range(cloud, &address["network"], length).into();
        }
    } else if call.text("addressType") != Some("INTERNAL") && call.text("address").is_none() {
        address["address"] = external::draw(cloud)?.into();
    }
    fill(
        &mut address,
        json!({
            "kind": "compute#address",
            "description": "",
            "addressType": "EXTERNAL",
            "networkTier": "PREMIUM",
            "status": "RESERVED",
        }),
    );
    address["id"] = identifiers::number().into();
    address["creationTimestamp"] = clock::pacific(Timestamp::now()).into();
    address["selfLink"] = format!("{BASE}{name}").into();
    address["labelFingerprint"] = identifiers::label_fingerprint(&address["labels"]).into();
    Cloud::create(&cloud.store.addresses, &name, address, || taken(&name))?;
    begin(cloud, call, &name, Value::Null)
}

/// The first address of a block of the given length that no other range of the network touches.
fn free_range(cloud: &Cloud, network: &Value, length: u64) -> String {
    let taken: Vec<(u32, u64)> = cloud
        .store
        .addresses
        .list("projects/")
        .into_iter()
        .filter(|(_, body)| body["network"] == *network)
        .filter_map(|(_, body)| {
            let first: Ipv4Addr = text(&body, "address")?.parse().ok()?;
            Some((u32::from(first), body["prefixLength"].as_u64()?))
        })
        .collect();
    let size = 1_u32.checked_shl(32 - u32::try_from(length).unwrap_or(16)).unwrap_or(1 << 16);
    let start = u32::from(Ipv4Addr::new(10, 64, 0, 0));
    (0_u32..)
        .map_while(|step| step.checked_mul(size).and_then(|offset| start.checked_add(offset)))
        .find(|first| {
            !taken.iter().any(|(other, other_length)| {
                let mask = u32::MAX
                    .checked_shl(32 - u32::try_from(length.min(*other_length)).unwrap_or(16))
                    .unwrap_or(0);
                first & mask == other & mask
            })
        })
        .map_or_else(|| "10.64.0.0".to_owned(), |first| Ipv4Addr::from(first).to_string())
}

fn set_labels(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let changed = cloud.store.addresses.change::<ApiError>(name, |address| {
        if call.body.get("labelFingerprint") != address.get("labelFingerprint") {
            return Err(ApiError::condition_not_met(
                "Labels fingerprint either invalid or resource labels have changed.",
            ));
        }
        address["labels"] = call.body["labels"].clone();
        address["labelFingerprint"] = identifiers::label_fingerprint(&address["labels"]).into();
        Ok(())
    })?;
    changed.ok_or_else(|| missing(name))?;
    // Recorded: setLabels comes back done.
    let operation = operation(cloud, call, name).finished(json!({}));
    Ok(Reply::Json(cloud.begin(operation)?.compute()))
}
