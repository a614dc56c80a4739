//! Secret Manager v1: secrets, versions, payloads, policies. Names carry the project's number.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{apply_mask, text};
use crate::common::{clock, identifiers, policies};
use crate::server::call::{Answer, Call, Reply, page};
use crate::services::projects;

/// Largest payload in bytes.
const LARGEST: usize = 64 * 1024;

/// The full resource name under which a secret's policy is kept.
fn resource(name: &str) -> String {
    format!("//secretmanager.googleapis.com/{name}")
}

/// `projects/ID/…` with the project's number in place of its id.
fn public(project: &str, name: &str) -> String {
    name.replacen(
        &format!("projects/{project}/"),
        &format!("projects/{}/", identifiers::project_number(project)),
        1,
    )
}

pub(crate) fn call(cloud: &Cloud, call: Call) -> Answer {
    let project = call.project();
    let secret = format!("projects/{project}/secrets/{}", call.variable("secret"));
    match call.action().trim_start_matches("projects.secrets.") {
        "create" => create(cloud, &call),
        "list" => {
            let prefix = format!("projects/{project}/secrets/");
            let secrets = cloud.store.secrets.list(&prefix).into_iter().map(|(_, body)| body).collect();
            page(&call, "secrets", secrets).map(Reply::Json)
        }
        "get" => existing(cloud, project, &secret).map(Reply::Json),
        "patch" => patch(cloud, &call, &secret),
        "delete" => delete(cloud, &call, &secret),
        "addVersion" => add_version(cloud, &call, &secret),
        "getIamPolicy" => {
            existing(cloud, project, &secret)?;
            Ok(Reply::Json(policies::get(cloud, &resource(&secret))))
        }
        "setIamPolicy" => {
            existing(cloud, project, &secret)?;
            policies::set(cloud, &resource(&secret), &call.body["policy"]).map(Reply::Json)
        }
        "testIamPermissions" => Ok(Reply::Json(json!({"permissions": call.body["permissions"]}))),
        action => match action.strip_prefix("versions.") {
            Some(action) => version_call(cloud, &call, &secret, action),
            None => Err(ApiError::unimplemented(call.id)),
        },
    }
}

fn unknown(project: &str, name: &str) -> ApiError {
    let what = if name.contains("/versions/") { "Secret Version" } else { "Secret" };
    ApiError::not_found(format!("{what} [{}] not found.", public(project, name)))
}

fn existing(cloud: &Cloud, project: &str, secret: &str) -> Result<Value, ApiError> {
    cloud.store.secrets.get(secret).ok_or_else(|| unknown(project, secret))
}

fn create(cloud: &Cloud, call: &Call) -> Answer {
    let project = call.project();
    let id = call.required("secretId")?;
    if id.len() > 255 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    {
        return Err(ApiError::invalid(format!(
            "Secret ID [{id}] must have 1 to 255 letters, digits, dashes and underscores."
        )));
    }
    let mut secret = call.body.clone();
    if secret.get("replication").is_none_or(|replication| !replication.is_object()) {
        return Err(ApiError::invalid("Secret.replication must be provided."));
    }
    let name = format!("projects/{project}/secrets/{id}");
    secret["name"] = public(project, &name).into();
    secret["createTime"] = clock::now().into();
    secret["etag"] = quoted_etag().into();
    Cloud::create(&cloud.store.secrets, &name, secret.clone(), || {
        ApiError::exists(format!("Secret [{}] already exists.", public(project, &name)))
    })?;
    Ok(Reply::Json(secret))
}

/// Secret Manager's etags carry quotes inside the JSON string.
fn quoted_etag() -> String {
    format!("\"{}\"", &identifiers::digest(&identifiers::uuid(), 14))
}

fn check_etag(given: Option<&str>, resource: &Value) -> Result<(), ApiError> {
    match given {
        Some(etag) if resource["etag"] != etag => Err(ApiError::precondition(
            "The etag in the request does not match the current etag of the resource.",
        )),
        _ => Ok(()),
    }
}

