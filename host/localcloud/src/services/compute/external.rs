//! Which addresses are whose: each is drawn once, and a forwarding rule takes over one that it names.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::Value;

use super::BASE;
use super::subnetworks::Block;
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::text;

/// Regional addresses and forwarding rules, as the store calls them, and the field that holds the address.
const HOLDERS: [(&str, &str); 2] = [("compute.googleapis.com/Address ", "address"), (RULES.0, RULES.1)];

/// Forwarding rules and the field that holds the address.
const RULES: (&str, &str) = ("compute.googleapis.com/GlobalForwardingRule ", "IPAddress");

/// The block that external addresses are drawn from; it is for documentation (RFC 5737) and belongs to nobody.
const EXTERNAL: Block = Block { first: u32::from_be_bytes([203, 0, 113, 0]), length: 24 };

/// Gives a new regular resource its address. A rule's is always a number, even where it was named.
pub(crate) fn assign(cloud: &Cloud, collection: &str, body: &mut Value) -> Result<(), ApiError> {
    match collection {
        "compute.addresses" if text(body, "address").is_none() => {
            let block = match text(body, "subnetwork").and_then(|link| link.strip_prefix(BASE)) {
                Some(name) if body["addressType"] == "INTERNAL" => cloud
                    .store
                    .subnetworks
                    .get(name)
                    .and_then(|subnetwork| text(&subnetwork, "ipCidrRange").and_then(Block::parse)),
                _ => Some(EXTERNAL),
            };
            if let Some(block) = block {
                let scope = body["subnetwork"].clone();
                body["address"] = free(cloud, block, &scope)?.into();
            }
        }
        "compute.globalForwardingRules" => {
            let named = text(body, "IPAddress").map(|given| match given.strip_prefix(BASE) {
                Some(name) => cloud
                    .store
                    .addresses
                    .get(name)
                    .and_then(|address| text(&address, "address").map(str::to_owned))
                    .ok_or_else(|| super::missing(name)),
                None => Ok(given.to_owned()),
            });
            body["IPAddress"] = named.unwrap_or_else(|| draw(cloud))?.into();
        }
        _ => {}
    }
    Ok(())
}

/// An external address that nothing has. The caller holds [`Cloud::drawing`].
pub(super) fn draw(cloud: &Cloud) -> Result<String, ApiError> {
    free(cloud, EXTERNAL, &Value::Null)
}

/// The lowest free address of a block. Inside a network the same one can be taken in another subnetwork's block.
fn free(cloud: &Cloud, block: Block, subnetwork: &Value) -> Result<String, ApiError> {
    let global = cloud.store.addresses.list("").into_iter().map(|(_, body)| (body, "address"));
    let regular = HOLDERS.into_iter().flat_map(|(kind, field)| {
        cloud.store.regular.list(kind).into_iter().map(move |(_, body)| (body, field))
    });
    let taken: BTreeSet<u32> = global
        .chain(regular)
        .filter(|(body, _)| body["subnetwork"] == *subnetwork)
        .filter_map(|(body, field)| text(&body, field)?.parse::<Ipv4Addr>().ok().map(u32::from))
        .collect();
    // Google keeps the first two and the last two addresses of a block for itself.
    let size = 1_u32 << (32 - block.length);
    (2..size - 2)
        .map(|step| block.first + step)
        .find(|address| !taken.contains(address))
        .map(|address| Ipv4Addr::from(address).to_string())
        .ok_or_else(|| {
            let block = format!("{}/{}", Ipv4Addr::from(block.first), block.length);
            ApiError::invalid(format!("IP space of '{block}' is exhausted.")).reason("ipSpaceExhausted")
        })
}

/// The forwarding rule that has taken over a global address.
pub(super) fn rule_of(cloud: &Cloud, address: &Value) -> Option<String> {
    let number = text(address, "address")?;
    // What is inside a network is not reached from a rule of the same number outside.
    if address["addressType"] == "INTERNAL" {
        return None;
    }
    let rules = cloud.store.regular.list(RULES.0).into_iter();
    rules
        .into_iter()
        .find(|(_, rule)| text(rule, RULES.1) == Some(number))
        .map(|(key, _)| key.strip_prefix(RULES.0).map_or(key.clone(), str::to_owned))
}
