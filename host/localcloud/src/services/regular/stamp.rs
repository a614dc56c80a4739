//! What the server adds to a regular resource: names, times, etags, defaults, identifiers.

use jiff::Timestamp;
use mlflow_host_gcp_api::description::Schema;
use serde_json::{Map, Value, json};

use super::table::{Name, Row};
use crate::common::error::ApiError;
use crate::common::json::{fill, text};
use crate::common::{clock, identifiers};
use crate::server::call::Call;
use crate::services::compute::BASE;

/// The schema of the collection's resource.
pub(super) fn schema(call: &Call) -> Option<&'static Schema> {
    let (collection, _) = call.id.rsplit_once('.')?;
    call.api.schema(call.api.method(&format!("{collection}.get"))?.response.as_deref()?)
}

fn has(call: &Call, field: &str) -> bool {
    schema(call).is_some_and(|schema| schema.properties.contains_key(field))
}

/// Completes a new resource.
pub(super) fn new(row: &Row, call: &Call, name: &str, body: &mut Value) -> Result<(), ApiError> {
    let id = name.rsplit('/').next().unwrap_or_default();
    let number = identifiers::project_number(call.project());
    let defaults = row.defaults.replace("$name", name).replace("$id", id).replace("$number", &number);
    let defaults: Value = serde_json::from_str(&defaults).map_err(ApiError::internal)?;
    fill(body, defaults);
    match row.name {
        Name::Full => body["name"] = name.into(),
        Name::Numbered => {
            let rest = name.splitn(3, '/').nth(2).unwrap_or_default();
            body["name"] = format!("projects/{number}/{rest}").into();
        }
        Name::Short => body["name"] = id.into(),
        Name::Free => {}
    }
    if call.service() == "compute" {
        let kind = row.kind.rsplit('/').next().unwrap_or_default().trim_start_matches("Global");
        body["kind"] = format!("compute#{}", lower_first(kind)).into();
        body["id"] = identifiers::number().into();
        body["creationTimestamp"] = clock::pacific(Timestamp::now()).into();
        body["selfLink"] = format!("{BASE}{name}").into();
        if !call.variable("region").is_empty() {
            body["region"] =
                format!("{BASE}projects/{}/regions/{}", call.project(), call.variable("region")).into();
        }
        if body["type"] == "MANAGED" && row.collection == "compute.sslCertificates" {
            body["managed"]["status"] = "ACTIVE".into();
        }
    }
    if has(call, "uid") {
        body["uid"] = identifiers::uuid().into();
    }
    if has(call, "createTime") {
        body["createTime"] = clock::now().into();
    }
    changed(call, body);
    Ok(())
}

/// Marks a resource as changed now.
pub(super) fn changed(call: &Call, body: &mut Value) {
    for field in ["updateTime", "userUpdateTime"] {
        if has(call, field) {
            body[field] = clock::now().into();
        }
    }
    if has(call, "etag") {
        body["etag"] = identifiers::etag().into();
    }
    if has(call, "fingerprint") {
        crate::common::json::remove(body, "fingerprint");
        body["fingerprint"] = identifiers::fingerprint(body).into();
    }
    if has(call, "labelFingerprint") {
        body["labelFingerprint"] = identifiers::label_fingerprint(&body["labels"]).into();
    }
}

/// Refuses a change that was made of an older state: by etag, fingerprint or label fingerprint.
pub(super) fn check_versions(call: &Call, resource: &Value) -> Result<(), ApiError> {
    let stale = |field: &str, given: Option<&str>| {
        given.is_some_and(|given| text(resource, field).is_some_and(|current| current != given))
    };
    if stale("etag", call.query("etag").or_else(|| call.text("etag"))) {
        return Err(ApiError::aborted(
            "There were concurrent changes: the etag does not match the current one.",
        ));
    }
    if ["fingerprint", "labelFingerprint"].iter().any(|field| stale(field, call.text(field))) {
        let message = "Supplied fingerprint does not match current metadata fingerprint.";
        return Err(ApiError::condition_not_met(message));
    }
    Ok(())
}

/// The fields of `body` that the collection's resources have.
pub(super) fn known_fields(call: &Call, body: &Value) -> Value {
    let mut known = Map::new();
    for (field, value) in body.as_object().into_iter().flatten() {
        if has(call, field) && !field.ends_with("ingerprint") {
            known.insert(field.clone(), value.clone());
        }
    }
    Value::Object(known)
}

/// Leaves what only the server sets.
pub(super) fn only_output(schema: &Schema, body: &mut Value) {
    let kept = ["name", "etag", "id", "selfLink", "kind", "fingerprint", "region"];
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| {
            kept.contains(&name.as_str())
                || schema.properties.get(name).is_some_and(|field| field.output_only)
        });
    }
}

/// Whether a resource only keeps its name.
pub(super) fn is_deleted(row: &Row, body: &Value) -> bool {
    let mark: Value = serde_json::from_str(row.tombstone).unwrap_or_else(|_| json!({}));
    let mut fields = mark.as_object().into_iter().flatten().peekable();
    fields.peek().is_some() && fields.all(|(field, value)| body[field] == *value)
}

/// `NetworkEndpointGroup` → `networkEndpointGroup`.
pub(super) fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}
