use serde_json::json;

use crate::support::{Harness, PROJECT};

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
