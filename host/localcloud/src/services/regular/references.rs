//! References between resources: what is named must exist, and what is used cannot be deleted.

use serde_json::Value;

use super::names::name_of;
use super::table::ROWS;
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::server::call::Call;
use crate::services::compute::BASE;

/// Other addresses that stand before the name of a resource of Compute Engine.
const ALSO: &str = "https://compute.googleapis.com/compute/v1/";

/// Checks every reference in a body, and writes those to Compute Engine's resources in full, as
/// Google does.
pub(super) fn resolve(cloud: &Cloud, call: &Call, body: &mut Value) -> Result<(), ApiError> {
    match body {
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(field, _)| !matches!(field.as_str(), "name" | "selfLink" | "resourceName"))
            .try_for_each(|(_, value)| resolve(cloud, call, value)),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| resolve(cloud, call, element)),
        Value::String(value) => reference(cloud, call, value),
        _ => Ok(()),
    }
}

fn reference(cloud: &Cloud, call: &Call, value: &mut String) -> Result<(), ApiError> {
    let is_compute = call.service() == "compute";
    let name = match value.strip_prefix(BASE).or_else(|| value.strip_prefix(ALSO)) {
        Some(name) => name.to_owned(),
        None if is_compute && (value.starts_with("global/") || value.starts_with("regions/")) => {
            format!("projects/{}/{value}", call.project())
        }
        None if value.starts_with("projects/") => value.clone(),
        None => return Ok(()),
    };
    let Some(exists) = exists(cloud, &name) else { return Ok(()) };
    if !exists {
        return Err(if is_compute {
            ApiError::invalid(format!(
                "Invalid value for field 'resource': '{value}'. The referenced resource '{name}' cannot be found."
            ))
        } else {
            ApiError::not_found(format!("Resource '{name}' was not found"))
        });
    }
    if is_compute {
        *value = format!("{BASE}{name}");
    }
    Ok(())
}

/// Whether a resource exists; `None` for a name of no kind that is known here.
fn exists(cloud: &Cloud, name: &str) -> Option<bool> {
    let collection = name.rsplit('/').nth(1)?;
    let scope = name.split('/').nth(2)?;
    match (scope, collection) {
        ("global", "networks") => return Some(cloud.store.networks.contains(name)),
        ("global", "addresses") => return Some(cloud.store.addresses.contains(name)),
        ("regions", "subnetworks") => return Some(cloud.store.subnetworks.contains(name)),
        ("serviceAccounts", _) => return None,
        _ => {}
    }
    let last = |path: &str| {
        let path = path.rsplit_once("/{").map_or(path, |(collection, _)| collection);
        path.rsplit('/').next().map(str::to_owned)
    };
    let mut known = ROWS.iter().filter(|row| {
        let (service, _) = row.collection.split_once('.').unwrap_or_default();
        let of_compute = matches!(scope, "global" | "regions");
        let get = format!("{}.get", row.collection);
        (service == "compute") == of_compute
            && mlflow_host_gcp_api::description::names()
                .filter(|api| api.split('.').next() == Some(service))
                .find_map(|api| super::method(api, &get))
                .and_then(|method| last(&method.path))
                .is_some_and(|wanted| wanted == collection)
    });
    let first = known.next()?;
    Some(std::iter::once(first).chain(known).any(|row| cloud.store.regular.contains(&super::key(row, name))))
}

/// The name of a regular resource that uses `name`, if there is one.
pub(crate) fn user_of(cloud: &Cloud, name: &str) -> Option<String> {
    let full = format!("{BASE}{name}");
    cloud.store.regular.list("").into_iter().find_map(|(key, body)| {
        let own = name_of(&key);
        (own != name && mentions(&body, name, &full)).then(|| own.to_owned())
    })
}

fn mentions(body: &Value, name: &str, full: &str) -> bool {
    match body {
        Value::Object(fields) => fields.iter().any(|(field, value)| {
            !matches!(field.as_str(), "name" | "selfLink") && mentions(value, name, full)
        }),
        Value::Array(elements) => elements.iter().any(|element| mentions(element, name, full)),
        Value::String(value) => value == name || value == full,
        _ => false,
    }
}
