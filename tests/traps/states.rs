//! What Google is like by nature, and so is the local cloud without any fault: what is full, full of something, in
//! use or protected is not changed or deleted, and a name that was used stays taken.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Database, PROJECT, Place};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::stacks::{account, api, database, network, resource, with, without};
use crate::trial::{Spring, ends};

/// Each with its name.
pub(crate) const TRIALS: &[(&str, Spring)] = &[
    ("bucket-full", bucket_full),
    ("database-in-its-life", database_in_its_life),
    ("sql-gone", sql_gone),
    ("limits", limits),
];

/// How long something may take that is looked for again and again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let pause = Duration::from_millis(50);
    for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
        if is_so()? {
            return Ok(());
        }
        thread::sleep(pause);
    }
    anyhow::bail!("{what} has not come about in {} s", PATIENCE.as_secs())
}

/// A bucket keeps what is in it until the program says that it may go.
fn bucket_full(guest: &Path) -> Result<()> {
    const BUCKETS: &str = "/storage.googleapis.com/storage/v1/b";
    let place = Place::new(guest)?;
    let stack =
        vec![api("storage"), resource("storage.googleapis.com/Bucket", "files", json!({"location": "EU"}))];
    place.declare(&stack)?;
    ends(&place, &["up"], 0, &[])?;
    let buckets = place.cloud.get(&format!("{BUCKETS}?project={PROJECT}"))?;
    let bucket = buckets["items"][0]["name"].as_str().context("no bucket")?.to_owned();
    let upload = format!("/storage.googleapis.com/upload/storage/v1/b/{bucket}/o?uploadType=media&name=run");
    place.cloud.call(Method::POST, &upload, &json!("precious"))?;
    ends(&place, &["destroy"], 3, &["is not empty", "Empty it, or set its `forceDestroy` to true"])?;
    let object = place.cloud.get(&format!("{BUCKETS}/{bucket}/o/run?alt=media"))?;
    ensure!(object == "precious", "it is {object} now");
    place.declare(&with(stack, "files", "forceDestroy", json!(true)))?;
    ends(&place, &["up"], 0, &[])?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}

/// A database that is in use is waited for, a role that owns something is not dropped, a protected instance stays, and
/// a name that an instance had cannot be given to the next one.
fn database_in_its_life(guest: &Path) -> Result<()> {
    const OPERATIONS: &str = "/sqladmin.googleapis.com/v1/projects/test-project/operations";
    let place = Place::new(guest)?;
    let protected = |is_protected: bool| {
        let stack = with(database(), "pg", "name", json!("the-only-one"));
        let stack = with(stack, "tracking", "name", json!("tracking"));
        with(stack, "pg", "settings.deletionProtectionEnabled", json!(is_protected))
    };
    place.declare(&protected(true))?;
    ends(&place, &["up"], 0, &[])?;

    let user = ("app", "correct horse");
    let connection = Database::at(&place.cloud, PROJECT, "tracking", user)?.hold()?;
    let less = without(protected(true), "tracking");
    place.declare(&less)?;
    let up = thread::scope(|scope| {
        let up = scope.spawn(|| place.bench.host(["up", "stacks/declared.wasm", "--yes", "--json"]));
        let refused = until("a refusal", || {
            let operations = place.cloud.get(OPERATIONS)?;
            Ok(operations.to_string().contains("is being accessed by other users"))
        });
        drop(connection);
        let up = up.join().map_err(|_| anyhow::anyhow!("the host's thread panicked"))??;
        refused.with_context(|| up.report())?;
        anyhow::Ok(up)
    })?;
    let waited = up.stdout.contains("waiting for connections to the database to close");
    ensure!(up.code == 0 && waited, "{}", up.report());

    let any = Database::at(&place.cloud, PROJECT, "postgres", user)?;
    any.ask("create database precious")?;
    let less = without(less, "app");
    place.declare(&less)?;
    ends(&place, &["up"], 3, &["cannot be dropped because some objects depend on it", "REASSIGN OWNED"])?;
    any.ask("drop database precious")?;
    ends(&place, &["up"], 0, &[])?;

    ends(&place, &["destroy"], 3, &["Set `settings.deletionProtectionEnabled` to false, run `up`"])?;
    let left = place.cloud.resources(PROJECT)?;
    ensure!(left.iter().any(|name| name.ends_with("/instances/the-only-one")), "left: {left:#?}");
    place.declare(&without(without(protected(false), "tracking"), "app"))?;
    ends(&place, &["up"], 0, &[])?;
    place.ensure_destroyed()?;

    ends(&place, &["up"], 3, &["the name of a deleted instance stays blocked for a week"])?;
    place.declare(&database())?;
    ends(&place, &["up"], 0, &[])?;
    place.ensure_settled()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}

