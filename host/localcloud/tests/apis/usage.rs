use reqwest::Method;
use serde_json::json;

use crate::support::{Harness, PROJECT, message, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_api_is_refused_until_it_is_enabled() {
    let cloud = Harness::with(&[]).await;
    let secrets = format!("secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets");
    let (status, body) = cloud.get(&secrets).await;
    assert_eq!(status, 403);
    insta::assert_snapshot!(shown(&body, &[]), @r#"
    {
      "error": {
        "code": 403,
        "details": [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "googleapis.com",
            "metadata": {
              "activationUrl": "https://console.developers.google.com/apis/api/secretmanager.googleapis.com/overview?project=510835001129",
              "consumer": "projects/510835001129",
              "containerInfo": "510835001129",
              "service": "secretmanager.googleapis.com",
              "serviceTitle": "Secret Manager API"
            },
            "reason": "SERVICE_DISABLED"
          },
          {
            "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
            "locale": "en-US",
            "message": "Secret Manager API has not been used in project 510835001129 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/secretmanager.googleapis.com/overview?project=510835001129 then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
          },
          {
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [
              {
                "description": "Google developers console API activation",
                "url": "https://console.developers.google.com/apis/api/secretmanager.googleapis.com/overview?project=510835001129"
              }
            ]
          }
        ],
        "message": "Secret Manager API has not been used in project 510835001129 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/secretmanager.googleapis.com/overview?project=510835001129 then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
        "status": "PERMISSION_DENIED"
      }
    }
    "#);
    let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks");
    assert_eq!(cloud.get(&compute).await.1["error"]["errors"][0]["reason"], "accessNotConfigured");

    let usage = format!("serviceusage.googleapis.com/v1/projects/{PROJECT}/services");
    let done =
        cloud.operate(Method::POST, &format!("{usage}/secretmanager.googleapis.com:enable"), json!({})).await;
    assert_eq!(done["response"]["service"]["state"], "ENABLED");
    assert_eq!(cloud.get(&secrets).await, (200, json!({})));
    let (_, again) = cloud.post(&format!("{usage}/secretmanager.googleapis.com:enable"), json!({})).await;
    assert_eq!(again["name"], "operations/noop.DONE_OPERATION");
    assert_eq!(again["done"], true);

    let (_, listed) = cloud.get(&format!("{usage}?filter=state:ENABLED&pageSize=2")).await;
    assert_eq!(listed["services"].as_array().unwrap().len(), 2);
    let token = listed["nextPageToken"].as_str().unwrap();
    let (_, rest) = cloud.get(&format!("{usage}?filter=state:ENABLED&pageToken={token}")).await;
    assert_eq!(rest["services"].as_array().unwrap().len(), 1);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_limited_and_services_known() {
    let cloud = Harness::with(&[]).await;
    let batch = format!("serviceusage.googleapis.com/v1/projects/{PROJECT}/services:batchEnable");
    let many: Vec<_> = (0..21).map(|_| "run.googleapis.com").collect();
    let answers = [
        message(&cloud.post(&batch, json!({"serviceIds": many})).await),
        message(&cloud.post(&batch, json!({"serviceIds": ["rnu.googleapis.com"]})).await),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r"
    400 A batch must name 1 to 20 services to enable; this one names 21.
    403 Not found or permission denied for service(s): rnu.googleapis.com.
    ");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_pending_at_its_first_poll() {
    let cloud = Harness::with(&[]).await;
    let enable =
        format!("serviceusage.googleapis.com/v1/projects/{PROJECT}/services/run.googleapis.com:enable");
    let (_, begun) = cloud.post(&enable, json!({})).await;
    assert!(begun.get("done").is_none());
    let poll = format!("serviceusage.googleapis.com/v1/{}", begun["name"].as_str().unwrap());
    assert!(cloud.get(&poll).await.1.get("done").is_none());
    cloud.stop().await;
}
