//! Regular resources: whatever an API only has to keep, from one table.
//!
//! Google's description says how the methods of a collection are called, what they take and what
//! they answer; [`table`] adds what it does not say. Adding a collection is adding a row.

use std::sync::{Arc, PoisonError};

use mlflow_host_gcp_api::description::{self, Method};
use serde_json::{Value, json};

use super::compute;
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{apply_mask, fill, merge, remove, text};
use crate::common::operations::{Failure, Operation};
use crate::common::policies;
use crate::data::file::FileError;
use crate::server::call::{Answer, Call, Reply, page};

mod names;
mod references;
mod stamp;
mod table;

pub(crate) use references::user_of;

use names::{key, resource_name};
use table::{Id, Name, Row};

/// Answers a call to a regular collection; `None` for any other method.
pub(crate) fn call(cloud: &Arc<Cloud>, call: &mut Call) -> Option<Answer> {
    let (collection, verb) = call.id.rsplit_once('.')?;
    if verb == "get" && collection.ends_with(".operations") && has_regular_operations(call) {
        let name = names::expand(call, call.id)?;
        let found = cloud.operations.poll(call.service(), &name);
        let unknown = || ApiError::not_found(format!("Operation '{name}' was not found."));
        return Some(found.map(|operation| Reply::Json(operation.longrunning())).ok_or_else(unknown));
    }
    let row = match table::find(collection) {
        Some(row) => row,
        // Cloud Build's triggers without a location are those of the location `global`.
        None if collection == "cloudbuild.projects.triggers" => {
            let id = call.variable("triggerId").to_owned();
            call.variables.insert("location".to_owned(), "global".to_owned());
            call.variables.insert("trigger".to_owned(), id);
            table::find("cloudbuild.projects.locations.triggers")?
        }
        None => return None,
    };
    Some(answer(cloud, row, verb, call))
}

/// Whether the operations of the API are all made here.
fn has_regular_operations(call: &Call) -> bool {
    matches!(call.service(), "vpcaccess" | "iam" | "cloudscheduler") || call.api.name == "cloudbuild.v2"
}

fn answer(cloud: &Arc<Cloud>, row: &'static Row, verb: &str, call: &mut Call) -> Answer {
    // Before anything is locked for a change.
    let mut body = std::mem::take(&mut call.body);
    references::resolve(cloud, call, &mut body)?;
    call.body = body;
    match verb {
        "create" | "insert" => return create(cloud, row, call),
        "list" => return list(cloud, row, call),
        "aggregatedList" => return Ok(Reply::Json(aggregated(cloud, row, call))),
        _ => {}
    }
    let (name, body) = existing(cloud, row, call)?;
    let policy = format!("//{}.googleapis.com/{name}", call.service());
    match verb {
        "get" => Ok(Reply::Json(body)),
        "patch" => update(cloud, row, call, &name, |resource| patch(call, resource)),
        "update" => update(cloud, row, call, &name, |resource| replace(call, resource)),
        "delete" => delete(cloud, row, call, &name, body),
        "getIamPolicy" => Ok(Reply::Json(policies::get(cloud, &policy))),
        "setIamPolicy" => {
            let wanted = if call.body["policy"].is_null() { &call.body } else { &call.body["policy"] };
            policies::set(cloud, &policy, wanted).map(Reply::Json)
        }
        "testIamPermissions" => Ok(Reply::Json(json!({"permissions": call.body["permissions"]}))),
        _ => {
            let setter = table::SETTERS.iter().find(|(method, _)| call.id.ends_with(method));
            let fields = match setter {
                Some((_, fields)) => serde_json::from_str(fields).map_err(ApiError::internal)?,
                // `setLabels`, `setUrlMap`, …: the fields are those of the body.
                None if verb.starts_with("set") => stamp::known_fields(call, &call.body),
                None => return Err(ApiError::unimplemented(call.id)),
            };
            update(cloud, row, call, &name, |resource| {
                stamp::check_versions(call, resource)?;
                for (field, value) in fields.as_object().into_iter().flatten() {
                    resource[field] = value.clone();
                    if value.is_null() {
                        remove(resource, field);
                    }
                }
                Ok(())
            })
        }
    }
}

