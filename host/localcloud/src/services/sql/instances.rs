//! Instances: each is a PostgreSQL cluster with an address of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    base, begin, check_idle, check_ready, cluster, defaults, existing, instance_name, is_stopped, listing,
    no_instance,
};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::{at, list, merge, set, text};
use crate::common::operations::{Failure, Operation};
use crate::server::call::{Answer, Call, Reply};
use crate::services::{compute, networking};

/// How long the name of a deleted instance cannot be used again.
const RESERVED: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let name = instance_name(call);
    match action {
        "insert" => insert(cloud, call),
        "get" => existing(cloud, &name).map(|instance| Reply::Json(public(call, instance))),
        "list" => {
            let prefix = format!("projects/{}/instances/", call.project());
            let items =
                cloud.store.instances.list(&prefix).into_iter().map(|(_, body)| public(call, body)).collect();
            listing(call, "sql#instancesList", items)
        }
        "patch" | "update" => patch(cloud, call, &name, action == "update"),
        "delete" => delete(cloud, call, &name),
        "restart" => {
            check_ready(cloud, &name)?;
            begin(cloud, call, &name, Value::Null)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// An instance with links of the API version that was called.
fn public(call: &Call, mut instance: Value) -> Value {
    let id = text(&instance, "name").unwrap_or_default();
    instance["selfLink"] = format!("{}projects/{}/instances/{id}", base(call), call.project()).into();
    instance
}

fn tombstone(name: &str) -> String {
    format!("sqladmin/{name}")
}

/// 409 for a name that is taken, or was until less than a week ago.
fn taken() -> ApiError {
    ApiError::exists(
        "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the \
         deleted instance until one week from the deletion date.",
    )
    .reason("instanceAlreadyExists")
}

fn invalid(message: impl std::fmt::Display) -> ApiError {
    ApiError::invalid(format!("Invalid request: {message}"))
}

fn insert(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let project = call.project();
    let id = call.text("name").unwrap_or_default();
    let fits = (1..=97).contains(&id.len())
        && id.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err(invalid(format!(
            "Invalid instance name ({id}): it must be lower-case letters, digits and dashes, begin with a letter \
             and not end with a dash."
        )));
    }
    let version = call.text("databaseVersion").unwrap_or_default();
    if !version.starts_with("POSTGRES_") {
        return Err(invalid(format!(
            "databaseVersion must be one of POSTGRES_… (the local cloud runs PostgreSQL only), not '{version}'."
        )));
    }
    check_tier(&call.body)?;
    let network = private_network(cloud, project, id, &call.body)?;
    let name = format!("projects/{project}/instances/{id}");
    if is_reserved(cloud, &name) {
        return Err(taken());
    }
    let instance = defaults::instance(cloud, project, &call.body, network.as_deref(), base(call));
    Cloud::create(&cloud.store.instances, &name, instance, taken)?;
    begin(cloud, call, &name, json!({"rootPassword": call.body["rootPassword"]}))
}

/// A tier must fit the edition.
fn check_tier(body: &Value) -> Result<(), ApiError> {
    let tier = text(body, "settings.tier").unwrap_or_default();
    let edition = text(body, "settings.edition").unwrap_or("ENTERPRISE");
    let fits = match edition {
        "ENTERPRISE_PLUS" => tier.starts_with("db-perf-optimized-") || tier.starts_with("db-c4a-"),
        _ => tier.starts_with("db-custom-") || matches!(tier, "db-f1-micro" | "db-g1-small"),
    };
    if fits { Ok(()) } else { Err(invalid(format!("Invalid Tier ({tier}) for ({edition}) Edition."))) }
}

fn is_reserved(cloud: &Cloud, name: &str) -> bool {
    let deleted = cloud.store.tombstones.get(&tombstone(name));
    deleted
        .as_ref()
        .and_then(Value::as_str)
        .and_then(|time| time.parse::<Timestamp>().ok())
        .is_some_and(|time| Timestamp::now().duration_since(time) < RESERVED)
}

/// The private network of an instance, which must have a service networking connection.
fn private_network(cloud: &Cloud, project: &str, id: &str, body: &Value) -> Result<Option<String>, ApiError> {
    let Some(reference) = text(body, "settings.ipConfiguration.privateNetwork") else {
        let public = at(body, "settings.ipConfiguration.ipv4Enabled") != Some(&Value::Bool(false));
        return if public {
            Ok(None)
        } else {
            Err(invalid("At least one of Public IP or Private IP must be enabled for the instance."))
        };
    };
    let network = compute::network_name(cloud, project, reference)?;
    if !cloud.store.networks.contains(&network) {
        return Err(invalid(format!("The network '{reference}' does not exist.")));
    }
    if !networking::is_connected(cloud, &network) {
        return Err(invalid(format!(
            "Incorrect Service Networking config for instance: {project}:{id}:SERVICE_NETWORKING_NOT_ENABLED."
        )));
    }
    Ok(Some(network))
}

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str, whole: bool) -> Answer {
    let before = existing(cloud, name)?;
    check_idle(cloud, name)?;
    let mut wanted = before.clone();
    if whole {
        set(&mut wanted, "settings", json!({}));
    }
    let mut body = call.body.clone();
    for fixed in [
        "rootPassword",
        "name",
        "project",
        "state",
        "ipAddresses",
        "connectionName",
        "selfLink",
        "kind",
        "etag",
    ] {
        crate::common::json::remove(&mut body, fixed);
    }
    merge(&mut wanted, &body);
    defaults::settings(&mut wanted["settings"]);
    check_tier(&wanted)?;
    if wanted["region"] != before["region"] {
        return Err(invalid("The region of an instance cannot be changed."));
    }
    let id = call.variable("instance");
    let network = private_network(cloud, call.project(), id, &wanted)?;
    if network.is_none() && at(&before, "settings.ipConfiguration.privateNetwork").is_some() {
        return Err(invalid("The private network of an instance can be changed, but not removed."));
    }
    let size = |instance: &Value| {
        text(instance, "settings.dataDiskSizeGb").and_then(|size| size.parse::<u64>().ok())
    };
    if size(&wanted) < size(&before) {
        return Err(invalid("The disk size of an instance cannot be decreased."));
    }
    let settings = wanted["settings"].clone();
    cloud.store.instances.change::<ApiError>(name, |instance| {
        let version = text(instance, "settings.settingsVersion").unwrap_or("1").to_owned();
        if call.text("settings.settingsVersion").is_some_and(|given| given != version) {
            return Err(ApiError::condition_not_met("The settings version given is not the current one."));
        }
        let next = version.parse::<u64>().unwrap_or_default() + 1;
        *instance = wanted;
        instance["settings"] = settings;
        set(instance, "settings.settingsVersion", next.to_string());
        instance["etag"] = identifiers::digest(&identifiers::uuid(), 64).into();
        Ok(())
    })?;
    let restart =
        at(&before, "settings.databaseFlags") != at(&existing(cloud, name)?, "settings.databaseFlags");
    begin(cloud, call, name, json!({"restart": restart}))
}

