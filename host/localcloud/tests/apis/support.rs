//! A local cloud in this process, and a client for it.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use mlflow_host_localcloud::{LocalCloud, ServeOptions};
use reqwest::Method;
use serde_json::{Value, json};

/// The project of the tests.
pub(crate) const PROJECT: &str = "demo-project";

/// Where the tests' regional resources are.
pub(crate) const REGION: &str = "us-central1";

/// A running local cloud with its own directory.
pub(crate) struct Harness {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) cloud: Option<LocalCloud>,
}

/// Status and body of an answer.
pub(crate) type Answer = (u16, Value);

impl Harness {
    /// A local cloud with these APIs enabled in [`PROJECT`].
    pub(crate) async fn with(services: &[&str]) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().unwrap();
        });
        // PostgreSQL runs as another user when the tests run as root: it must be able to get there.
        let directory = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let options = ServeOptions::new(directory.path().join("cloud"));
        let cloud = LocalCloud::start(options).await.unwrap();
        let harness = Self { directory, client: reqwest::Client::new(), cloud: Some(cloud) };
        harness.wait_until_ready().await;
        if !services.is_empty() {
            let ids: Vec<_> = services.iter().map(|service| format!("{service}.googleapis.com")).collect();
            harness
                .operate(
                    Method::POST,
                    &format!("serviceusage.googleapis.com/v1/projects/{PROJECT}/services:batchEnable"),
                    json!({"serviceIds": ids}),
                )
                .await;
        }
        harness
    }

    pub(crate) fn base(&self) -> &str {
        self.cloud.as_ref().unwrap().base_url()
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Stops the local cloud and starts it again on the same directory.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(|options| options).await;
    }

    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(ServeOptions) -> ServeOptions) {
        self.cloud.take().unwrap().stop().await;
        let options = change(ServeOptions::new(self.path().join("cloud")));
        self.cloud = Some(LocalCloud::start(options).await.unwrap());
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&self) {
        while self.get("_local/health").await.1["status"] != "ready" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the local cloud, all of whose answers must have been as Google describes them.
    pub(crate) async fn stop(mut self) {
        let (_, log) = self.get("_local/requests").await;
        let requests = log["requests"].as_array().unwrap();
        let wrong = requests.iter().filter(|request| {
            request["violation"].as_str().is_some_and(|violation| violation.starts_with("In the answer"))
        });
        assert_eq!(wrong.cloned().collect::<Vec<_>>(), Vec::<Value>::new());
        self.cloud.take().unwrap().stop().await;
    }

    /// Sends a request; `address` is `HOST/PATH?QUERY`.
    pub(crate) async fn send(&self, method: Method, address: &str, body: Value) -> Answer {
        let mut request = self.client.request(method, format!("{}/{address}", self.base()));
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) async fn get(&self, address: &str) -> Answer {
        self.send(Method::GET, address, Value::Null).await
    }

    pub(crate) async fn post(&self, address: &str, body: Value) -> Answer {
        self.send(Method::POST, address, body).await
    }

    pub(crate) async fn patch(&self, address: &str, body: Value) -> Answer {
        self.send(Method::PATCH, address, body).await
    }

    pub(crate) async fn delete(&self, address: &str) -> Answer {
        self.send(Method::DELETE, address, Value::Null).await
    }

    /// Sends a request that must succeed and returns the body.
    pub(crate) async fn ok(&self, method: Method, address: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, address, body).await;
        assert!(status < 300, "{address}: {status} {answer:#}");
        answer
    }

    /// Begins an operation and polls it to its end, which must be a success.
    pub(crate) async fn operate(&self, method: Method, address: &str, body: Value) -> Value {
        let done = self.finish(method, address, body).await;
        assert!(done.get("error").is_none(), "{address}: {done:#}");
        done
    }

    /// Begins an operation and polls it to its end.
    pub(crate) async fn finish(&self, method: Method, address: &str, body: Value) -> Value {
        let mut operation = self.ok(method, address, body).await;
        let host = address.split('/').next().unwrap();
        let poll = match (host, operation["name"].as_str().unwrap()) {
            ("compute.googleapis.com", _) => {
                let link = operation["selfLink"].as_str().unwrap();
                format!("{host}{}", link.strip_prefix("https://www.googleapis.com").unwrap())
            }
            ("sqladmin.googleapis.com", name) => format!("{host}/v1/projects/{PROJECT}/operations/{name}"),
            ("run.googleapis.com", name) => format!("{host}/v2/{name}"),
            (_, name) => format!("{host}/v1/{name}"),
        };
        while operation["done"] != true && operation["status"] != "DONE" {
            tokio::time::sleep(Duration::from_millis(5)).await;
            operation = self.ok(Method::GET, &poll, Value::Null).await;
        }
        operation
    }

    /// A network with a subnetwork and a service networking connection.
    pub(crate) async fn private_network(&self) {
        let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}");
        self.operate(
            Method::POST,
            &format!("{compute}/global/networks"),
            json!({"name": "net", "autoCreateSubnetworks": false}),
        )
        .await;
        let network = format!("projects/{PROJECT}/global/networks/net");
        self.operate(
            Method::POST,
            &format!("{compute}/regions/{REGION}/subnetworks"),
            json!({"name": "sub", "network": network, "ipCidrRange": "10.0.0.0/24"}),
        )
        .await;
        self.operate(
            Method::POST,
            &format!("{compute}/global/addresses"),
            json!({"name": "range", "network": network, "purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 16}),
        )
        .await;
        self.operate(
            Method::PATCH,
            "servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections/-?force=true&updateMask=reservedPeeringRanges",
            json!({"network": network, "reservedPeeringRanges": ["range"]}),
        )
        .await;
    }

    /// A service account, and its address.
    pub(crate) async fn account(&self, id: &str) -> String {
        let address = format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts");
        let account = self.ok(Method::POST, &address, json!({"accountId": id, "serviceAccount": {}})).await;
        account["email"].as_str().unwrap().to_owned()
    }
}

impl Drop for Harness {
    /// A failed test leaves no process behind.
    fn drop(&mut self) {
        if let Some(cloud) = self.cloud.take() {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(cloud.stop()));
        }
    }
}

/// The message of an error body.
pub(crate) fn message(answer: &Answer) -> String {
    format!("{} {}", answer.0, answer.1["error"]["message"].as_str().unwrap_or_default())
}

/// A body as text, with what differs from run to run left out.
pub(crate) fn shown(body: &Value, changing: &[&str]) -> String {
    let mut body = body.clone();
    for path in changing {
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = body.pointer_mut(&pointer).unwrap_or_else(|| panic!("{path} is missing"));
        assert!(!value.is_null());
        *value = "[changing]".into();
    }
    format!("{body:#}")
}
