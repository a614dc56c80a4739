//! The dev stack, with many things going wrong at once.

use anyhow::{Result, ensure};
use mlflow_host_tests::Workbench;
use serde_json::{Value as Json, json};

const PROJECT: &str = "mlflow-dev";
const STACK: &str = "stacks/dev.wasm";

/// What goes wrong while it comes up.
fn on_the_way_up() -> Vec<Json> {
    vec![
        json!({"trap": "service-late", "action": {"late": {"uses": 2}}}),
        json!({"trap": "account-late", "action": {"late": {"uses": 2}}}),
        // The runtime account may not read the password yet when the service is first deployed.
        json!({"trap": "grant-late", "path": "secretmanager.googleapis.com/", "action": {"late": {"uses": 1}}}),
        json!({"trap": "policy-conflict", "path": "cloudresourcemanager.googleapis.com/"}),
        json!({"trap": "network-not-ready"}),
        json!({"trap": "answer-lost", "id": "globalAddresses.insert"}),
        json!({"trap": "operation-stalls", "id": "repositories.create"}),
        json!({"trap": "sql-false-alarm"}),
        json!({"trap": "quota-429", "id": "projects.locations.jobs.create"}),
        json!({"trap": "run-create-conflict"}),
    ]
}

/// What goes wrong while it is destroyed.
fn on_the_way_down() -> Vec<Json> {
    vec![json!({"trap": "addresses-held"}), json!({"trap": "connection-in-use"})]
}

/// Brings it up, and down again.
pub(crate) fn spring() -> Result<()> {
    let bench = Workbench::new()?;
    bench.open()?;
    bench.lighten()?;
    let cloud = bench.cloud()?;

    on_the_way_up().iter().try_for_each(|fault| cloud.fault(fault))?;
    let up = bench.host(["up", STACK, "--yes", "--json"])?;
    ensure!(up.code == 0, "{}", up.report());
    cloud.ensure_struck(&up)?;
    cloud.without_faults()?;
    let again = bench.succeeds(&["up", STACK, "--yes", "--json"])?;
    ensure!(again.counts()?.is_empty(), "{}", again.report());

    on_the_way_down().iter().try_for_each(|fault| cloud.fault(fault))?;
    let destroy = bench.host(["destroy", STACK, "--yes", "--json"])?;
    ensure!(destroy.code == 4, "the subnetwork has to wait\n{}", destroy.report());
    cloud.ensure_struck(&destroy)?;
    ensure!(destroy.stdout.contains("addresses in the subnetwork"), "{}", destroy.report());
    let left = cloud.resources(PROJECT)?;
    let waiting = |name: &String| name.contains("/subnetworks/") || name.contains("/networks/");
    ensure!(!left.is_empty() && left.iter().all(waiting), "left: {left:#?}\n{}", destroy.report());
    cloud.without_faults()?;
    bench.succeeds(&["destroy", STACK, "--yes", "--json"])?;
    let left = cloud.resources(PROJECT)?;
    ensure!(left.is_empty(), "left in the project: {left:#?}");
    cloud.ensure_as_described()
}