fn delete(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let instance = existing(cloud, name)?;
    if at(&instance, "settings.deletionProtectionEnabled") == Some(&Value::Bool(true)) {
        return Err(ApiError::invalid(
            "The instance is protected. Please disable the deletion protection and try again. To disable deletion \
             protection, update the instance settings with deletionProtectionEnabled set to false.",
        ));
    }
    if cloud.operations.busy("sqladmin", name) {
        return Err(ApiError::aborted("Operation failed because another operation was already in progress.")
            .reason("operationInProgress"));
    }
    set_state(cloud, name, "PENDING_DELETE").map_err(ApiError::internal)?;
    begin(cloud, call, name, Value::Null)
}

fn set_state(cloud: &Cloud, name: &str, state: &str) -> Result<(), Failure> {
    cloud.store.instances.change::<Failure>(name, |instance| {
        instance["state"] = state.into();
        Ok(())
    })?;
    Ok(())
}

pub(super) async fn settle(
    cloud: &Arc<Cloud>,
    operation: &Operation,
    action: &str,
) -> Result<Value, Failure> {
    let name = &operation.target;
    match action {
        "insert" => {
            let result = bring_up(cloud, name, text(&operation.input, "rootPassword")).await;
            if result.is_err() {
                set_state(cloud, name, "FAILED")?;
            }
            result?;
        }
        "delete" => {
            cloud.clusters.delete(&cluster(name)).await.map_err(Failure::internal)?;
            let below = format!("{name}/");
            cloud.store.databases.remove_all(&below)?;
            cloud.store.users.remove_all(&below)?;
            cloud.store.instances.remove(name)?;
            cloud.store.tombstones.put(&tombstone(name), Timestamp::now().to_string().into())?;
        }
        _ => {
            if action == "restart" || operation.input["restart"] == true {
                cloud.clusters.stop(&cluster(name)).await.map_err(Failure::internal)?;
            }
            apply_activation(cloud, name).await?;
        }
    }
    Ok(json!({}))
}