/// An instance that somebody has deleted, and that is forbidden rather than missing, is gone.
fn sql_gone(guest: &Path) -> Result<()> {
    let place = Place::new(guest)?;
    place.declare(&with(database(), "pg", "name", json!("somebodys")))?;
    ends(&place, &["up"], 0, &[])?;
    let instance = format!("/sqladmin.googleapis.com/v1/projects/{PROJECT}/instances/somebodys");
    place.cloud.call(Method::DELETE, &instance, &Json::Null)?;
    until("the end of the instance", || {
        Ok(!place.cloud.resources(PROJECT)?.iter().any(|name| name.contains("/instances/")))
    })?;
    place.cloud.fault(&json!({"trap": "sql-gone"}))?;
    let destroy = ends(&place, &["destroy"], 0, &[])?;
    place.cloud.ensure_struck(&destroy)?;
    place.cloud.without_faults()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}

/// More APIs than one call takes are enabled by two; what is full is said with advice, and goes on once there is room.
fn limits(guest: &Path) -> Result<()> {
    const APIS: [&str; 21] = [
        "artifactregistry",
        "billingbudgets",
        "cloudbuild",
        "cloudkms",
        "cloudresourcemanager",
        "cloudscheduler",
        "compute",
        "iam",
        "iamcredentials",
        "iap",
        "logging",
        "monitoring",
        "run",
        "secretmanager",
        "servicenetworking",
        "serviceusage",
        "sql-component",
        "sqladmin",
        "storage",
        "storage-component",
        "vpcaccess",
    ];
    const NETWORKS: usize = 30;
    const MEMBERS: usize = 1500;
    let place = Place::new(guest)?;
    let networks = format!("/compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks");
    let policy = format!("/cloudresourcemanager.googleapis.com/v3/projects/{PROJECT}:setIamPolicy");
    let fill = |members: usize| {
        let members: Vec<_> =
            (0..members).map(|number| format!("user:somebody-{number}@example.com")).collect();
        let bindings = json!({"bindings": [{"role": "roles/viewer", "members": members}]});
        place.cloud.call(Method::POST, &policy, &json!({"policy": bindings}))
    };

    let apis: Vec<_> = APIS.iter().map(|name| api(name)).collect();
    place.declare(&apis)?;
    ends(&place, &["up"], 0, &[])?;
    let counters = place.cloud.get("/_local/counters")?;
    ensure!(counters["by_method"]["serviceusage.services.batchEnable"] == 2, "{counters:#}");

    for number in 0..NETWORKS {
        place.cloud.call(Method::POST, &networks, &json!({"name": format!("net-{number}")}))?;
    }
    fill(MEMBERS)?;
    let mut stack = apis;
    stack.extend(without(network(), "compute"));
    stack.extend(without(account(), "iam"));
    place.declare(&stack)?;
    let quota = "Delete what is no longer needed of these in the project, or ask for more";
    let group = "Put the members into a Google group and grant the role to the group.";
    ends(&place, &["up"], 3, &["Quota 'NETWORKS' exceeded.", quota, "(1,501)", group])?;

    for number in 0..NETWORKS {
        place.cloud.call(Method::DELETE, &format!("{networks}/net-{number}"), &Json::Null)?;
    }
    until("room", || Ok(place.cloud.get(&networks)?.get("items").is_none()))?;
    fill(0)?;
    ends(&place, &["up"], 0, &[])?;
    place.ensure_settled()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}
