use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_localcloud::{LocalCloud, ServeError, ServeOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT};

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_and_resources_listed() {
    let cloud = Harness::with(&["iam"]).await;
    let before = cloud.get("_local/counters").await.1["mutating"].as_u64().unwrap();
    cloud.account("run-me").await;
    cloud.get(&format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts")).await;
    cloud
        .post(&format!("cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}:getIamPolicy"), json!({}))
        .await;
    let (_, counters) = cloud.get("_local/counters").await;
    assert_eq!(counters["mutating"].as_u64().unwrap(), before + 1);
    assert_eq!(counters["by_method"]["iam.projects.serviceAccounts.create"], 1);
    let (_, resources) = cloud.get("_local/resources").await;
    assert_eq!(resources["projects"][PROJECT]["count"], 1);
    let account = format!("run-me@{PROJECT}.iam.gserviceaccount.com");
    cloud.delete(&format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts/{account}")).await;
    assert_eq!(cloud.get("_local/resources").await.1["projects"], json!({}));
    let (_, requests) = cloud.get("_local/requests").await;
    let last = requests["requests"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["method"], &last["status"]), (&json!("DELETE"), &json!(200)));
    let number = last["number"].as_u64().unwrap();
    let (_, later) = cloud.get(&format!("_local/requests?after={}", number - 1)).await;
    assert_eq!(later["requests"], json!([last]));
    let lines = std::fs::read_to_string(cloud.path().join("cloud/requests.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), requests["requests"].as_array().unwrap().len());
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_strike_as_told() {
    let cloud = Harness::with(&["iam"]).await;
    let accounts = format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts");
    let answer = json!({"path": "serviceAccounts", "action": {"answer": {"status": 503, "body": {"x": 1}}}});
    assert_eq!(cloud.post("_local/faults", answer).await.0, 200);
    assert_eq!(cloud.get(&accounts).await, (503, json!({"x": 1})));
    assert_eq!(cloud.get(&accounts).await.0, 200);

    cloud
        .post("_local/faults", json!({"method": "POST", "path": "serviceAccounts", "action": "dropAfter"}))
        .await;
    let address = format!("{}/{accounts}", cloud.base());
    let body = json!({"accountId": "run-me"});
    assert!(cloud.client.post(&address).json(&body).send().await.is_err());
    assert_eq!(cloud.post(&accounts, body).await.0, 409, "the effect took place");

    cloud.delete("_local/faults").await;
    cloud
        .post("_local/faults", json!({"method": "POST", "path": "serviceAccounts", "action": "dropBefore"}))
        .await;
    let body = json!({"accountId": "run-me-too"});
    assert!(cloud.client.post(&address).json(&body).send().await.is_err());
    assert_eq!(cloud.post(&accounts, body).await.0, 200, "nothing took place");
    let (status, problem) = cloud.post("_local/faults", json!({"action": "explode"})).await;
    assert_eq!(status, 400);
    assert!(problem["error"]["message"].as_str().unwrap().contains("explode"));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_and_a_port_belong_to_one() {
    let cloud = Harness::with(&[]).await;
    let same = LocalCloud::start(ServeOptions::new(cloud.path().join("cloud"))).await;
    assert!(matches!(same, Err(ServeError::AlreadyRunning(_))));
    let port = cloud.cloud.as_ref().unwrap().port();
    let other = ServeOptions { port, ..ServeOptions::new(cloud.path().join("other")) };
    let taken = LocalCloud::start(other).await.unwrap_err();
    assert_eq!(
        taken.to_string(),
        format!(
            "port {port} on 127.0.0.1 is in use by another program: choose another port, or 0 for any free one"
        )
    );
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_live_side_by_side() {
    const PROJECTS: [&str; 2] = [PROJECT, "other-project"];
    // Nobody makes a project: it is there when it is first spoken of.
    let cloud = Harness::with(&[]).await;
    assert_eq!(cloud.get("_local/resources").await.1["projects"], json!({}));
    for project in PROJECTS {
        let apis = ["compute", "iam", "secretmanager"].map(|api| format!("{api}.googleapis.com"));
        let enable = format!("serviceusage.googleapis.com/v1/projects/{project}/services:batchEnable");
        cloud.operate(Method::POST, &enable, json!({"serviceIds": apis})).await;
        let networks = format!("compute.googleapis.com/compute/v1/projects/{project}/global/networks");
        let network = json!({"name": "same", "autoCreateSubnetworks": false});
        cloud.operate(Method::POST, &networks, network).await;
        let secrets = format!("secretmanager.googleapis.com/v1/projects/{project}/secrets");
        let secret = json!({"replication": {"automatic": {}}});
        cloud.ok(Method::POST, &format!("{secrets}?secretId=same"), secret).await;
        let version = json!({"payload": {"data": STANDARD.encode(project)}});
        cloud.ok(Method::POST, &format!("{secrets}/same:addVersion"), version).await;
        let accounts = format!("iam.googleapis.com/v1/projects/{project}/serviceAccounts");
        cloud.ok(Method::POST, &accounts, json!({"accountId": "same-name"})).await;
    }

    let resources = cloud.get("_local/resources").await.1["projects"].clone();
    let names = |project: &str| {
        let text = resources[project].to_string();
        assert!(!PROJECTS.iter().any(|other| *other != project && text.contains(other)), "{text}");
        text.replace(project, "P")
    };
    assert_eq!(names(PROJECTS[0]), names(PROJECTS[1]));
    assert_eq!(resources.as_object().unwrap().len(), 2, "{resources:#}");
    for part in ["networks/same", "secrets/same", "serviceAccounts/same-name@"] {
        assert!(resources[PROJECT].to_string().contains(part), "{part}: {resources:#}");
    }
    let links = PROJECTS
        .map(|project| format!("compute.googleapis.com/compute/v1/projects/{project}/global/networks/same"));
    let ids = [cloud.get(&links[0]).await.1["id"].clone(), cloud.get(&links[1]).await.1["id"].clone()];
    assert!(ids[0].is_string() && ids[0] != ids[1], "{ids:?}");

    let account = |project: &str| {
        format!(
            "iam.googleapis.com/v1/projects/{project}/serviceAccounts/same-name@{project}.iam.gserviceaccount.com"
        )
    };
    let secret = |project: &str| format!("secretmanager.googleapis.com/v1/projects/{project}/secrets/same");
    cloud.operate(Method::DELETE, &links[0], Value::Null).await;
    for gone in [secret(PROJECT), account(PROJECT)] {
        cloud.ok(Method::DELETE, &gone, Value::Null).await;
        assert_eq!(cloud.get(&gone).await.0, 404, "{gone}");
    }
    let left = cloud.get("_local/resources").await.1["projects"].clone();
    assert_eq!(left["other-project"], resources["other-project"]);
    let (_, version) = cloud.get(&format!("{}/versions/latest:access", secret("other-project"))).await;
    assert_eq!(version["payload"]["data"], STANDARD.encode("other-project"));
    for kept in [links[1].clone(), account("other-project")] {
        assert_eq!(cloud.get(&kept).await.0, 200, "{kept}");
    }
    cloud.stop().await;
}