/// Starts the cluster of a new instance and tells the world where it is.
async fn bring_up(cloud: &Arc<Cloud>, name: &str, password: Option<&str>) -> Result<(), Failure> {
    let cluster = cluster(name);
    start(cloud, name).await?;
    if let Some(password) = password {
        cloud.clusters.set_password(&cluster, "postgres", password).await.map_err(Failure::internal)?;
    }
    let id = name.rsplit('/').next().unwrap_or_default();
    let project = name.split('/').nth(1).unwrap_or_default();
    for role in cloud.clusters.roles(&cluster).await.map_err(Failure::internal)? {
        let body = super::users::describe(project, id, &role);
        cloud.store.users.put(&format!("{name}/users/{role}"), body)?;
    }
    for database in cloud.clusters.databases(&cluster).await.map_err(Failure::internal)? {
        let body =
            super::databases::describe(project, id, &database.name, &database.charset, &database.collation);
        cloud.store.databases.put(&format!("{name}/databases/{}", database.name), body)?;
    }
    set_state(cloud, name, "RUNNABLE")
}

/// Starts the cluster of an instance with its flags and notes its address and version.
async fn start(cloud: &Arc<Cloud>, name: &str) -> Result<(), Failure> {
    let cluster = cluster(name);
    let instance = cloud.store.instances.get(name).ok_or_else(|| Failure::new(5, no_instance().message))?;
    let flags: BTreeMap<String, String> = list(&instance, "settings.databaseFlags")
        .filter_map(|flag| Some((text(flag, "name")?.to_owned(), flag["value"].as_str()?.to_owned())))
        .filter(|(name, _)| !name.starts_with("cloudsql."))
        .collect();
    let endpoint = cloud.clusters.start(&cluster, &flags).await.map_err(Failure::internal)?;
    let version = cloud.clusters.version(&cluster).await.map_err(Failure::internal)?;
    let address = endpoint.address.to_string();
    let private = at(&instance, "settings.ipConfiguration.privateNetwork").is_some();
    let public = at(&instance, "settings.ipConfiguration.ipv4Enabled") == Some(&Value::Bool(true));
    let mut addresses = Vec::new();
    if public {
        addresses.push(json!({"type": "PRIMARY", "ipAddress": address}));
        addresses.push(json!({"type": "OUTGOING", "ipAddress": address}));
    }
    if private {
        addresses.push(json!({"type": "PRIVATE", "ipAddress": address}));
    }
    cloud.store.instances.change::<Failure>(name, |instance| {
        instance["ipAddresses"] = addresses.into();
        let installed = format!("POSTGRES_{}", version.replace('.', "_"));
        instance["maintenanceVersion"] = format!("{installed}.R20260914.01_00").into();
        instance["databaseInstalledVersion"] = installed.into();
        Ok(())
    })?;
    Ok(())
}

/// Runs or stops a cluster, as the activation policy of its instance says.
async fn apply_activation(cloud: &Arc<Cloud>, name: &str) -> Result<(), Failure> {
    let instance = cloud.store.instances.get(name).ok_or_else(|| Failure::new(5, no_instance().message))?;
    if is_stopped(&instance) {
        return cloud.clusters.stop(&cluster(name)).await.map_err(Failure::internal);
    }
    start(cloud, name).await
}

/// Starts again what ran before the local cloud was stopped.
pub(crate) async fn restore(cloud: &Arc<Cloud>) {
    let instances = cloud.store.instances.list("projects/");
    let running = instances.iter().filter(|(_, body)| body["state"] == "RUNNABLE" && !is_stopped(body));
    let starts = running.map(|(name, _)| async move {
        if let Err(failure) = start(cloud, name).await {
            tracing::error!(instance = name, %failure, "cannot start an instance again");
        }
    });
    futures::future::join_all(starts).await;
}
