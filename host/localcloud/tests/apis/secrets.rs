use serde_json::json;

use crate::support::{Harness, PROJECT, message};

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_versions() {
    let cloud = Harness::with(&["secretmanager"]).await;
    let secrets = format!("secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets");
    let automatic = json!({"replication": {"automatic": {}}});
    let (status, secret) = cloud.post(&format!("{secrets}?secretId=key"), automatic.clone()).await;
    assert_eq!(status, 200);
    let name = secret["name"].as_str().unwrap();
    let number = name.split('/').nth(1).unwrap();
    assert!(number.bytes().all(|byte| byte.is_ascii_digit()), "{name}");

    for data in ["Zmlyc3Q=", "c2Vjb25k"] {
        let (status, version) =
            cloud.post(&format!("{secrets}/key:addVersion"), json!({"payload": {"data": data}})).await;
        assert_eq!((status, &version["state"]), (200, &json!("ENABLED")));
    }
    let (_, latest) =
        cloud.get(&format!("secretmanager.googleapis.com/v1/{name}/versions/latest:access")).await;
    assert_eq!(latest["payload"]["data"], "c2Vjb25k");
    assert_eq!(latest["name"], format!("{name}/versions/2"));
    assert_eq!(
        cloud.post(&format!("{secrets}/key/versions/1:destroy"), json!({})).await.1["state"],
        "DESTROYED"
    );
    let answers: Vec<_> = [
        cloud.post(&format!("{secrets}?secretId=key"), automatic).await,
        cloud.post(&format!("{secrets}?secretId=other"), json!({})).await,
        cloud.get(&format!("{secrets}/other")).await,
        cloud.get(&format!("{secrets}/key/versions/9")).await,
        cloud.get(&format!("{secrets}/key/versions/1:access")).await,
        cloud
            .post(
                &format!("{secrets}/key:addVersion"),
                json!({"payload": {"data": "YQ==", "dataCrc32c": "1"}}),
            )
            .await,
    ]
    .iter()
    .map(|answer| message(answer).replace(number, "[number]"))
    .collect();
    insta::assert_snapshot!(answers.join("\n"), @r"
    409 Secret [projects/[number]/secrets/key] already exists.
    400 Secret.replication must be provided.
    404 Secret [projects/[number]/secrets/other] not found.
    404 Secret Version [projects/[number]/secrets/key/versions/9] not found.
    400 Secret Version [projects/[number]/secrets/key/versions/1] is in DESTROYED state.
    400 The CRC32C checksum of the payload does not match its data.
    ");
    assert_eq!(cloud.get(&format!("{secrets}/key/versions/1")).await.1["state"], "DESTROYED");
    assert_eq!(cloud.delete(&format!("{secrets}/key")).await.0, 200);
    assert_eq!(cloud.get(&secrets).await, (200, json!({})));
    cloud.stop().await;
}
