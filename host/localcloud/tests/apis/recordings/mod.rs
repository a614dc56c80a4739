//! Recordings of Google's real service, replayed: the local cloud gets the same requests in the same order
//! and has to answer alike.
//!
//! What it answers otherwise is in `tests/recordings/differences.toml`, each with its reason; a difference
//! that is not there fails, and so does an entry without a difference. The recordings hold the last poll of
//! each operation only, so a poll is repeated until the operation is done.

mod differences;

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::builds_and_run::with_image;
use crate::support::{Harness, PROJECT};
use differences::Differences;

/// What `scripts/extract-recordings` writes.
#[derive(Deserialize)]
struct Recording {
    exchanges: Vec<Exchange>,
}

/// A request to Google, and Google's answer.
#[derive(Deserialize)]
struct Exchange {
    method: String,
    host: String,
    path: String,
    query: String,
    body: Value,
    status: u16,
    /// Null where the recording does not have it.
    answer: Value,
}

impl Exchange {
    fn is_poll(&self) -> bool {
        self.method == "GET" && self.path.contains("/operations/")
    }
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// Sends the requests of a recording, and compares the answers. `facts` are what the table's rewritings refer
/// to by name: they differ from one local cloud to another.
async fn replay(cloud: &Harness, name: &str, facts: &[(&str, &str)]) {
    let recording: Recording = serde_json::from_str(&read(&format!("{name}.json"))).unwrap();
    let mut differences = Differences::of(&read("differences.toml"), name, facts);
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let address = format!("{}{}?{}", exchange.host, exchange.path, exchange.query);
        let address = differences.rewritten(&json!(address));
        let address = address.as_str().unwrap();
        let method: Method = exchange.method.parse().unwrap();
        let body = differences.rewritten(&exchange.body);
        let mut answer = cloud.send(method.clone(), address, body.clone()).await;
        while exchange.is_poll() && answer.1["done"] != true && answer.1["status"] != "DONE" {
            assert_eq!(answer.0, 200, "{address}: {:#}", answer.1);
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer = cloud.send(method.clone(), address, body.clone()).await;
        }
        let place = format!("{index} {method} {address}");
        differences.check_status(&place, exchange.status, &answer);
        if !exchange.answer.is_null() {
            differences.check(&place, &exchange.host, &exchange.answer, &answer.1);
        }
    }
    differences.finish();
}

/// The number of the tests' project.
async fn number(cloud: &Harness) -> String {
    let address = format!("cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}");
    cloud.get(&address).await.1["projectNumber"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_and_peerings_answer_as_recorded() {
    let cloud = Harness::with(&["compute", "servicenetworking"]).await;
    let number = number(&cloud).await;
    replay(&cloud, "network-and-peering", &[("number", &number)]).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_run_services_answer_as_recorded() {
    let (cloud, image, _) = with_image().await;
    let number = number(&cloud).await;
    replay(&cloud, "run-service", &[("number", &number), ("image", &image)]).await;
    cloud.stop().await;
}
