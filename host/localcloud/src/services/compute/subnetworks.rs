//! Subnetworks of a region.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{BASE, aggregated, bad, begin, check_name, in_use, listed, listing, missing, not_ready, taken};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{fill, list, merge, text};
use crate::common::{clock, identifiers, policies};
use crate::server::call::{Answer, Call, Reply};

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let short = match call.variable("subnetwork") {
        "" => call.variable("resource"),
        short => short,
    };
    let name = format!("projects/{}/regions/{}/subnetworks/{short}", call.project(), call.variable("region"));
    match action {
        "insert" => insert(cloud, call),
        "list" => {
            listing(call, "compute#subnetworkList", listed(call, &cloud.store.subnetworks, "subnetworks")?)
        }
        "aggregatedList" => {
            let all = cloud.store.subnetworks.list(&format!("projects/{}/", call.project()));
            Ok(Reply::Json(aggregated("compute#subnetworkAggregatedList", "subnetworks", all)))
        }
        "get" => existing(cloud, &name).map(Reply::Json),
        "patch" => patch(cloud, call, &name),
        "delete" => {
            existing(cloud, &name)?;
            check_unused(cloud, &name)?;
            begin(cloud, call, &name, Value::Null)
        }
        "setPrivateIpGoogleAccess" => {
            let access = call.body["privateIpGoogleAccess"] == true;
            change(cloud, call, &name, |subnetwork| {
                subnetwork["privateIpGoogleAccess"] = access.into();
                Ok(())
            })
        }
        "expandIpCidrRange" => expand(cloud, call, &name),
        "getIamPolicy" => {
            existing(cloud, &name)?;
            Ok(Reply::Json(policies::get(cloud, &resource(&name))))
        }
        "setIamPolicy" => {
            existing(cloud, &name)?;
            let policy = if call.body["policy"].is_null() { &call.body } else { &call.body["policy"] };
            policies::set(cloud, &resource(&name), policy).map(Reply::Json)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn resource(name: &str) -> String {
    format!("//compute.googleapis.com/{name}")
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.subnetworks.get(name).ok_or_else(|| missing(name))
}

/// An IPv4 block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Its first address.
    pub(super) first: u32,
    /// How many bits are fixed: 4 to 29.
    pub(super) length: u8,
}

impl Block {
    /// From `10.0.0.0/24`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let first = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let length: u8 = length.parse().ok().filter(|length| (4..=29).contains(length))?;
        let block = Self { first, length };
        // Google refuses a block whose address has bits set behind the mask.
        (first & !block.mask() == 0).then_some(block)
    }

    fn mask(self) -> u32 {
        u32::MAX << (32 - self.length)
    }

    fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        self.first & mask == other.first & mask
    }
}

fn insert(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let short = check_name(call)?;
    let region = call.variable("region");
    let name = format!("projects/{}/regions/{region}/subnetworks/{short}", call.project());
    let network = super::find_network(cloud, call.project(), call.text("network").unwrap_or_default())?;
    if cloud.operations.busy("compute", &network) {
        return Err(not_ready(&network));
    }
    let range = call.text("ipCidrRange").unwrap_or_default();
    let block = Block::parse(range)
        .ok_or_else(|| bad("ipCidrRange", range, "Must be a CIDR address range such as 10.0.0.0/24."))?;
    let link = format!("{BASE}{network}");
    let neighbour = cloud.store.subnetworks.list("projects/").into_iter().find(|(other, body)| {
        *other != name
            && body["network"] == link.as_str()
            && text(body, "ipCidrRange").and_then(Block::parse).is_some_and(|other| other.overlaps(block))
    });
    if let Some((other, _)) = neighbour {
        return Err(ApiError::invalid(format!(
            "Invalid IPCidrRange: {range} conflicts with existing subnetwork '{}' in region '{region}'.",
            other.rsplit('/').next().unwrap_or_default()
        )));
    }
    let mut subnetwork = call.body.clone();
    fill(
        &mut subnetwork,
        json!({
            "kind": "compute#subnetwork",
            "privateIpGoogleAccess": false,
            "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
            "purpose": "PRIVATE",
            "stackType": "IPV4_ONLY",
            "enableFlowLogs": false,
        }),
    );
    subnetwork["id"] = identifiers::number().into();
    subnetwork["creationTimestamp"] = clock::pacific(Timestamp::now()).into();
    subnetwork["network"] = link.into();
    subnetwork["region"] = format!("{BASE}projects/{}/regions/{region}", call.project()).into();
    subnetwork["selfLink"] = format!("{BASE}{name}").into();
    subnetwork["gatewayAddress"] = Ipv4Addr::from(block.first + 1).to_string().into();
    refresh_fingerprint(&mut subnetwork);
    Cloud::create(&cloud.store.subnetworks, &name, subnetwork, || taken(&name))?;
    begin(cloud, call, &name, Value::Null)
}

