//! What others have done in the same project, or in their own: whose a thing is decides what becomes of it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{PROJECT, Place};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::stacks::{account, api, resource, secret, server, with, without};
use crate::trial::{Spring, ends};

/// Each with its name.
pub(crate) const TRIALS: &[(&str, Spring)] = &[("by-others", by_others), ("build-rights", build_rights)];

/// A bucket's name that a stranger has, members that a stranger has granted something, an account that somebody has
/// made again under its old address, and a version of a secret that somebody has destroyed.
fn by_others(guest: &Path) -> Result<()> {
    const STRANGER: &str = "user:stranger@example.com";
    let place = Place::new(guest)?;
    let policy = format!("/cloudresourcemanager.googleapis.com/v3/projects/{PROJECT}");
    let read = || {
        let body = json!({"options": {"requestedPolicyVersion": 3}});
        place.cloud.call(Method::POST, &format!("{policy}:getIamPolicy"), &body)
    };
    let theirs = json!({"bindings": [{"role": "roles/logging.logWriter", "members": [STRANGER]}]});
    place.cloud.call(Method::POST, &format!("{policy}:setIamPolicy"), &json!({"policy": theirs}))?;
    let enable =
        "/serviceusage.googleapis.com/v1/projects/stranger-project/services/storage.googleapis.com:enable";
    place.cloud.call(Method::POST, enable, &json!({}))?;
    let buckets = "/storage.googleapis.com/storage/v1/b?project=stranger-project";
    place.cloud.call(Method::POST, buckets, &json!({"name": "a-name-for-all", "location": "EU"}))?;

    let bucket = |name: &str| {
        let declared = json!({"name": name, "location": "EU"});
        vec![api("storage"), resource("storage.googleapis.com/Bucket", "files", declared)]
    };
    let stack = |name: &str| [account(), secret(), bucket(name)].concat();
    place.declare(&stack("a-name-for-all"))?;
    ends(&place, &["up"], 3, &["cannot create", "it exists already"])?;
    ends(&place, &["up", "--adopt"], 1, &["`b/a-name-for-all` is somebody else's"])?;
    place.declare(&stack("a-name-of-our-own"))?;
    ends(&place, &["up"], 0, &[])?;
    place.ensure_settled()?;

    // The account is made again, and its member in the policy is that of nobody now.
    let accounts = format!("/iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts");
    let listed = place.cloud.get(&accounts)?;
    let email = listed["accounts"][0]["email"].as_str().context("no account")?.to_owned();
    let description = listed["accounts"][0]["description"].clone();
    let id = email.split('@').next().unwrap_or_default();
    place.cloud.call(Method::DELETE, &format!("{accounts}/{email}"), &Json::Null)?;
    ensure!(
        read()?.to_string().contains("deleted:serviceAccount:"),
        "the member is not that of a deleted account"
    );
    let again = json!({"accountId": id, "serviceAccount": {"description": description}});
    place.cloud.call(Method::POST, &accounts, &again)?;
    // The version is destroyed.
    let secrets = format!("/secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets");
    let name = place.cloud.get(&secrets)?["secrets"][0]["name"].as_str().context("no secret")?.to_owned();
    let version = format!("/secretmanager.googleapis.com/v1/{name}/versions");
    place.cloud.call(Method::POST, &format!("{version}/1:destroy"), &json!({}))?;

    ends(&place, &["up", "--refresh"], 0, &[])?;
    let now = read()?.to_string();
    ensure!(now.contains(&format!("serviceAccount:{email}\"")) && now.contains(STRANGER), "{now}");
    let payload = place.cloud.get(&format!("{version}/2:access"))?;
    ensure!(payload["payload"]["data"] == "YzJWamNtVjA=", "{payload}");
    place.ensure_settled()?;

    ends(&place, &["destroy"], 0, &[])?;
    let left = read()?;
    ensure!(
        left["bindings"] == json!([{"role": "roles/logging.logWriter", "members": [STRANGER]}]),
        "{left}"
    );
    let theirs = place.cloud.get("/storage.googleapis.com/storage/v1/b/a-name-for-all")?;
    ensure!(theirs["name"] == "a-name-for-all", "{theirs}");
    place.cloud.ensure_as_described()
}

/// An account that may build, but not push, until it is granted that.
fn build_rights(guest: &Path) -> Result<()> {
    let place = Place::new(guest)?;
    place.bench.lighten()?;
    let mut less = without(without(server(), "web"), "may-push");
    for resource in less.iter_mut().filter(|resource| resource["name"] == "image") {
        let needs = resource["dependsOn"].as_array_mut().context("no list")?;
        needs.retain(|urn| urn.as_str().is_none_or(|urn| !urn.ends_with("::may-push")));
    }
    place.declare(&less)?;
    ends(&place, &["up"], 3, &["artifactregistry.repositories.uploadArtifacts"])?;
    place.declare(&with(without(server(), "web"), "image", "timeout", json!("601s")))?;
    ends(&place, &["up"], 0, &[])?;
    place.ensure_settled()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}
