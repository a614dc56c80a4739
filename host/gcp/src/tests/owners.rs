//! Whose a resource is that is found where this stack meant to make one: without an answer, what is there may be
//! what was asked for, or somebody else's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mlflow_host_engine::{Provider as _, Recovery, RequestAction};
use mlflow_host_gcp_api::kinds::kind;
use serde_json::{Value as Json, json};

use super::{BASE, Cloud, config, labels, provider, reply, request, run, target};
use crate::GcpProvider;
use crate::client::Client;
use crate::ownership::{Owner, owner};
use crate::transport::{Incoming, NoAnswer, Outgoing, Transport};

/// Answers every GET with one resource, and loses the answer of everything else.
#[derive(Clone)]
struct Forgetful {
    found: Arc<Mutex<Json>>,
    lost: Arc<AtomicUsize>,
}

#[async_trait]
impl Transport for Forgetful {
    async fn send(&self, request: Outgoing) -> Result<Incoming, NoAnswer> {
        assert!(request.address.starts_with(BASE), "{}", request.address);
        if request.verb == "GET" {
            let body = self.found.lock().unwrap().to_string().into_bytes();
            return Ok(Incoming { status: 200, body, ..Incoming::default() });
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
        Err(NoAnswer { cause: "connection reset".into(), unsent: false })
    }
}

/// A bucket with these labels, a network with this description: what the one can carry, the other cannot.
fn bucket(labels: Json) -> Json {
    json!({"name": "files-ab12", "location": "EUROPE-WEST1", "labels": labels})
}

fn network(description: &str) -> Json {
    json!({"name": "net-ab12", "autoCreateSubnetworks": false, "description": description})
}

const MARK: &str = "managed by mlflow-host, stack dev, seed x7k2";

/// URN, properties, what is found, and whether it is what this stack has made.
fn cases() -> Vec<(&'static str, Json, Json, bool)> {
    let files = "storage.googleapis.com/Bucket::files";
    let net = "compute.googleapis.com/Network::net";
    let other_seed = json!({"mlflow-host-stack": "dev", "mlflow-host-seed": "other"});
    vec![
        (files, json!({}), bucket(labels()), true),
        (files, json!({}), bucket(json!({})), false),
        (files, json!({}), bucket(other_seed), false),
        (net, json!({"autoCreateSubnetworks": false}), network(MARK), true),
        (net, json!({"autoCreateSubnetworks": false}), network("of the platform team"), false),
        (net, json!({"autoCreateSubnetworks": false}), network(&MARK.replace("x7k2", "other")), false),
    ]
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_only_what_bears_the_mark_is_taken_for_made() {
    for (urn, properties, found, is_ours) in cases() {
        let lost = Arc::new(AtomicUsize::new(0));
        let cloud = Forgetful { found: Arc::new(Mutex::new(found.clone())), lost: Arc::clone(&lost) };
        let provider = GcpProvider::over(config(), Client::over(&config(), Box::new(cloud)));
        let create = request(RequestAction::Create, vec![target(&provider, urn, properties)]);
        let (outcomes, _) = run(&provider, &create).await;
        assert!(lost.load(Ordering::Relaxed) > 1, "a name of one's own choice may be asked for again");
        match outcomes {
            Ok(outcomes) => assert!(is_ours && outcomes.len() == 1, "{found} was taken for ours"),
            Err(error) => {
                assert!(!is_ours, "{found} is ours: {error}");
                assert!(error.to_string().contains("it exists already"), "{error}");
                assert!(error.left.is_empty(), "{error} leaves {:?}", error.left);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_interruption_only_what_bears_the_mark_is_taken_for_made() {
    let places = |urn: &str| match urn {
        "storage.googleapis.com/Bucket::files" => "GET /storage.googleapis.com/storage/v1/b/files-ab12",
        _ => "GET /compute.googleapis.com/compute/v1/projects/p/global/networks/net-ab12",
    };
    for (urn, properties, found, is_ours) in cases() {
        let cloud = Cloud::expecting([(places(urn), reply(found.clone()))]);
        let provider = provider(&cloud);
        let create = request(RequestAction::Create, vec![target(&provider, urn, properties)]);
        match provider.recover(&create).await {
            Ok(Recovery::Reached(_)) => assert!(is_ours, "{found} was taken for ours"),
            Ok(Recovery::NotReached) => panic!("{found} was not seen"),
            Err(error) => assert!(!is_ours, "{found} is ours: {error}"),
        }
        cloud.finished();
    }
}

#[test]
fn a_kind_without_a_place_for_a_mark_says_so() {
    let database = kind("sqladmin.googleapis.com/Database").unwrap();
    assert_eq!(owner(database, &config(), &json!({"name": "tracking"})), Owner::Unmarkable);
    let bucket_kind = kind("storage.googleapis.com/Bucket").unwrap();
    assert_eq!(owner(bucket_kind, &config(), &bucket(labels())), Owner::Ours);
    assert_eq!(owner(bucket_kind, &config(), &json!({"name": "files"})), Owner::Foreign);
}
