//! Databases of an instance.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{begin, check_ready, check_started, cluster, done, instance_name, listing};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::text;
use crate::common::operations::{Failure, Operation};
use crate::server::call::{Answer, Call, Reply};

/// A database as the API shows it.
pub(super) fn describe(project: &str, instance: &str, name: &str, charset: &str, collation: &str) -> Value {
    json!({
        "kind": "sql#database",
        "name": name,
        "charset": charset,
        "collation": collation,
        "instance": instance,
        "project": project,
        "selfLink": format!("https://sqladmin.googleapis.com/v1/projects/{project}/instances/{instance}/databases/{name}"),
        "etag": identifiers::digest(&format!("{name}{charset}{collation}"), 64),
    })
}

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let instance = instance_name(call);
    let name = format!("{instance}/databases/{}", call.variable("database"));
    match action {
        "insert" => insert(cloud, call, &instance),
        "get" => {
            check_started(cloud, &instance)?;
            cloud.store.databases.get(&name).map(Reply::Json).ok_or_else(unknown)
        }
        "list" => {
            check_started(cloud, &instance)?;
            let items = cloud.store.databases.list(&format!("{instance}/databases/"));
            listing(call, "sql#databasesList", items.into_iter().map(|(_, body)| body).collect())
        }
        "patch" | "update" => update(cloud, call, &instance, &name),
        "delete" => {
            check_ready(cloud, &instance)?;
            if !cloud.store.databases.contains(&name) {
                return Err(unknown());
            }
            begin(cloud, call, &name, Value::Null)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("Not Found").reason("notFound")
}

fn insert(cloud: &Arc<Cloud>, call: &Call, instance: &str) -> Answer {
    check_ready(cloud, instance)?;
    let database = call.text("name").unwrap_or_default();
    if database.is_empty() || database.len() > 63 {
        return Err(ApiError::invalid("Invalid request: A database must have a name of 1 to 63 bytes."));
    }
    let name = format!("{instance}/databases/{database}");
    let (charset, collation) =
        (call.text("charset").unwrap_or("UTF8"), call.text("collation").unwrap_or("en_US.UTF8"));
    let body = describe(call.project(), call.variable("instance"), database, charset, collation);
    Cloud::create(&cloud.store.databases, &name, body, || {
        ApiError::invalid(format!(
            "Invalid request: failed to create database {database}. Detail: pq: database \"{database}\" already exists"
        ))
    })?;
    begin(cloud, call, &name, json!({"charset": call.body["charset"], "collation": call.body["collation"]}))
}

fn update(cloud: &Arc<Cloud>, call: &Call, instance: &str, name: &str) -> Answer {
    check_ready(cloud, instance)?;
    let database = cloud.store.databases.get(name).ok_or_else(unknown)?;
    for field in ["charset", "collation"] {
        if call.text(field).is_some_and(|wanted| database[field] != wanted) {
            return Err(ApiError::invalid(format!(
                "Invalid request: The {field} of a PostgreSQL database cannot be changed."
            )));
        }
    }
    done(cloud, call, name)
}

pub(super) async fn settle(
    cloud: &Arc<Cloud>,
    operation: &Operation,
    action: &str,
) -> Result<Value, Failure> {
    let name = &operation.target;
    let (instance, database) = name.split_once("/databases/").unwrap_or_default();
    let cluster = cluster(instance);
    if action == "delete" {
        let result = cloud.clusters.drop_database(&cluster, database).await;
        result.map_err(|error| {
            let message = format!("Failed to delete database \"{database}\". Detail: pq: {error}");
            Failure { code: 9, reason: "INTERNAL_ERROR".into(), message }
        })?;
        cloud.store.databases.remove(name)?;
        return Ok(json!({}));
    }
    let present = cloud.clusters.databases(&cluster).await.map_err(Failure::internal)?;
    let made = match present.into_iter().find(|present| present.name == database) {
        // After a restart the work may have been done already.
        Some(present) => Ok(present),
        None => {
            let (charset, collation) =
                (text(&operation.input, "charset"), text(&operation.input, "collation"));
            cloud.clusters.create_database(&cluster, database, charset, collation).await
        }
    };
    match made {
        Ok(made) => {
            let mut parts = instance.split('/').skip(1).step_by(2);
            let (project, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            cloud
                .store
                .databases
                .put(name, describe(project, id, database, &made.charset, &made.collation))?;
            Ok(json!({}))
        }
        Err(error) => {
            cloud.store.databases.remove(name)?;
            Err(Failure::new(9, format!("failed to create database {database}. Detail: pq: {error}")))
        }
    }
}
