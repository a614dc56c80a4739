use serde_json::json;

use crate::support::{Harness, PROJECT, message};

#[tokio::test(flavor = "multi_thread")]
async fn what_google_does_not_have_is_refused_in_its_words() {
    let cloud = Harness::with(&["run", "secretmanager", "compute"]).await;
    let services = format!("run.googleapis.com/v2/projects/{PROJECT}/locations/us-central1/services");
    let networks = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks");
    let answers = [
        message(
            &cloud
                .post(
                    &format!("{services}?serviceId=s"),
                    json!({"lables": {}, "template": {"containers": [{"imgae": ""}]}}),
                )
                .await,
        ),
        message(&cloud.post(&format!("{services}?serviceId=s"), json!({"ingress": "EVERYWHERE"})).await),
        message(&cloud.post(&format!("{services}?serviceId=s"), json!({"labels": 5})).await),
        message(&cloud.post(&format!("{services}?serviceID=s"), json!({})).await),
        message(&cloud.post(&services, json!({})).await),
        message(&cloud.post(&networks, json!({"name": "n", "autoCreate": true})).await),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
    400 Invalid JSON payload received. Unknown name "lables" at 'service': Cannot find field.
    Invalid JSON payload received. Unknown name "imgae" at 'service.template.containers[0]': Cannot find field.
    400 Invalid value at 'service.ingress': `EVERYWHERE` is not one of its values: INGRESS_TRAFFIC_UNSPECIFIED, INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY, INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER, INGRESS_TRAFFIC_NONE
    400 Invalid value at 'service.labels': must be an object, not a whole number
    400 Invalid JSON payload received. Unknown name "serviceID": Cannot bind query parameter. Field 'serviceID' could not be found in request message.
    400 Missing required parameter: serviceId
    400 Invalid JSON payload received. Unknown name "autoCreate" at 'network': Cannot find field.
    "#);
    let (status, page) = cloud.get("run.googleapis.com/v9/nothing").await;
    assert_eq!(status, 404);
    assert!(page.as_str().unwrap().starts_with("<!DOCTYPE html>"));
    let (status, _) = cloud.get("nowhere").await;
    assert_eq!(status, 404);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_found_by_its_host_too() {
    let cloud = Harness::with(&[]).await;
    let response = cloud
        .client
        .get(format!("{}/v1/projects/{PROJECT}", cloud.base()))
        .header("host", "cloudresourcemanager.googleapis.com")
        .send()
        .await
        .unwrap();
    let project: serde_json::Value = response.json().await.unwrap();
    assert_eq!(project["projectId"], PROJECT);
    let number = project["projectNumber"].as_str().unwrap();
    let (_, by_number) =
        cloud.get(&format!("cloudresourcemanager.googleapis.com/v3/projects/{number}")).await;
    assert_eq!(by_number["projectId"], PROJECT);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn https_clients_keep_production_addresses() {
    let cloud = Harness::with(&["storage"]).await;
    let pem = std::fs::read(cloud.path().join("cloud/ca.pem")).unwrap();
    let client = reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(cloud.base()).unwrap())
        .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap();
    let address = format!("https://cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}");
    let project: serde_json::Value = client.get(address).send().await.unwrap().json().await.unwrap();
    assert_eq!(project["projectId"], PROJECT);
    let buckets = format!("https://storage.googleapis.com/storage/v1/b?project={PROJECT}");
    client.post(buckets).json(&json!({"name": "bucket-one"})).send().await.unwrap();
    let upload =
        "https://storage.googleapis.com/upload/storage/v1/b/bucket-one/o?uploadType=resumable&name=x";
    let begun = client.post(upload).send().await.unwrap();
    let location = begun.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://storage.googleapis.com/upload/"), "{location}");
    assert!(client.get("https://example.com/").send().await.is_err(), "no way out to the internet");
    let stranger =
        reqwest::Client::builder().proxy(reqwest::Proxy::all(cloud.base()).unwrap()).build().unwrap();
    assert!(stranger.get("https://run.googleapis.com/").send().await.is_err(), "nobody trusts it by default");
    cloud.stop().await;
}