/// The resource that a call names.
fn existing(cloud: &Cloud, row: &Row, call: &Call) -> Result<(String, Value), ApiError> {
    let name = resource_name(row, call)
        .ok_or_else(|| ApiError::internal(format!("{} has no method `get`", row.collection)))?;
    if let Some(body) = cloud.store.regular.get(&key(row, &name)) {
        return Ok((name, body));
    }
    // Triggers can be named by the name that the client gave them, too.
    if row.name == Name::Free
        && let Some((parent, short)) = name.rsplit_once('/')
        && let Some((found, body)) = cloud
            .store
            .regular
            .list(&key(row, &format!("{parent}/")))
            .into_iter()
            .find(|(_, body)| body["name"] == short)
    {
        return Ok((names::name_of(&found).to_owned(), body));
    }
    Err(missing(call, &name))
}

fn missing(call: &Call, name: &str) -> ApiError {
    ApiError::not_found(match call.service() {
        "compute" => format!("The resource '{name}' was not found"),
        _ => format!("Resource '{name}' was not found"),
    })
}

fn create(cloud: &Arc<Cloud>, row: &'static Row, call: &Call) -> Answer {
    let mut body = match row.id {
        Id::Message(_, field) => call.body[field].clone(),
        _ => call.body.clone(),
    };
    let name = names::new_name(row, call, &body)?;
    let parent = names::parent(row, &name);
    if let Some(parent) = parent.filter(|parent| !cloud.store.regular.contains(parent)) {
        return Err(missing(call, names::name_of(&parent)));
    }
    let _drawing = cloud.drawing.lock().unwrap_or_else(PoisonError::into_inner);
    compute::external::assign(cloud, row.collection, &mut body)?;
    stamp::new(row, call, &name, &mut body)?;
    if call.query("validateOnly") == Some("true") {
        return Ok(Reply::Json(body));
    }
    Cloud::create(&cloud.store.regular, &key(row, &name), body.clone(), || {
        ApiError::exists(match call.service() {
            "compute" => format!("The resource '{name}' already exists"),
            _ => format!("Resource '{name}' already exists."),
        })
    })?;
    finish(cloud, row, call, &name, body)
}

fn list(cloud: &Cloud, row: &Row, call: &Call) -> Answer {
    let (Some(field), Some(parent)) = (names::list_field(call), names::expand(call, call.id)) else {
        return Err(ApiError::unimplemented(call.id));
    };
    let wanted = call.query("filter").filter(|_| call.service() == "compute").map(compute::filtered_name);
    let deleted = call.query("showDeleted") == Some("true");
    let everywhere = parent.contains("/locations/-/");
    let prefix = match parent.split_once("/locations/-/") {
        Some((project, _)) => key(row, &format!("{project}/locations/")),
        None => key(row, &format!("{parent}/")),
    };
    let depth = parent.matches('/').count() + 1;
    let mut items = Vec::new();
    for (name, body) in cloud.store.regular.list(&prefix) {
        let visible = deleted || !stamp::is_deleted(row, &body);
        let here = everywhere || names::name_of(&name).matches('/').count() == depth;
        let fits = match &wanted {
            None => true,
            Some(Some(wanted)) => body["name"] == *wanted,
            Some(None) => return Err(ApiError::invalid("The local cloud filters by name only.")),
        };
        if visible && here && fits {
            items.push(body);
        }
    }
    let mut listed = page(call, &field, items)?;
    if call.service() == "compute" {
        let schema = call.api.method(call.id).and_then(|method| method.response.as_deref());
        listed["kind"] = format!("compute#{}", stamp::lower_first(schema.unwrap_or_default())).into();
        listed["id"] = parent.into();
    }
    Ok(Reply::Json(listed))
}

