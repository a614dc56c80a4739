//! Faults that outlive the request they strike, over HTTP. Those that answer in the service's place
//! are tried in `admin`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, REGION, message};

async fn trap(cloud: &Harness, rule: Value) {
    let (status, answer) = cloud.post("_local/faults", rule).await;
    assert_eq!(status, 200, "{answer}");
}

fn networks() -> String {
    format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_enabled_late() {
    let cloud = Harness::with(&[]).await;
    trap(&cloud, json!({"trap": "service-late"})).await;
    let usage = format!("serviceusage.googleapis.com/v1/projects/{PROJECT}/services");
    let body = json!({"serviceIds": ["compute.googleapis.com"]});
    cloud.operate(Method::POST, &format!("{usage}:batchEnable"), body).await;
    let listed = cloud.get(&format!("{usage}?filter=state:ENABLED")).await.1.to_string();
    assert!(listed.contains("compute.googleapis.com"), "it says that it is enabled: {listed}");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let (status, answer) = cloud.get(&networks()).await;
        statuses.push(status);
        assert_eq!(status == 403, answer.to_string().contains("SERVICE_DISABLED"), "{answer}");
    }
    assert_eq!(statuses, [403, 403, 403, 200]);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_and_a_grant_come_late() {
    let cloud = Harness::with(&["iam", "secretmanager"]).await;
    trap(&cloud, json!({"trap": "account-late", "action": {"late": {"uses": 2}}})).await;
    let email = cloud.account("run-me").await;
    let project = format!("cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}");
    let policy = json!({"policy": {"bindings": [
        {"role": "roles/viewer", "members": [format!("serviceAccount:{email}")]},
    ]}});
    let refused = cloud.post(&format!("{project}:setIamPolicy"), policy.clone()).await;
    assert_eq!(message(&refused), format!("400 Service account {email} does not exist."));
    let address = format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts/{email}");
    assert_eq!(cloud.get(&address).await.0, 404);
    assert_eq!(cloud.get(&address).await.0, 200);
    trap(&cloud, json!({"trap": "policy-conflict"})).await;
    assert_eq!(cloud.post(&format!("{project}:setIamPolicy"), policy.clone()).await.0, 409);
    assert_eq!(cloud.post(&format!("{project}:setIamPolicy"), policy).await.0, 200);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_stall_and_fail() {
    let cloud = Harness::with(&["compute"]).await;
    trap(&cloud, json!({"id": "networks.insert", "action": {"stallOperation": {"polls": 4}}})).await;
    let (_, begun) = cloud.post(&networks(), json!({"name": "slow"})).await;
    let name = begun["name"].as_str().unwrap();
    let operation = format!("{}/operations/{name}", networks().trim_end_matches("/networks"));
    let mut seen = Vec::new();
    for address in [operation.clone(), format!("{operation}/wait")] {
        let method = if address.ends_with("wait") { Method::POST } else { Method::GET };
        for _ in 0..2 {
            seen.push(cloud.ok(method.clone(), &address, Value::Null).await["status"].clone());
        }
    }
    assert_eq!(seen, ["RUNNING", "RUNNING", "RUNNING", "RUNNING"]);
    assert_eq!(cloud.get(&operation).await.1["status"], "DONE");

    let action = json!({"failOperation": {"code": 13, "reason": "INTERNAL_ERROR", "message": "No.", "takesEffect": true}});
    trap(&cloud, json!({"id": "networks.delete", "action": action})).await;
    let done = cloud.finish(Method::DELETE, &format!("{}/slow", networks()), Value::Null).await;
    assert_eq!(done["error"]["errors"], json!([{"code": "INTERNAL_ERROR", "message": "No."}]));
    assert_eq!(cloud.get(&format!("{}/slow", networks())).await.0, 404, "it took effect all the same");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_comes_up_though_its_operation_failed() {
    let cloud = Harness::with(&["compute", "servicenetworking", "sqladmin"]).await;
    cloud.private_network().await;
    trap(&cloud, json!({"trap": "sql-false-alarm"})).await;
    let instances = format!("sqladmin.googleapis.com/v1/projects/{PROJECT}/instances");
    let body = json!({
        "name": "pg", "region": REGION, "databaseVersion": "POSTGRES_16",
        "settings": {"tier": "db-f1-micro", "edition": "ENTERPRISE", "ipConfiguration": {
            "ipv4Enabled": false, "privateNetwork": format!("projects/{PROJECT}/global/networks/net"),
        }},
    });
    let done = cloud.finish(Method::POST, &instances, body).await;
    assert_eq!(done["error"]["errors"][0]["code"], "INTERNAL_ERROR", "{done:#}");
    assert_eq!(cloud.get(&format!("{instances}/pg")).await.1["state"], "RUNNABLE");

    trap(&cloud, json!({"trap": "connection-in-use"})).await;
    let connection =
        "servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections/-";
    cloud.operate(Method::DELETE, &format!("{instances}/pg"), Value::Null).await;
    let body = json!({"consumerNetwork": format!("projects/{PROJECT}/global/networks/net")});
    let done = cloud.finish(Method::POST, connection, body).await;
    assert_eq!(done["error"]["code"], 9, "{done:#}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnetwork_stays_in_use_after_a_job_is_gone() {
    let cloud = Harness::with(&["compute", "servicenetworking", "run", "artifactregistry", "iam"]).await;
    cloud.private_network().await;
    let account = cloud.account("run-me").await;
    let run = format!("run.googleapis.com/v2/projects/{PROJECT}/locations/{REGION}/jobs");
    let subnetwork =
        format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/regions/{REGION}/subnetworks/sub");
    let job = json!({"template": {"template": {
        "serviceAccount": account,
        "containers": [{"image": format!("us-central1-docker.pkg.dev/{PROJECT}/images/none:latest")}],
        "vpcAccess": {"networkInterfaces": [{"network": "net", "subnetwork": "sub"}]},
    }}});
    cloud.finish(Method::POST, &format!("{run}?jobId=job"), job).await;
    let rule = json!({"trap": "addresses-held", "id": "locations.jobs.delete"});
    trap(&cloud, rule).await;
    cloud.operate(Method::DELETE, &format!("{run}/job"), Value::Null).await;
    let (status, refused) = cloud.delete(&subnetwork).await;
    assert_eq!(
        (status, &refused["error"]["errors"][0]["reason"]),
        (400, &json!("resourceInUseByAnotherResource"))
    );
    assert!(refused.to_string().contains("/addresses/serverless-ipv4-"), "{refused}");
    cloud.delete("_local/faults").await;
    cloud.operate(Method::DELETE, &subnetwork, Value::Null).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_come_from_a_file_and_traps_have_names() {
    let mut cloud = Harness::with(&["iam"]).await;
    let file = cloud.path().join("cloud/faults.json");
    std::fs::write(&file, r#"[{"trap": "quota-429", "path": "iam.googleapis.com/", "method": "GET"}]"#)
        .unwrap();
    cloud.restart().await;
    let accounts = format!("{}/iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts", cloud.base());
    let answer = cloud.client.get(&accounts).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(cloud.client.get(&accounts).send().await.unwrap().status(), 200);
    let names = cloud.get("_local/traps").await.1["traps"].as_array().unwrap().len();
    assert!(names > 20, "{names}");
    let refused = cloud.post("_local/faults", json!({"trap": "no-such"})).await;
    assert!(message(&refused).starts_with("400 The body is no fault rule: there is no trap `no-such`"));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_break_the_description_are_flagged() {
    let cloud = Harness::with(&["iam"]).await;
    let accounts = format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts");
    cloud.get(&accounts).await;
    assert_eq!(cloud.get("_local/counters").await.1["violations"], 0);
    cloud.get(&format!("{accounts}?colour=red")).await;
    cloud.post(&accounts, json!({"acountId": "x"})).await;
    cloud.get("iam.googleapis.com/v9/none").await;
    // A method that takes no body, and requests that are struck before any service gets them.
    let run = format!("run.googleapis.com/v2/projects/{PROJECT}/locations/{REGION}/services/s");
    cloud.send(Method::DELETE, &run, json!({"force": true})).await;
    trap(&cloud, json!({"trap": "unavailable", "times": 1})).await;
    assert_eq!(cloud.post(&accounts, json!({"accountID": "x"})).await.0, 503);
    assert_eq!(cloud.get("_local/counters").await.1["violations"], 5);
    let (_, requests) = cloud.get("_local/requests").await;
    let flagged: Vec<_> = requests["requests"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|request| request["violation"].as_str())
        .map(|violation| violation.lines().next().unwrap())
        .collect();
    insta::assert_snapshot!(flagged.join("\n"), @r#"
    Invalid JSON payload received. Unknown name "colour": Cannot bind query parameter. Field 'colour' could not be found in request message.
    Invalid JSON payload received. Unknown name "acountId": Cannot find field.
    There is no such method.
    Invalid JSON payload received. Unknown name "force": Root element must be empty: the method takes no body.
    Invalid JSON payload received. Unknown name "accountID": Cannot find field.
    "#);
    cloud.stop().await;
}
