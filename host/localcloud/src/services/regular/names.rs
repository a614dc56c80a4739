//! Names of regular resources, from the paths of their methods.

use mlflow_host_gcp_api::description::SchemaType;

use super::method;
use super::table::{Id, ROWS, Row};
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::text;
use crate::server::call::Call;

/// Where a resource is in the store: `vpcaccess.googleapis.com/Connector projects/…`.
pub(super) fn key(row: &Row, name: &str) -> String {
    format!("{} {name}", row.kind)
}

/// The name in a key.
pub(super) fn name_of(key: &str) -> &str {
    key.split_once(' ').map_or(key, |(_, name)| name)
}

/// The path of a method with the variables of a call, without the version: `projects/p/…`.
/// `None` for a method that the API does not have.
pub(super) fn expand(call: &Call, id: &str) -> Option<String> {
    let path = &method(&call.api.name, id)?.path;
    let start = ["projects/", "billingAccounts/"].iter().filter_map(|first| path.find(first)).min()?;
    let mut name = String::new();
    for segment in path.get(start..)?.split('/') {
        if !name.is_empty() {
            name.push('/');
        }
        match segment.strip_prefix('{') {
            Some(variable) => {
                let variable = variable.split('}').next().unwrap_or_default().trim_start_matches('+');
                name.push_str(match variable {
                    "projectId" => call.project(),
                    variable => call.variable(variable),
                });
            }
            None => name.push_str(segment),
        }
    }
    Some(name)
}

/// The full name of the resource that a call names. Methods that call its variable otherwise than
/// `get` does (`resource`) are understood.
pub(super) fn resource_name(row: &Row, call: &Call) -> Option<String> {
    let name = expand(call, &format!("{}.get", row.collection))?;
    match name.strip_suffix('/') {
        Some(parent) => Some(format!("{parent}/{}", call.variable("resource"))),
        None => Some(name),
    }
}

/// The full name of the resource that a call creates.
pub(super) fn new_name(row: &Row, call: &Call, body: &serde_json::Value) -> Result<String, ApiError> {
    let template = resource_name(row, call)
        .ok_or_else(|| ApiError::internal(format!("{} has no method `get`", row.collection)))?;
    let parent = template.rsplit_once('/').map_or(template.as_str(), |(parent, _)| parent);
    let id = match row.id {
        Id::Query(parameter) => call.required(parameter)?.to_owned(),
        Id::Message(field, _) => call
            .text(field)
            .ok_or_else(|| ApiError::invalid(format!("Missing required field: {field}")))?
            .to_owned(),
        Id::Name => match text(body, "name").and_then(|name| name.rsplit('/').next()) {
            Some(short) => short.to_owned(),
            None if call.service() == "compute" => {
                return Err(
                    ApiError::invalid("Required field 'resource.name' not specified").reason("required")
                );
            }
            None => identifiers::uuid(),
        },
        Id::Number => identifiers::number(),
        Id::Uuid => identifiers::uuid(),
    };
    if id.is_empty() || id.len() > 128 || id.contains(['/', ' ']) {
        return Err(ApiError::invalid(format!("Invalid id: '{id}'.")));
    }
    Ok(format!("{parent}/{id}"))
}

/// The key of the regular resource in which another is, if it is in one.
pub(super) fn parent(row: &Row, name: &str) -> Option<String> {
    let (outer, _) = row.collection.rsplit_once('.')?;
    let outer = ROWS.iter().find(|other| other.collection == outer)?;
    let mut name = name.rsplitn(3, '/');
    Some(key(outer, name.nth(2)?))
}

/// The name of a new operation on a resource.
pub(super) fn operation(row: &Row, call: &Call, name: &str) -> String {
    let id = identifiers::uuid();
    if method(&call.api.name, &format!("{}.operations.get", row.collection)).is_some() {
        return format!("{name}/operations/{id}");
    }
    let scope: Vec<_> = name.split('/').take(4).collect();
    format!("{}/operations/operation-{id}", scope.join("/"))
}

/// Whether a call is answered with an operation.
pub(super) fn answers_with_operation(call: &Call) -> bool {
    let method = call.api.method(call.id);
    method.and_then(|method| method.response.as_deref()) == Some("Operation")
}

/// The field of a list message that holds the resources.
pub(super) fn list_field(call: &Call) -> Option<String> {
    let schema = call.api.schema(call.api.method(call.id)?.response.as_deref()?)?;
    let lists = |name: &&String| {
        schema.properties.get(*name).is_some_and(|field| {
            field.kind == SchemaType::Array
                && field.items.as_ref().is_some_and(|items| items.reference.is_some())
        })
    };
    schema.properties.keys().find(lists).cloned()
}