/// The resources of all regions; of addresses, also the global ones, which Google keeps in the same list.
fn aggregated(cloud: &Cloud, row: &Row, call: &Call) -> Value {
    let project = format!("projects/{}/", call.project());
    let regional = cloud.store.regular.list(&key(row, &project)).into_iter();
    let mut all: Vec<_> = regional.map(|(name, body)| (names::name_of(&name).to_owned(), body)).collect();
    if row.collection == "compute.addresses" {
        all.extend(cloud.store.addresses.list(&project));
    }
    let collection = row.collection.rsplit('.').next().unwrap_or_default();
    let schema = call.api.method(call.id).and_then(|method| method.response.as_deref());
    let kind = format!("compute#{}", stamp::lower_first(schema.unwrap_or_default()));
    compute::aggregated(&kind, collection, all)
}

/// A change by merge patch or by mask.
fn patch(call: &Call, resource: &mut Value) -> Result<(), ApiError> {
    stamp::check_versions(call, resource)?;
    match call.query("updateMask") {
        Some(mask) => apply_mask(resource, &call.body, mask),
        None => merge(resource, &call.body),
    }
    Ok(())
}

/// A change of the whole: what only the server sets stays.
fn replace(call: &Call, resource: &mut Value) -> Result<(), ApiError> {
    stamp::check_versions(call, resource)?;
    let mut new = call.body.clone();
    let mut kept = resource.clone();
    if let Some(schema) = stamp::schema(call) {
        stamp::only_output(schema, &mut kept);
    }
    fill(&mut new, kept);
    *resource = new;
    Ok(())
}

fn update(
    cloud: &Arc<Cloud>,
    row: &'static Row,
    call: &Call,
    name: &str,
    change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
) -> Answer {
    let changed = cloud.store.regular.change::<ApiError>(&key(row, name), |resource| {
        let identity = resource["name"].clone();
        change(resource)?;
        if row.name != Name::Free {
            resource["name"] = identity;
        }
        stamp::changed(call, resource);
        Ok(())
    })?;
    finish(cloud, row, call, name, changed.ok_or_else(|| missing(call, name))?)
}

fn delete(cloud: &Arc<Cloud>, row: &'static Row, call: &Call, name: &str, body: Value) -> Answer {
    stamp::check_versions(call, &body)?;
    if let Some(user) = user_of(cloud, name).filter(|_| call.query("force") != Some("true")) {
        return Err(match call.service() {
            "compute" => compute::in_use(
                &stamp::lower_first(row.kind.rsplit('/').next().unwrap_or_default()),
                name,
                &user,
            ),
            _ => ApiError::precondition(format!("Resource '{name}' is in use by '{user}'.")),
        });
    }
    if !row.tombstone.is_empty() {
        let mark: Value = serde_json::from_str(row.tombstone).map_err(ApiError::internal)?;
        return update(cloud, row, call, name, |resource| {
            merge(resource, &mark);
            Ok(())
        });
    }
    policies::remove(cloud, &format!("//{}.googleapis.com/{name}", call.service()))?;
    if names::answers_with_operation(call) {
        return begin(cloud, row, call, name);
    }
    cloud.store.regular.remove(&key(row, name))?;
    Ok(Reply::Json(json!({})))
}

/// The answer to a change that has taken place: the resource, or an operation that reports it.
fn finish(cloud: &Arc<Cloud>, row: &'static Row, call: &Call, name: &str, body: Value) -> Answer {
    if names::answers_with_operation(call) { begin(cloud, row, call, name) } else { Ok(Reply::Json(body)) }
}

fn begin(cloud: &Arc<Cloud>, row: &'static Row, call: &Call, name: &str) -> Answer {
    let target = key(row, name);
    if call.service() == "compute" {
        return compute::begin(cloud, call, name, json!(target));
    }
    let operation = names::operation(row, call, name);
    let operation = Operation::new(call.service(), call.action(), operation, call.project(), &target)
        .metadata(json!({
            "@type": format!("type.googleapis.com/{}.OperationMetadata", row.package),
            "createTime": crate::common::clock::now(),
            "target": name,
        }));
    Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
}

