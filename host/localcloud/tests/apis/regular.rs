//! Collections that are served from the table, over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, REGION, message};

/// A collection, the query of its creation, a body, and a change.
struct Case {
    collection: String,
    query: &'static str,
    body: Value,
    /// Where the change goes is the resource; `updateMask` and body.
    change: Option<(&'static str, Value)>,
}

fn case(collection: &str, query: &'static str, body: Value, change: Option<(&'static str, Value)>) -> Case {
    let collection = collection.replace("{p}", PROJECT).replace("{r}", REGION);
    Case { collection, query, body, change }
}

fn cases() -> Vec<Case> {
    let compute = "compute.googleapis.com/compute/v1/projects/{p}";
    let located = "projects/{p}/locations/{r}";
    let network = format!("projects/{PROJECT}/global/networks/net");
    vec![
        case(&format!("{compute}/regions/{{r}}/addresses"), "", json!({"name": "a"}), None),
        case(
            &format!("{compute}/global/firewalls"),
            "",
            json!({"name": "f", "network": network, "allowed": [{"IPProtocol": "tcp"}]}),
            Some(("", json!({"priority": 900}))),
        ),
        case(
            &format!("{compute}/regions/{{r}}/routers"),
            "",
            json!({"name": "r", "network": network, "nats": [{"name": "nat"}]}),
            Some(("", json!({"description": "x"}))),
        ),
        case(
            &format!("{compute}/regions/{{r}}/networkEndpointGroups"),
            "",
            json!({"name": "neg", "networkEndpointType": "SERVERLESS", "cloudRun": {"service": "s"}}),
            None,
        ),
        case(
            &format!("{compute}/global/sslCertificates"),
            "",
            json!({"name": "c", "type": "MANAGED", "managed": {"domains": ["example.org"]}}),
            None,
        ),
        case(
            &format!("{compute}/global/backendServices"),
            "",
            json!({"name": "b"}),
            Some(("", json!({"timeoutSec": 60}))),
        ),
        case(
            &format!("vpcaccess.googleapis.com/v1/{located}/connectors"),
            "connectorId=c",
            json!({"network": "net", "ipCidrRange": "10.8.0.0/28"}),
            Some(("minInstances", json!({"minInstances": 3}))),
        ),
        case(
            &format!("cloudbuild.googleapis.com/v1/{located}/triggers"),
            "",
            json!({"name": "on-push", "filename": "cloudbuild.yaml"}),
            Some(("description", json!({"description": "x"}))),
        ),
        case(
            &format!("cloudbuild.googleapis.com/v2/{located}/connections"),
            "connectionId=hub",
            json!({"githubConfig": {"appInstallationId": "1"}}),
            Some(("disabled", json!({"disabled": true}))),
        ),
        case(
            "monitoring.googleapis.com/v3/projects/{p}/notificationChannels",
            "",
            json!({"type": "email", "labels": {"email_address": "a@example.org"}}),
            Some(("display_name", json!({"displayName": "x"}))),
        ),
        case(
            "monitoring.googleapis.com/v3/projects/{p}/alertPolicies",
            "",
            json!({"displayName": "down", "combiner": "OR"}),
            Some(("enabled", json!({"enabled": false}))),
        ),
        case(
            "monitoring.googleapis.com/v3/projects/{p}/uptimeCheckConfigs",
            "",
            json!({"displayName": "up"}),
            Some(("period", json!({"period": "300s"}))),
        ),
        case(
            "monitoring.googleapis.com/v1/projects/{p}/dashboards",
            "",
            json!({"displayName": "d", "gridLayout": {}}),
            Some(("", json!({"displayName": "e"}))),
        ),
        case(
            "logging.googleapis.com/v2/projects/{p}/metrics",
            "",
            json!({"name": "errors", "filter": "x"}),
            None,
        ),
        case(
            "logging.googleapis.com/v2/projects/{p}/sinks",
            "",
            json!({"name": "sink", "destination": "storage.googleapis.com/b"}),
            Some(("filter", json!({"filter": "y"}))),
        ),
        case(
            &format!("cloudscheduler.googleapis.com/v1/{located}/jobs"),
            "",
            json!({"name": format!("projects/{PROJECT}/locations/{REGION}/jobs/j"), "schedule": "0 * * * *"}),
            Some(("schedule", json!({"schedule": "5 * * * *"}))),
        ),
        case(
            "billingbudgets.googleapis.com/v1/billingAccounts/000000-000000-000000/budgets",
            "",
            json!({"displayName": "b", "amount": {"lastPeriodAmount": {}}}),
            Some(("displayName", json!({"displayName": "c"}))),
        ),
    ]
}

