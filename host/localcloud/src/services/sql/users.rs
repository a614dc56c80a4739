//! Users of an instance. Passwords go straight to PostgreSQL: they are neither kept nor returned.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{check_ready, check_started, cluster, done, instance_name, listing};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::text;
use crate::data::postgres::PostgresError;
use crate::server::call::{Answer, Call, Reply};

pub(super) async fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let instance = instance_name(call);
    match action {
        "insert" => insert(cloud, call, &instance).await,
        "get" => {
            check_started(cloud, &instance)?;
            let name = format!("{instance}/users/{}", call.variable("name"));
            cloud.store.users.get(&name).map(Reply::Json).ok_or_else(|| unknown(call.variable("name")))
        }
        "list" => {
            check_started(cloud, &instance)?;
            let items = cloud.store.users.list(&format!("{instance}/users/"));
            listing(call, "sql#usersList", items.into_iter().map(|(_, body)| body).collect())
        }
        "update" => update(cloud, call, &instance).await,
        "delete" => delete(cloud, call, &instance).await,
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// A user as the API shows it. PostgreSQL users have no host.
pub(super) fn describe(project: &str, instance: &str, name: &str) -> Value {
    json!({
        "kind": "sql#user",
        "etag": identifiers::etag(),
        "name": name,
        "host": "",
        "instance": instance,
        "project": project,
    })
}

fn unknown(user: &str) -> ApiError {
    ApiError::not_found(format!("User '{user}' does not exist.")).reason("userDoesNotExist")
}

fn refused(what: &str, error: &PostgresError) -> ApiError {
    ApiError::invalid(format!("Invalid request: failed to {what}. Detail: pq: {error}"))
}

async fn insert(cloud: &Arc<Cloud>, call: &Call, instance: &str) -> Answer {
    check_ready(cloud, instance)?;
    let user = call.text("name").unwrap_or_default();
    if user.is_empty() || user.len() > 63 || user.starts_with("cloudsql") || user.starts_with("pg_") {
        return Err(ApiError::invalid(format!("Invalid request: Invalid user name ({user}).")));
    }
    let name = format!("{instance}/users/{user}");
    if cloud.store.users.contains(&name) {
        return Err(ApiError::exists(format!("Invalid request: User {user} already exists.")));
    }
    cloud
        .clusters
        .create_role(&cluster(instance), user, call.text("password"))
        .await
        .map_err(|error| refused(&format!("create user {user}"), &error))?;
    let body = describe(call.project(), call.variable("instance"), user);
    cloud.store.users.put(&name, body)?;
    done(cloud, call, &name)
}

/// The user that a collection-level call names in its query or body.
fn named(call: &Call) -> Result<&str, ApiError> {
    call.query("name")
        .or_else(|| text(&call.body, "name"))
        .ok_or_else(|| ApiError::invalid("Missing parameter: name.").reason("required"))
}

async fn update(cloud: &Arc<Cloud>, call: &Call, instance: &str) -> Answer {
    check_ready(cloud, instance)?;
    let user = named(call)?;
    let name = format!("{instance}/users/{user}");
    if !cloud.store.users.contains(&name) {
        return Err(unknown(user));
    }
    if let Some(password) = call.text("password") {
        cloud
            .clusters
            .set_password(&cluster(instance), user, password)
            .await
            .map_err(|error| refused(&format!("update user {user}"), &error))?;
    }
    done(cloud, call, &name)
}

async fn delete(cloud: &Arc<Cloud>, call: &Call, instance: &str) -> Answer {
    check_ready(cloud, instance)?;
    let user = named(call)?;
    let name = format!("{instance}/users/{user}");
    if !cloud.store.users.contains(&name) {
        return Err(unknown(user));
    }
    cloud
        .clusters
        .drop_role(&cluster(instance), user)
        .await
        .map_err(|error| refused(&format!("delete user {user}"), &error))?;
    cloud.store.users.remove(&name)?;
    done(cloud, call, &name)
}
