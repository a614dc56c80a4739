use mlflow_host_localcloud::{LocalCloud, ServeError, ServeOptions};
use serde_json::json;

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
