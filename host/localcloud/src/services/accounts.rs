//! IAM v1: service accounts and their policies.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{apply_mask, text};
use crate::common::{identifiers, policies};
use crate::server::call::{Answer, Call, Reply, page};

/// The full resource name of an account, under which its policy is kept.
fn resource(name: &str) -> String {
    format!("//iam.googleapis.com/{name}")
}

fn tombstone(name: &str) -> String {
    format!("iam/{name}")
}

pub(crate) fn call(cloud: &Cloud, call: Call) -> Answer {
    let collection = format!("projects/{}/serviceAccounts/", call.project());
    match call.action() {
        "projects.serviceAccounts.create" => create(cloud, &call),
        "projects.serviceAccounts.list" => {
            let accounts =
                cloud.store.accounts.list(&collection).into_iter().map(|(_, account)| account).collect();
            page(&call, "accounts", accounts).map(Reply::Json)
        }
        action => {
            let name = name(cloud, &call);
            match action.trim_start_matches("projects.serviceAccounts.") {
                "get" => existing(cloud, &name).map(Reply::Json),
                "patch" => patch(cloud, &name, &call.body),
                "delete" => delete(cloud, &name),
                "undelete" => undelete(cloud, &call),
                "enable" => set_disabled(cloud, &name, false),
                "disable" => set_disabled(cloud, &name, true),
                "getIamPolicy" => {
                    existing(cloud, &name)?;
                    Ok(Reply::Json(policies::get(cloud, &resource(&name))))
                }
                "setIamPolicy" => {
                    existing(cloud, &name)?;
                    policies::set(cloud, &resource(&name), &call.body["policy"]).map(Reply::Json)
                }
                "testIamPermissions" => Ok(Reply::Json(json!({"permissions": call.body["permissions"]}))),
                _ => Err(ApiError::unimplemented(call.id)),
            }
        }
    }
}

/// The store's name of the account that a call gives by e-mail address or unique id.
fn name(cloud: &Cloud, call: &Call) -> String {
    let given = call.variable("serviceAccount");
    let all = || cloud.store.accounts.list("projects/").into_iter();
    if given.bytes().all(|byte| byte.is_ascii_digit())
        && let Some((name, _)) = all().find(|(_, account)| account["uniqueId"] == given)
    {
        return name;
    }
    let project = match call.project() {
        "-" => given.split_once('@').and_then(|(_, domain)| domain.split('.').next()).unwrap_or_default(),
        project => project,
    };
    format!("projects/{project}/serviceAccounts/{given}")
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    if cloud.late.hides(name) {
        return Err(unknown(name));
    }
    cloud.store.accounts.get(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> ApiError {
    let email = name.rsplit('/').next().unwrap_or(name);
    if email.bytes().all(|byte| byte.is_ascii_digit()) {
        return ApiError::not_found(format!("Unknown service account: {email}"));
    }
    ApiError::not_found(format!("Unknown service account: {email}"))
}

fn create(cloud: &Cloud, call: &Call) -> Answer {
    let project = call.project();
    let id = call.text("accountId").unwrap_or_default();
    if !is_account_id(id) {
        return Err(ApiError::invalid(format!(
            "Invalid service account ID \"{id}\": it must have 6 to 30 characters, be lower-case letters, \
             digits and dashes, begin with a letter and not end with a dash."
        )));
    }
    let email = format!("{id}@{project}.iam.gserviceaccount.com");
    let name = format!("projects/{project}/serviceAccounts/{email}");
    let unique = identifiers::number();
    let mut account = json!({
        "name": name,
        "projectId": project,
        "uniqueId": format!("1{unique}0"),
        "email": email,
        "etag": identifiers::etag(),
        "oauth2ClientId": format!("1{unique}0"),
    });
    for field in ["displayName", "description"] {
        if let Some(text) = text(&call.body["serviceAccount"], field) {
            account[field] = text.into();
        }
    }
    Cloud::create(&cloud.store.accounts, &name, account.clone(), || {
        ApiError::exists(format!("Service account {id} already exists within project projects/{project}."))
            .detail(json!({
                "@type": "type.googleapis.com/google.rpc.ResourceInfo",
                "resourceName": name,
            }))
    })?;
    cloud.late.note(&name, Value::Null);
    Ok(Reply::Json(account))
}

fn is_account_id(id: &str) -> bool {
    (6..=30).contains(&id.len())
        && id.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn patch(cloud: &Cloud, name: &str, body: &Value) -> Answer {
    let mask = text(body, "updateMask").unwrap_or("display_name,description").to_owned();
    let changed = cloud.store.accounts.change::<ApiError>(name, |account| {
        let current = &account["etag"];
        if text(&body["serviceAccount"], "etag").is_some_and(|etag| current != etag) {
            return Err(ApiError::aborted("There were concurrent policy changes."));
        }
        apply_mask(account, &body["serviceAccount"], &mask);
        account["etag"] = identifiers::etag().into();
        Ok(())
    })?;
    changed.map(Reply::Json).ok_or_else(|| unknown(name))
}

fn delete(cloud: &Cloud, name: &str) -> Answer {
    let account = cloud.store.accounts.remove(name)?.ok_or_else(|| unknown(name))?;
    let (email, unique) = (text(&account, "email"), text(&account, "uniqueId"));
    policies::retire(cloud, email.unwrap_or_default(), unique.unwrap_or_default())?;
    policies::remove(cloud, &resource(name))?;
    cloud.store.tombstones.put(&tombstone(unique.unwrap_or_default()), account)?;
    Ok(Reply::Json(json!({})))
}

fn undelete(cloud: &Cloud, call: &Call) -> Answer {
    let unique = call.variable("serviceAccount");
    let account = cloud
        .store
        .tombstones
        .get(&tombstone(unique))
        .ok_or_else(|| ApiError::not_found(format!("Unknown service account: {unique}")))?;
    let name = text(&account, "name").unwrap_or_default().to_owned();
    Cloud::create(&cloud.store.accounts, &name, account.clone(), || {
        ApiError::precondition("A service account of that name exists again; it cannot be undeleted.")
    })?;
    cloud.store.tombstones.remove(&tombstone(unique))?;
    Ok(Reply::Json(json!({"restoredAccount": account})))
}

fn set_disabled(cloud: &Cloud, name: &str, disabled: bool) -> Answer {
    cloud
        .store
        .accounts
        .change::<ApiError>(name, |account| {
            account["disabled"] = disabled.into();
            Ok(())
        })?
        .map(|_| Reply::Json(json!({})))
        .ok_or_else(|| unknown(name))
}
