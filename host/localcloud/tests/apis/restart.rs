use mlflow_host_localcloud::{Latency, ServeOptions};
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, REGION};

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let mut cloud = Harness::with(&["secretmanager", "storage", "compute", "servicenetworking"]).await;
    cloud.private_network().await;
    let secrets = format!("secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets");
    cloud.post(&format!("{secrets}?secretId=key"), json!({"replication": {"automatic": {}}})).await;
    cloud.post(&format!("{secrets}/key:addVersion"), json!({"payload": {"data": "YQ=="}})).await;
    cloud
        .post(
            &format!("storage.googleapis.com/storage/v1/b?project={PROJECT}"),
            json!({"name": "bucket-one"}),
        )
        .await;
    let upload = format!("{}/upload/storage/v1/b/bucket-one/o?uploadType=media&name=x", cloud.base());
    cloud.client.post(upload).body("hello").send().await.unwrap();
    let before = cloud.get("_local/resources").await.1;

    cloud.restart().await;
    assert_eq!(cloud.get("_local/resources").await.1, before);
    let (_, access) = cloud.get(&format!("{secrets}/key/versions/1:access")).await;
    assert_eq!(access["payload"]["data"], "YQ==");
    let address = format!("{}/storage/v1/b/bucket-one/o/x?alt=media", cloud.base());
    assert_eq!(cloud.client.get(address).send().await.unwrap().text().await.unwrap(), "hello");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_under_way_is_taken_up_again() {
    let mut cloud = Harness::with(&["compute"]).await;
    // The operation takes 45 s, each of the few requests meanwhile less than 2.5 s: nothing ends by itself here.
    cloud.restart_with(|options| ServeOptions { latency: Latency::Scaled(0.2), ..options }).await;
    let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}");
    let (_, begun) = cloud.post(&format!("{compute}/global/networks"), json!({"name": "net"})).await;
    let operation = format!("{compute}/global/operations/{}", begun["name"].as_str().unwrap());
    for _ in 0..3 {
        assert_eq!(cloud.get(&operation).await.1["status"], "RUNNING");
    }
    let subnetwork = json!({"name": "sub", "network": "global/networks/net", "ipCidrRange": "10.0.0.0/24"});
    let (status, early) = cloud.post(&format!("{compute}/regions/{REGION}/subnetworks"), subnetwork).await;
    assert_eq!((status, &early["error"]["errors"][0]["reason"]), (400, &json!("resourceNotReady")));

    cloud.restart().await;
    let (_, done) = cloud.post(&format!("{operation}/wait"), Value::Null).await;
    assert_eq!(done["status"], "DONE");
    cloud.stop().await;
}
