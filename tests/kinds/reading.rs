//! How resources are read, from the local cloud's log of requests.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use mlflow_host_tests::Cloud;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

/// The connection of a network to Google's services has no name in its API: a list, filtered by the network.
const CONNECTIONS: (&str, &str) = (
    "/services/servicenetworking.googleapis.com/connections",
    "/connections/servicenetworking-googleapis-com",
);

/// The number of requests so far.
pub(crate) fn count(cloud: &Cloud) -> Result<u64> {
    let counters = cloud.get("/_local/counters")?;
    counters["total"].as_u64().with_context(|| format!("no number of requests: {counters}"))
}

/// The reads after request number `after`: their decoded paths.
pub(crate) fn since(cloud: &Cloud, after: u64) -> Result<Vec<String>> {
    let log = cloud.get(&format!("/_local/requests?after={after}"))?;
    let paths = log["requests"].as_array().into_iter().flatten().filter_map(|entry| entry["path"].as_str());
    Ok(paths
        .map(|path| path.split('?').next().unwrap_or(path))
        .map(|path| percent_decode_str(path).decode_utf8_lossy().into_owned())
        .collect())
}

/// The requests after number `after` that were answered with success, in the order of their answers: verb, host and
/// decoded path.
pub(crate) fn answered(cloud: &Cloud, after: u64) -> Result<Vec<String>> {
    let log = cloud.get(&format!("/_local/requests?after={after}"))?;
    let requests = log["requests"].as_array().into_iter().flatten();
    let text = |entry: &Json, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    Ok(requests
        .filter(|entry| entry["status"].as_u64().is_some_and(|status| status < 300))
        .map(|entry| {
            let path = text(entry, "path");
            let path =
                percent_decode_str(path.split('?').next().unwrap_or(&path)).decode_utf8_lossy().into_owned();
            format!("{} {}{path}", text(entry, "method"), text(entry, "host"))
        })
        .collect())
}

/// How a resource is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// With the list of its collection.
    List,
    /// On its own.
    Single,
    /// With the policy that it is a member of.
    Policy,
}

/// In which ways a resource was read.
pub(crate) fn ways(paths: &[String], identity: &str) -> BTreeSet<Way> {
    let mut ways = BTreeSet::new();
    // A member's identity is that of its parent, its role and itself.
    if let Some((parent, _)) = identity.split_once(' ') {
        let policies = [":getIamPolicy", "/getIamPolicy", "/iam"];
        let of_parent = |path: &String| {
            policies.iter().any(|policy| path.strip_suffix(policy).is_some_and(|path| path.ends_with(parent)))
        };
        if paths.iter().any(of_parent) {
            ways.insert(Way::Policy);
        }
        return ways;
    }
    let collection = identity.rsplit_once('/').map_or(identity, |(collection, _)| collection);
    for path in paths {
        if path.strip_suffix(":iapSettings").unwrap_or(path).ends_with(&format!("/{identity}")) {
            ways.insert(Way::Single);
        } else if path.ends_with(&format!("/{collection}"))
            || path.ends_with(CONNECTIONS.0) && identity.ends_with(CONNECTIONS.1)
        {
            ways.insert(Way::List);
        }
    }
    ways
}
