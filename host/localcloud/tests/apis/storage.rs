use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, message, shown};

async fn with_bucket() -> Harness {
    let cloud = Harness::with(&["storage"]).await;
    let body = json!({"name": "bucket-one", "location": "us-central1", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}}});
    cloud.ok(Method::POST, &format!("storage.googleapis.com/storage/v1/b?project={PROJECT}"), body).await;
    cloud
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets() {
    let cloud = with_bucket().await;
    let bucket = "storage.googleapis.com/storage/v1/b/bucket-one";
    let (_, body) = cloud.get(bucket).await;
    insta::assert_snapshot!(shown(&body, &["projectNumber", "generation", "timeCreated", "updated", "softDeletePolicy.effectiveTime"]), @r#"
    {
      "etag": "CAE=",
      "generation": "[changing]",
      "iamConfiguration": {
        "bucketPolicyOnly": {
          "enabled": true
        },
        "publicAccessPrevention": "inherited",
        "uniformBucketLevelAccess": {
          "enabled": true
        }
      },
      "id": "bucket-one",
      "kind": "storage#bucket",
      "location": "US-CENTRAL1",
      "locationType": "region",
      "metageneration": "1",
      "name": "bucket-one",
      "projectNumber": "[changing]",
      "selfLink": "https://www.googleapis.com/storage/v1/b/bucket-one",
      "softDeletePolicy": {
        "effectiveTime": "[changing]",
        "retentionDurationSeconds": "604800"
      },
      "storageClass": "STANDARD",
      "timeCreated": "[changing]",
      "updated": "[changing]"
    }
    "#);
    let (_, patched) = cloud.patch(bucket, json!({"labels": {"a": "1", "b": null}})).await;
    assert_eq!((&patched["labels"], &patched["metageneration"]), (&json!({"a": "1"}), &json!("2")));
    let (_, policy) = cloud.get(&format!("{bucket}/iam")).await;
    let mut wanted = policy.clone();
    wanted["bindings"]
        .as_array_mut()
        .unwrap()
        .push(json!({"role": "roles/storage.objectViewer", "members": ["allUsers"]}));
    assert_eq!(cloud.send(Method::PUT, &format!("{bucket}/iam"), wanted.clone()).await.0, 200);
    let answers = [
        message(&cloud.send(Method::PUT, &format!("{bucket}/iam"), wanted).await),
        message(&cloud.get("storage.googleapis.com/storage/v1/b/other").await),
        message(
            &cloud
                .post(
                    &format!("storage.googleapis.com/storage/v1/b?project={PROJECT}"),
                    json!({"name": "bucket-one"}),
                )
                .await,
        ),
        message(&cloud.patch(&format!("{bucket}?ifMetagenerationMatch=1"), json!({})).await),
        message(&cloud.patch(bucket, json!({"location": "EU"})).await),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r"
    412 At least one of the pre-conditions you specified did not hold.
    404 The specified bucket does not exist.
    409 Your previous request to create the named bucket succeeded and you already own it.
    412 At least one of the pre-conditions you specified did not hold.
    400 The location of a bucket cannot be changed.
    ");
    assert_eq!(cloud.delete(bucket).await.0, 204);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_go_up_and_come_down_by_every_way() {
    let cloud = with_bucket().await;
    let base = cloud.base().to_owned();
    // Simple, at the root path of an emulator host.
    let upload = format!("{base}/upload/storage/v1/b/bucket-one/o");
    let sent = cloud
        .client
        .post(format!("{upload}?uploadType=media&name=a/simple"))
        .body("hello")
        .send()
        .await
        .unwrap();
    assert_eq!(sent.json::<Value>().await.unwrap()["size"], "5");
    // Multipart.
    let body = "--=b\r\nContent-Type: application/json\r\n\r\n{\"name\": \"a/multi\", \"crc32c\": \"yZRlqg==\"}\r\n--=b\r\nContent-Type: text/plain\r\n\r\nhello world\r\n--=b--\r\n";
    let sent = cloud
        .client
        .post(format!("{upload}?uploadType=multipart"))
        .header(CONTENT_TYPE, "multipart/related; boundary=\"=b\"")
        .body(body)
        .send()
        .await
        .unwrap();
    let object: Value = sent.json().await.unwrap();
    assert_eq!((&object["contentType"], &object["size"]), (&json!("text/plain"), &json!("11")));
    // Resumable, in two chunks, through the prefix path.
    let begin = cloud
        .client
        .post(format!("{base}/storage.googleapis.com/resumable/upload/storage/v1/b/bucket-one/o?uploadType=resumable&name=big"))
        .json(&json!({"metadata": {"k": "v"}}))
        .send()
        .await
        .unwrap();
    let location = begin.headers()[LOCATION].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{base}/storage.googleapis.com/upload/")), "{location}");
    let content: Vec<u8> = (0..600_000_u32).map(|index| (index % 251) as u8).collect();
    let chunk = 262_144;
    let first = cloud
        .client
        .put(&location)
        .header(CONTENT_RANGE, format!("bytes 0-{}/{}", chunk - 1, content.len()))
        .body(content[..chunk].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(first.status(), 308);
    assert_eq!(first.headers()[RANGE], "bytes=0-262143");
    let query = cloud
        .client
        .put(&location)
        .header(CONTENT_RANGE, format!("bytes */{}", content.len()))
        .send()
        .await
        .unwrap();
    assert_eq!(query.status(), 308);
    let last = cloud
        .client
        .put(&location)
        .header(CONTENT_RANGE, format!("bytes {chunk}-{}/{}", content.len() - 1, content.len()))
        .body(content[chunk..].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(last.status(), 200);
    let object: Value = last.json().await.unwrap();
    assert_eq!(object["metadata"]["k"], "v");

    let down = cloud
        .client
        .get(format!("{base}/download/storage/v1/b/bucket-one/o/big?alt=media"))
        .send()
        .await
        .unwrap();
    assert!(
        down.headers()
            .get_all("x-goog-hash")
            .iter()
            .any(|hash| hash.to_str().unwrap().starts_with("crc32c="))
    );
    assert_eq!(down.bytes().await.unwrap(), content);
    let part = cloud
        .client
        .get(format!("{base}/storage/v1/b/bucket-one/o/a%2Fsimple?alt=media"))
        .header(RANGE, "bytes=1-3")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.text().await.unwrap(), "ell");

    let objects = "storage.googleapis.com/storage/v1/b/bucket-one/o";
    let (_, listed) = cloud.get(&format!("{objects}?delimiter=/")).await;
    assert_eq!(listed["prefixes"], json!(["a/"]));
    assert_eq!(listed["items"][0]["name"], "big");
    let answers = [
        message(&cloud.delete("storage.googleapis.com/storage/v1/b/bucket-one").await),
        message(&cloud.get(&format!("{objects}/none")).await),
        message(&cloud.get(&format!("{objects}/big?ifGenerationMatch=1")).await),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r"
    409 The bucket you tried to delete is not empty.
    404 No such object: bucket-one/none
    412 At least one of the pre-conditions you specified did not hold.
    ");
    for name in ["a%2Fsimple", "a%2Fmulti", "big"] {
        assert_eq!(cloud.delete(&format!("{objects}/{name}")).await.0, 204);
    }
    assert_eq!(cloud.delete("storage.googleapis.com/storage/v1/b/bucket-one").await.0, 204);
    cloud.stop().await;
}
