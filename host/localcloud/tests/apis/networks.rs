use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, REGION, message, shown};

const APIS: [&str; 3] = ["compute", "servicenetworking", "sqladmin"];

#[tokio::test(flavor = "multi_thread")]
async fn networks_look_as_recorded() {
    let cloud = Harness::with(&APIS).await;
    let networks = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks");
    let (_, begun) = cloud.post(&networks, json!({"name": "net", "autoCreateSubnetworks": false})).await;
    insta::assert_snapshot!(shown(&begun, &["id", "name", "targetId", "insertTime", "startTime", "selfLink"]), @r#"
    {
      "id": "[changing]",
      "insertTime": "[changing]",
      "kind": "compute#operation",
      "name": "[changing]",
      "operationType": "insert",
      "progress": 0,
      "selfLink": "[changing]",
      "startTime": "[changing]",
      "status": "RUNNING",
      "targetId": "[changing]",
      "targetLink": "https://www.googleapis.com/compute/v1/projects/demo-project/global/networks/net",
      "user": "developer@localhost"
    }
    "#);
    let name = begun["name"].as_str().unwrap();
    let wait = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/operations/{name}/wait");
    assert_eq!(cloud.post(&wait, Value::Null).await.1["status"], "DONE");
    let (_, network) = cloud.get(&format!("{networks}/net")).await;
    insta::assert_snapshot!(shown(&network, &["id", "creationTimestamp", "selfLinkWithId"]), @r#"
    {
      "autoCreateSubnetworks": false,
      "creationTimestamp": "[changing]",
      "id": "[changing]",
      "kind": "compute#network",
      "name": "net",
      "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
      "routingConfig": {
        "routingMode": "REGIONAL"
      },
      "selfLink": "https://www.googleapis.com/compute/v1/projects/demo-project/global/networks/net",
      "selfLinkWithId": "[changing]"
    }
    "#);
    // As gcloud asks; Google's document does not have the parameter.
    let (_, listed) = cloud.get(&format!("{networks}?returnPartialSuccess=true&maxResults=500")).await;
    assert_eq!(listed["items"], json!([network]));
    let answers = [
        message(&cloud.post(&networks, json!({"name": "net"})).await),
        message(&cloud.post(&networks, json!({"name": "Net"})).await),
        message(&cloud.get(&format!("{networks}/other")).await),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r"
    409 The resource 'projects/demo-project/global/networks/net' already exists
    400 Invalid value for field 'resource.name': 'Net'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'
    404 The resource 'projects/demo-project/global/networks/other' was not found
    ");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_id_gets_the_same_operation() {
    let cloud = Harness::with(&APIS).await;
    let networks = format!(
        "compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks?requestId=11111111-1111-1111-1111-111111111111"
    );
    let (_, first) = cloud.post(&networks, json!({"name": "net"})).await;
    let (status, second) = cloud.post(&networks, json!({"name": "net"})).await;
    assert_eq!((status, &first["name"]), (200, &second["name"]));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn references_must_resolve_and_order_matters() {
    let cloud = Harness::with(&APIS).await;
    let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}");
    let link = format!("projects/{PROJECT}/global/networks/net");
    let connections =
        "servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections";
    let mut answers = vec![
        message(
            &cloud
                .post(
                    &format!("{compute}/regions/{REGION}/subnetworks"),
                    json!({"name": "sub", "network": link, "ipCidrRange": "10.0.0.0/24"}),
                )
                .await,
        ),
        message(
            &cloud
                .post(
                    &format!("{compute}/global/addresses"),
                    json!({"name": "range", "network": link, "purpose": "VPC_PEERING", "prefixLength": 16}),
                )
                .await,
        ),
    ];
    cloud.private_network().await;
    let held = cloud.finish(Method::DELETE, &format!("{compute}/global/networks/net"), Value::Null).await;
    answers.extend([
        message(
            &cloud
                .post(
                    &format!("{compute}/regions/{REGION}/subnetworks"),
                    json!({"name": "two", "network": link, "ipCidrRange": "10.0.0.0/25"}),
                )
                .await,
        ),
        held["error"]["errors"][0].to_string(),
        message(&cloud.post(connections, json!({"network": link, "reservedPeeringRanges": ["other"]})).await),
    ]);
    insta::assert_snapshot!(answers.join("\n"), @r#"
    404 The resource 'projects/demo-project/global/networks/net' was not found
    404 The resource 'projects/demo-project/global/networks/net' was not found
    400 Invalid IPCidrRange: 10.0.0.0/25 conflicts with existing subnetwork 'sub' in region 'us-central1'.
    {"code":"RESOURCE_IN_USE_BY_ANOTHER_RESOURCE","message":"The network resource 'projects/demo-project/global/networks/net' is already being used by 'projects/demo-project/regions/us-central1/subnetworks/sub'"}
    400 Allocated IP range 'other' not found in network.
    "#);

    let (_, listed) = cloud.get(&format!("{connections}?network={link}")).await;
    assert_eq!(listed["connections"][0]["reservedPeeringRanges"], json!(["range"]));
    let (_, network) = cloud.get(&format!("{compute}/global/networks/net")).await;
    assert_eq!(network["peerings"][0]["state"], "ACTIVE");
    let (_, everywhere) = cloud.get(&format!("{compute}/aggregated/addresses")).await;
    assert_eq!(everywhere["kind"], "compute#addressAggregatedList");
    assert_eq!(everywhere["items"]["global"]["addresses"][0]["name"], "range");

    cloud
        .operate(
            Method::POST,
            "servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections/servicenetworking-googleapis-com",
            json!({"consumerNetwork": link}),
        )
        .await;
    assert_eq!(cloud.get(&format!("{connections}?network={link}")).await, (200, json!({})));
    for resource in
        ["global/addresses/range", &format!("regions/{REGION}/subnetworks/sub"), "global/networks/net"]
    {
        cloud.operate(Method::DELETE, &format!("{compute}/{resource}"), Value::Null).await;
        assert_eq!(cloud.get(&format!("{compute}/{resource}")).await.0, 404);
    }
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fingerprints_guard_changes() {
    let cloud = Harness::with(&APIS).await;
    cloud.private_network().await;
    let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}");
    let sub = format!("{compute}/regions/{REGION}/subnetworks/sub");
    let (_, before) = cloud.get(&sub).await;
    let change = json!({"privateIpGoogleAccess": true, "fingerprint": before["fingerprint"]});
    cloud.operate(Method::PATCH, &sub, change.clone()).await;
    let labels = json!({"labels": {"a": "b"}, "labelFingerprint": "42WmSpB8rSM="});
    let set = format!("{compute}/global/addresses/range/setLabels");
    let (_, done) = cloud.post(&set, labels.clone()).await;
    assert_eq!(done["status"], "DONE");
    let answers = [message(&cloud.patch(&sub, change).await), message(&cloud.post(&set, labels).await)];
    insta::assert_snapshot!(answers.join("\n"), @r"
    412 Supplied fingerprint does not match current metadata fingerprint.
    412 Labels fingerprint either invalid or resource labels have changed.
    ");
    cloud.stop().await;
}