fn patch(cloud: &Cloud, call: &Call, name: &str) -> Answer {
    let mask = call.required("updateMask")?;
    let changed = cloud.store.secrets.change::<ApiError>(name, |secret| {
        check_etag(call.text("etag"), secret)?;
        apply_mask(secret, &call.body, mask);
        secret["etag"] = quoted_etag().into();
        Ok(())
    })?;
    changed.map(Reply::Json).ok_or_else(|| unknown(call.project(), name))
}

fn delete(cloud: &Cloud, call: &Call, name: &str) -> Answer {
    check_etag(call.query("etag"), &existing(cloud, call.project(), name)?)?;
    cloud.store.secrets.remove(name)?;
    cloud.store.payloads.remove_all(&format!("{name}/versions/"))?;
    cloud.store.versions.remove_all(&format!("{name}/versions/"))?;
    policies::remove(cloud, &resource(name))?;
    Ok(Reply::Json(json!({})))
}

fn add_version(cloud: &Cloud, call: &Call, secret: &str) -> Answer {
    existing(cloud, call.project(), secret)?;
    let data = call.text("payload.data").unwrap_or_default();
    let bytes =
        decode(data).ok_or_else(|| ApiError::invalid("Invalid value at 'payload.data' (TYPE_BYTES)"))?;
    if bytes.len() > LARGEST {
        return Err(ApiError::invalid(format!("Secret payload is larger than {LARGEST} bytes.")));
    }
    let expected = crc32c::crc32c(&bytes);
    let given = call.body["payload"].get("dataCrc32c").filter(|sum| !sum.is_null());
    if given.is_some_and(|sum| {
        sum.as_str().map_or_else(|| sum.to_string(), str::to_owned) != expected.to_string()
    }) {
        return Err(ApiError::invalid("The CRC32C checksum of the payload does not match its data."));
    }
    loop {
        let number = latest(cloud, secret).map_or(1, |(number, _)| number + 1);
        let name = format!("{secret}/versions/{number}");
        let version = json!({
            "name": public(call.project(), &name),
            "createTime": clock::now(),
            "state": "ENABLED",
            "replicationStatus": {"automatic": {}},
            "etag": quoted_etag(),
            "clientSpecifiedPayloadChecksum": given.is_some(),
        });
        // The payload first: a version without one must never be seen.
        if cloud.store.payloads.create(&name, STANDARD.encode(&bytes).into())? {
            cloud.store.versions.put(&name, version.clone())?;
            return Ok(Reply::Json(version));
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// The version with the highest number.
fn latest(cloud: &Cloud, secret: &str) -> Option<(u64, Value)> {
    let prefix = format!("{secret}/versions/");
    cloud
        .store
        .versions
        .list(&prefix)
        .into_iter()
        .filter_map(|(name, body)| Some((name.strip_prefix(&prefix)?.parse().ok()?, body)))
        .max_by_key(|(number, _)| *number)
}

/// The name of a version, whose number may be given as `latest`.
fn version_name(cloud: &Cloud, secret: &str, version: &str) -> String {
    match version {
        "latest" => latest(cloud, secret).map_or_else(
            || format!("{secret}/versions/latest"),
            |(number, _)| format!("{secret}/versions/{number}"),
        ),
        number => format!("{secret}/versions/{number}"),
    }
}

fn version_call(cloud: &Cloud, call: &Call, secret: &str, action: &str) -> Answer {
    let project = call.project();
    existing(cloud, project, secret)?;
    let name = version_name(cloud, secret, call.variable("version"));
    match action {
        "list" => {
            let mut versions = cloud.store.versions.list(&format!("{secret}/versions/"));
            // Newest first, by number and not by text.
            versions.sort_by_key(|(name, _)| std::cmp::Reverse((name.len(), name.clone())));
            let versions = versions.into_iter().map(|(_, body)| body).collect();
            page(call, "versions", versions).map(Reply::Json)
        }
        "get" => cloud.store.versions.get(&name).map(Reply::Json).ok_or_else(|| unknown(project, &name)),
        "access" => {
            let data = payload(cloud, project, &name)?;
            let sum = crc32c::crc32c(&data).to_string();
            Ok(Reply::Json(json!({
                "name": public(project, &name),
                "payload": {"data": STANDARD.encode(data), "dataCrc32c": sum},
            })))
        }
        "enable" => set_state(cloud, call, &name, "ENABLED"),
        "disable" => set_state(cloud, call, &name, "DISABLED"),
        "destroy" => {
            let reply = set_state(cloud, call, &name, "DESTROYED")?;
            cloud.store.payloads.put(&name, Value::Null)?;
            Ok(reply)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn set_state(cloud: &Cloud, call: &Call, name: &str, state: &str) -> Answer {
    let changed = cloud.store.versions.change::<ApiError>(name, |version| {
        check_etag(call.text("etag"), version)?;
        if version["state"] == "DESTROYED" && state != "DESTROYED" {
            return Err(ApiError::precondition(format!(
                "SecretVersion [{}] is in DESTROYED state.",
                public(call.project(), name)
            )));
        }
        version["state"] = state.into();
        version["etag"] = quoted_etag().into();
        if state == "DESTROYED" {
            version["destroyTime"] = clock::now().into();
        }
        Ok(())
    })?;
    changed.map(Reply::Json).ok_or_else(|| unknown(call.project(), name))
}

/// The payload of an enabled version.
fn payload(cloud: &Cloud, project: &str, name: &str) -> Result<Vec<u8>, ApiError> {
    let version = cloud.store.versions.get(name).ok_or_else(|| unknown(project, name))?;
    let state = text(&version, "state").unwrap_or_default();
    if state != "ENABLED" {
        return Err(ApiError::precondition(format!(
            "Secret Version [{}] is in {state} state.",
            public(project, name)
        )));
    }
    let stored = cloud.store.payloads.get(name);
    stored
        .as_ref()
        .and_then(Value::as_str)
        .and_then(decode)
        .ok_or_else(|| ApiError::internal(format!("the payload of {name} is missing")))
}

/// What a Cloud Run container gets to read: the payload of `version` of `secret` (a short or full
/// name), if `account` may access it. The error is the sentence that Cloud Run reports.
pub(crate) fn read_for(
    cloud: &Cloud,
    project: &str,
    secret: &str,
    version: &str,
    account: &str,
) -> Result<Vec<u8>, String> {
    const ROLES: [&str; 3] =
        ["roles/secretmanager.secretAccessor", "roles/secretmanager.admin", "roles/owner"];
    let mut parts = secret.trim_start_matches("projects/").split("/secrets/");
    let (project, id) = match (parts.next(), parts.next()) {
        (Some(owner), Some(id)) => (cloud.project(owner).map_err(|error| error.message)?, id),
        _ => (project.to_owned(), secret),
    };
    let name = format!("projects/{project}/secrets/{id}");
    let version = version_name(cloud, &name, version);
    if !cloud.store.secrets.contains(&name) || !cloud.store.versions.contains(&version) {
        return Err(format!("Secret {} was not found", public(&project, &version)));
    }
    let places = [resource(&name), projects::resource(&project)];
    if !policies::grants(cloud, &places, &ROLES, &format!("serviceAccount:{account}")) {
        return Err(format!(
            "Permission denied on secret: {} for Revision service account {account}. The service account \
             used must be granted the 'Secret Manager Secret Accessor' role \
             (roles/secretmanager.secretAccessor) at the secret, project or higher level.",
            public(&project, &version)
        ));
    }
    payload(cloud, &project, &version).map_err(|error| error.message)
}