const APIS: [&str; 10] = [
    "compute",
    "vpcaccess",
    "cloudbuild",
    "monitoring",
    "logging",
    "cloudscheduler",
    "billingbudgets",
    "iam",
    "iap",
    "run",
];

/// Sends a mutation and waits for its operation, if it is answered with one.
async fn mutate(cloud: &Harness, method: Method, address: &str, body: Value) -> Value {
    let mut answer = cloud.ok(method, address, body).await;
    let is_compute = answer["kind"] == "compute#operation";
    let operation = answer["name"].as_str().filter(|name| name.contains("/operations/")).map(str::to_owned);
    let (host, rest) = address.split_once('/').unwrap();
    let poll = match operation {
        _ if is_compute => {
            let link = answer["selfLink"].as_str().unwrap();
            format!("{host}{}", link.strip_prefix("https://www.googleapis.com").unwrap())
        }
        Some(name) => format!("{host}/{}/{name}", rest.split('/').next().unwrap()),
        None => return answer,
    };
    while answer["done"] != true && answer["status"] != "DONE" {
        answer = cloud.ok(Method::GET, &poll, Value::Null).await;
    }
    assert!(answer.get("error").is_none(), "{answer:#}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_collection_lives() {
    let cloud = Harness::with(&APIS).await;
    cloud
        .operate(
            Method::POST,
            &format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks"),
            json!({"name": "net", "autoCreateSubnetworks": false}),
        )
        .await;
    for Case { collection, query, body, change } in cases() {
        let address = if query.is_empty() { collection.clone() } else { format!("{collection}?{query}") };
        mutate(&cloud, Method::POST, &address, body.clone()).await;
        let (_, listed) = cloud.get(&collection).await;
        let items = listed
            .as_object()
            .unwrap()
            .values()
            .find_map(Value::as_array)
            .unwrap_or_else(|| panic!("{collection}: {listed}"));
        assert_eq!(items.len(), 1, "{collection}: {listed:#}");
        let id = ["id", "name"]
            .iter()
            .filter(|field| **field == "name" || collection.ends_with("triggers"))
            .find_map(|field| items[0][*field].as_str())
            .unwrap();
        let item = format!("{collection}/{}", id.rsplit('/').next().unwrap());
        let (status, read) = cloud.get(&item).await;
        assert_eq!((status, &read), (200, &items[0]), "{item}");
        if let Some((mask, wanted)) = change {
            let target = if mask.is_empty() { item.clone() } else { format!("{item}?updateMask={mask}") };
            mutate(&cloud, Method::PATCH, &target, wanted.clone()).await;
            let (_, changed) = cloud.get(&item).await;
            for (field, value) in wanted.as_object().unwrap() {
                assert_eq!(changed[field], *value, "{item}");
            }
        }
        if query.is_empty() && body.get("name").is_some() && !collection.ends_with("triggers") {
            assert_eq!(cloud.post(&address, body).await.0, 409, "{collection}");
        }
        mutate(&cloud, Method::DELETE, &item, Value::Null).await;
        assert_eq!(cloud.get(&item).await.0, 404, "{item}");
    }
    assert_eq!(cloud.get("_local/counters").await.1["violations"], 0);
    let (_, resources) = cloud.get("_local/resources").await;
    assert_eq!(resources["projects"][PROJECT]["count"], 1, "{resources:#}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn references_hold_a_load_balancer_together() {
    let cloud = Harness::with(&APIS).await;
    let global = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global");
    let link = |kind: &str, name: &str| {
        format!("https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/{kind}/{name}")
    };
    let map = json!({"name": "map", "defaultService": link("backendServices", "b")});
    let refused = cloud.post(&format!("{global}/urlMaps"), map.clone()).await;
    assert!(message(&refused).ends_with("/backendServices/b' cannot be found."), "{refused:?}");
    mutate(&cloud, Method::POST, &format!("{global}/backendServices"), json!({"name": "b"})).await;
    mutate(&cloud, Method::POST, &format!("{global}/urlMaps"), map).await;
    let proxy = json!({"name": "p", "urlMap": format!("projects/{PROJECT}/global/urlMaps/map")});
    mutate(&cloud, Method::POST, &format!("{global}/targetHttpsProxies"), proxy).await;
    let rule = json!({"name": "r", "target": "global/targetHttpsProxies/p", "portRange": "443"});
    mutate(&cloud, Method::POST, &format!("{global}/forwardingRules"), rule).await;
    let (_, rule) = cloud.get(&format!("{global}/forwardingRules/r")).await;
    assert_eq!(rule["target"], link("targetHttpsProxies", "p"));
    let labels = json!({"labels": {"a": "b"}, "labelFingerprint": rule["labelFingerprint"]});
    mutate(&cloud, Method::POST, &format!("{global}/forwardingRules/r/setLabels"), labels.clone()).await;
    let stale = cloud.post(&format!("{global}/forwardingRules/r/setLabels"), labels).await;
    assert_eq!(stale.0, 412, "{stale:?}");
    let (_, used) = cloud.delete(&format!("{global}/backendServices/b")).await;
    assert_eq!(used["error"]["errors"][0]["reason"], "resourceInUseByAnotherResource");
    for item in ["forwardingRules/r", "targetHttpsProxies/p", "urlMaps/map", "backendServices/b"] {
        mutate(&cloud, Method::DELETE, &format!("{global}/{item}"), Value::Null).await;
    }
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_drawn_once_and_taken_over_by_rules() {
    let cloud = Harness::with(&[&APIS[..], &["servicenetworking"]].concat()).await;
    cloud.private_network().await;
    let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}");
    let (regional, global) = (format!("{compute}/regions/{REGION}/addresses"), format!("{compute}/global"));
    let subnetwork = format!("projects/{PROJECT}/regions/{REGION}/subnetworks/sub");
    let made = [
        (format!("{regional}/one"), json!({}), "address"),
        (format!("{regional}/two"), json!({}), "address"),
        (format!("{global}/addresses/front"), json!({}), "address"),
        (
            format!("{regional}/inside"),
            json!({"addressType": "INTERNAL", "subnetwork": subnetwork}),
            "address",
        ),
        (
            format!("{regional}/beside"),
            json!({"addressType": "INTERNAL", "subnetwork": subnetwork}),
            "address",
        ),
        (format!("{global}/forwardingRules/any"), json!({"portRange": "443"}), "IPAddress"),
        (
            format!("{global}/forwardingRules/named"),
            json!({"portRange": "443", "IPAddress": format!("projects/{PROJECT}/global/addresses/front")}),
            "IPAddress",
        ),
    ];
    let mut addresses = Vec::new();
    for (link, mut body, field) in made {
        let (collection, name) = link.rsplit_once('/').unwrap();
        body["name"] = name.into();
        mutate(&cloud, Method::POST, collection, body).await;
        let made = cloud.ok(Method::GET, &link, Value::Null).await;
        addresses.push(made[field].as_str().unwrap().to_owned());
    }
    let front = "203.0.113.4";
    let wanted = ["203.0.113.2", "203.0.113.3", front, "10.0.0.2", "10.0.0.3", "203.0.113.5", front];
    assert_eq!(addresses, wanted);

    let held = cloud.delete(&format!("{global}/addresses/front")).await;
    assert_eq!(held.1["error"]["errors"][0]["reason"], "resourceInUseByAnotherResource", "{held:?}");
    mutate(&cloud, Method::DELETE, &format!("{global}/forwardingRules/named"), Value::Null).await;
    mutate(&cloud, Method::DELETE, &format!("{global}/addresses/front"), Value::Null).await;
    mutate(&cloud, Method::POST, &regional, json!({"name": "three"})).await;
    let three = cloud.get(&format!("{regional}/three")).await.1;
    assert_eq!(three["address"], front, "what was given back is free again");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_pools_keep_their_names_when_deleted() {
    let cloud = Harness::with(&APIS).await;
    let roles = format!("iam.googleapis.com/v1/projects/{PROJECT}/roles");
    let body =
        json!({"roleId": "deployer", "role": {"title": "Deployer", "includedPermissions": ["run.jobs.run"]}});
    let role = cloud.ok(Method::POST, &roles, body.clone()).await;
    assert_eq!(role["name"], format!("projects/{PROJECT}/roles/deployer"));
    let stale = json!({"title": "x", "etag": "AAAA"});
    assert_eq!(cloud.patch(&format!("{roles}/deployer?updateMask=title"), stale).await.0, 409);
    assert_eq!(cloud.delete(&format!("{roles}/deployer")).await.1["deleted"], true);
    assert_eq!(cloud.get(&roles).await.1, json!({}));
    assert_eq!(cloud.post(&roles, body).await.0, 409);
    cloud.ok(Method::POST, &format!("{roles}/deployer:undelete"), json!({})).await;
    assert!(cloud.get(&format!("{roles}/deployer")).await.1.get("deleted").is_none());

    let pools = format!("iam.googleapis.com/v1/projects/{PROJECT}/locations/global/workloadIdentityPools");
    let done = mutate(&cloud, Method::POST, &format!("{pools}?workloadIdentityPoolId=ci"), json!({})).await;
    let number = done["response"]["name"].as_str().unwrap().split('/').nth(1).unwrap();
    assert!(number.bytes().all(|byte| byte.is_ascii_digit()), "{done:#}");
    let providers = format!("{pools}/ci/providers");
    let body = json!({"oidc": {"issuerUri": "https://token.actions.githubusercontent.com"}});
    let address = format!("{providers}?workloadIdentityPoolProviderId=github");
    let orphan = address.replace("/ci/", "/none/");
    assert_eq!(cloud.post(&orphan, body.clone()).await.0, 404, "its pool must be there");
    mutate(&cloud, Method::POST, &address, body.clone()).await;
    mutate(&cloud, Method::DELETE, &format!("{providers}/github"), Value::Null).await;
    assert_eq!(cloud.get(&format!("{providers}/github")).await.1["state"], "DELETED");
    mutate(&cloud, Method::POST, &address.replace("=github", "=gitlab"), body).await;
    let left = cloud.get("_local/resources").await.1["projects"][PROJECT]["resources"].clone();
    let provider = format!("projects/{PROJECT}/locations/global/workloadIdentityPools/ci/providers/gitlab");
    assert_eq!(left["iam.googleapis.com/WorkloadIdentityPoolProvider"], json!([provider]));
    mutate(&cloud, Method::DELETE, &format!("{pools}/ci"), Value::Null).await;
    let left = cloud.get("_local/resources").await.1["projects"][PROJECT]["resources"].clone();
    assert_eq!(left["iam.googleapis.com/WorkloadIdentityPoolProvider"], Value::Null, "{left:#}");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxied_resources_have_settings_and_access() {
    let cloud = Harness::with(&APIS).await;
    let guarded =
        format!("iap.googleapis.com/v1/projects/{PROJECT}/iap_web/cloud_run-{REGION}/services/mlflow");
    let settings = json!({"accessSettings": {"oauthSettings": {"loginHint": "example.org"}}});
    cloud
        .ok(
            Method::PATCH,
            &format!("{guarded}:iapSettings?updateMask=accessSettings.oauthSettings"),
            settings,
        )
        .await;
    let (_, read) = cloud.get(&format!("{guarded}:iapSettings")).await;
    assert_eq!(read["accessSettings"]["oauthSettings"]["loginHint"], "example.org");
    let policy = json!({"policy": {"bindings": [
        {"role": "roles/iap.httpsResourceAccessor", "members": ["group:team@example.org"]},
    ]}});
    cloud.ok(Method::POST, &format!("{guarded}:setIamPolicy"), policy).await;
    let read = cloud.ok(Method::POST, &format!("{guarded}:getIamPolicy"), json!({})).await;
    assert_eq!(read["bindings"][0]["members"], json!(["group:team@example.org"]));
    cloud.stop().await;
}