/// Does the work of an operation: a deletion removes, all else took effect with the request.
pub(crate) fn settle(cloud: &Cloud, operation: &Operation) -> Result<Value, Failure> {
    let key = operation.input.as_str().unwrap_or(&operation.target);
    let row = table::ROWS.iter().find(|row| key.starts_with(&format!("{} ", row.kind)));
    let row = row.ok_or_else(|| Failure::internal(format!("{key} is of no regular kind")))?;
    if operation.action.ends_with(".delete") && row.tombstone.is_empty() {
        cloud.store.regular.remove(key)?;
        return Ok(json!({"@type": "type.googleapis.com/google.protobuf.Empty"}));
    }
    let message = row.kind.rsplit('/').next().unwrap_or_default();
    let mut response = json!({"@type": format!("type.googleapis.com/{}.{message}", row.package)});
    merge(&mut response, &cloud.store.regular.get(key).unwrap_or_default());
    Ok(response)
}

/// Whether an operation of Compute Engine is for a regular resource.
pub(crate) fn is_regular(operation: &Operation) -> bool {
    operation.input.is_string()
}

/// The numeric id of a regular resource of Compute Engine.
pub(crate) fn id_of(cloud: &Cloud, name: &str) -> Option<String> {
    table::ROWS.iter().find_map(|row| {
        let body = cloud.store.regular.get(&key(row, name))?;
        text(&body, "id").map(str::to_owned)
    })
}

/// Kind and name of a row of the store, unless it only keeps a deleted resource's name: its own, or, as in a
/// deleted pool, that of what it is in.
pub(crate) fn shown<'a>(cloud: &Cloud, stored: &'a str, body: &Value) -> Option<(&'a str, &'a str)> {
    let (kind, name) = stored.split_once(' ')?;
    let Some(row) = table::ROWS.iter().find(|row| row.kind == kind) else { return Some((kind, name)) };
    if stamp::is_deleted(row, body) {
        return None;
    }
    if let Some(around) = names::parent(row, name) {
        shown(cloud, &around, &cloud.store.regular.get(&around)?)?;
    }
    Some((kind, name))
}

/// The method of a collection, from whichever version of the API has it.
fn method(api: &str, id: &str) -> Option<&'static Method> {
    description::api(api)?.method(id)
}

/// Where the settings of Identity-Aware Proxy for a resource are in the store.
fn settings(name: &str) -> String {
    format!("local.IapSettings {name}")
}

/// Forgets what Identity-Aware Proxy knows of a Cloud Run service, which is gone.
pub(crate) fn unguard(cloud: &Cloud, service: &str) -> Result<(), FileError> {
    let guarded = service.replacen("/locations/", "/iap_web/cloud_run-", 1);
    policies::remove(cloud, &format!("//iap.googleapis.com/{guarded}"))?;
    cloud.store.regular.remove(&settings(&guarded)).map(drop)
}

/// Settings and policies of Identity-Aware Proxy, which are kept for any resource that it guards.
pub(crate) fn guarded(cloud: &Arc<Cloud>, call: &Call) -> Option<Answer> {
    let policy = || format!("//iap.googleapis.com/{}", call.variable("resource"));
    Some(match call.action() {
        "getIapSettings" => {
            let name = call.variable("name");
            let found = cloud.store.regular.get(&settings(name));
            Ok(Reply::Json(found.unwrap_or_else(|| json!({"name": name}))))
        }
        "updateIapSettings" => {
            let name = call.variable("name");
            let mut changed = cloud.store.regular.get(&settings(name)).unwrap_or_default();
            match call.query("updateMask") {
                Some(mask) => apply_mask(&mut changed, &call.body, mask),
                None => changed.clone_from(&call.body),
            }
            changed["name"] = name.into();
            let stored = cloud.store.regular.put(&settings(name), changed.clone());
            stored.map(|()| Reply::Json(changed)).map_err(ApiError::from)
        }
        "getIamPolicy" => Ok(Reply::Json(policies::get(cloud, &policy()))),
        "setIamPolicy" => policies::set(cloud, &policy(), &call.body["policy"]).map(Reply::Json),
        "testIamPermissions" => Ok(Reply::Json(json!({"permissions": call.body["permissions"]}))),
        _ => return None,
    })
}