fn refresh_fingerprint(subnetwork: &mut Value) {
    crate::common::json::remove(subnetwork, "fingerprint");
    subnetwork["fingerprint"] = identifiers::fingerprint(subnetwork).into();
}

fn change(
    cloud: &Arc<Cloud>,
    call: &Call,
    name: &str,
    change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
) -> Answer {
    let changed = cloud.store.subnetworks.change::<ApiError>(name, |subnetwork| {
        change(subnetwork)?;
        refresh_fingerprint(subnetwork);
        Ok(())
    })?;
    changed.ok_or_else(|| missing(name))?;
    begin(cloud, call, name, Value::Null)
}

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    change(cloud, call, name, |subnetwork| {
        let given = call.text("fingerprint").unwrap_or_default();
        if given.is_empty() {
            return Err(
                ApiError::invalid("Required field 'resource.fingerprint' not specified").reason("required")
            );
        }
        if subnetwork["fingerprint"] != given {
            return Err(ApiError::condition_not_met(
                "Supplied fingerprint does not match current metadata fingerprint.",
            ));
        }
        for fixed in ["name", "network", "region", "ipCidrRange"] {
            let wanted = call.body.get(fixed).filter(|value| !value.is_null());
            if wanted
                .is_some_and(|value| *value != subnetwork[fixed] && fixed != "network" && fixed != "region")
            {
                return Err(bad(
                    fixed,
                    &wanted.map(ToString::to_string).unwrap_or_default(),
                    "The field cannot be changed.",
                ));
            }
        }
        let mut body = call.body.clone();
        for fixed in ["fingerprint", "network", "region"] {
            crate::common::json::remove(&mut body, fixed);
        }
        merge(subnetwork, &body);
        Ok(())
    })
}

fn expand(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let range = call.text("ipCidrRange").unwrap_or_default();
    change(cloud, call, name, |subnetwork| {
        let old = text(subnetwork, "ipCidrRange").and_then(Block::parse);
        match (Block::parse(range), old) {
            (Some(new), Some(old)) if new.length < old.length && new.overlaps(old) => {
                subnetwork["ipCidrRange"] = range.into();
                Ok(())
            }
            _ => Err(bad("ipCidrRange", range, "Must contain the present range and be larger.")),
        }
    })
}

/// A subnetwork with a Cloud Run revision in it cannot be deleted.
fn check_unused(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    let (project, short) =
        (name.split('/').nth(1).unwrap_or_default(), name.rsplit('/').next().unwrap_or_default());
    let region = name.split('/').nth(3).unwrap_or_default();
    let prefix = format!("projects/{project}/locations/{region}/");
    let users =
        [(&cloud.store.services, "template.vpcAccess"), (&cloud.store.jobs, "template.template.vpcAccess")];
    for (collection, path) in users {
        for (user, body) in collection.list(&prefix) {
            let interfaces = format!("{path}.networkInterfaces");
            let uses = list(&body, &interfaces).any(|interface| {
                text(interface, "subnetwork").is_some_and(|other| other.rsplit('/').next() == Some(short))
            });
            if uses {
                return Err(held(name, &user));
            }
        }
    }
    // Google gives the addresses of a deleted service back an hour or two later.
    match cloud.late.before(&format!("addresses of {name}")) {
        Some(user) => Err(held(name, user.as_str().unwrap_or_default())),
        None => Ok(()),
    }
}

/// Notes that a service or job which is being deleted gives its addresses back.
pub(crate) fn release_addresses(cloud: &Cloud, user: &str, template: &Value) {
    let mut scope = user.split('/').skip(1).step_by(2);
    let (project, region) = (scope.next().unwrap_or_default(), scope.next().unwrap_or_default());
    for interface in list(template, "vpcAccess.networkInterfaces") {
        if let Some(short) = text(interface, "subnetwork").and_then(|name| name.rsplit('/').next()) {
            let name = format!("projects/{project}/regions/{region}/subnetworks/{short}");
            cloud.late.note(&format!("addresses of {name}"), user.into());
        }
    }
}

/// 400: a subnetwork holds an address of a service or job.
fn held(name: &str, user: &str) -> ApiError {
    let scope = name.rsplit_once("/subnetworks/").map_or(name, |(scope, _)| scope);
    let address = format!("{scope}/addresses/serverless-ipv4-{}", identifiers::digest(user, 19));
    in_use("subnetwork", name, &address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_checked_and_compared() {
        let block = |text| Block::parse(text).unwrap();
        assert!(block("10.0.0.0/24").overlaps(block("10.0.0.128/25")));
        assert!(!block("10.0.0.0/24").overlaps(block("10.0.1.0/24")));
        for text in ["10.0.0.1/24", "10.0.0.0", "10.0.0.0/33", "x/24", "10.0.0.0/30"] {
            assert_eq!(Block::parse(text), None, "{text}");
        }
    }
}
