//! What each purpose accepts and what it says about the rest.

use serde_json::{Value, json};

use super::*;
use crate::description::{api, find_method};

fn report(schema: &str, purpose: Purpose, value: &Value) -> String {
    let is_opaque = |value: &Value| value == "<opaque>";
    lines(&body(api("run.v2").unwrap(), schema, value, purpose, &is_opaque))
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{} {problem}", problem.code.as_str())).collect();
    lines.join("\n")
}

const SERVICE: &str = "GoogleCloudRunV2Service";

#[test]
fn a_good_service_has_no_problem() {
    let service = json!({
        "labels": {"team": "ml"},
        "ingress": "INGRESS_TRAFFIC_ALL",
        "template": {
            "timeout": "300s",
            "maxInstanceRequestConcurrency": 80,
            "containers": [{
                "image": "<opaque>",
                "env": [{"name": "A", "value": "b"}],
                "resources": {"limits": {"cpu": "1"}, "cpuIdle": true},
            }],
        },
    });
    assert_eq!(report(SERVICE, Purpose::Declaration, &service), "");
    assert_eq!(report(SERVICE, Purpose::Request, &service), "");
}

#[test]
fn a_bad_declaration_names_every_place() {
    let service = json!({
        "lables": {},
        "uri": "https://x",
        "ingress": "INGRESS_TRAFIC_ALL",
        "launchStage": "SOON",
        "template": {
            "timeout": "300",
            "maxInstanceRequestConcurrency": "many",
            "containers": [{"env": [{"value": 1}], "port": "<opaque>"}, "<opaque>", 3],
        },
    });
    insta::assert_snapshot!(report(SERVICE, Purpose::Declaration, &service), @r#"
unknown-enum ingress: `INGRESS_TRAFIC_ALL` is not one of its values; did you mean `INGRESS_TRAFFIC_ALL`?
unknown-field lables: there is no such field; did you mean `labels`?
unknown-enum launchStage: `SOON` is not one of its values: LAUNCH_STAGE_UNSPECIFIED, UNIMPLEMENTED, PRELAUNCH, EARLY_ACCESS, ALPHA, BETA, GA, DEPRECATED
wrong-type template.containers[0].env[0].value: must be text, not a whole number
missing-required template.containers[0].env[0].name: is required and missing
unknown-field template.containers[0].port: there is no such field; did you mean `ports`?
missing-required template.containers[0].image: is required and missing
wrong-type template.containers[2]: must be an object, not a whole number
wrong-type template.maxInstanceRequestConcurrency: must be a whole number of 32 bits, not this text
wrong-type template.timeout: must be a duration in seconds such as "300s", not this text
output-only uri: is set by Google and cannot be declared
"#);
}

#[test]
fn a_request_may_echo_output_and_leave_out_the_required() {
    let patch = json!({"uri": "https://x", "labels": null, "template": {"containers": [{}]}});
    assert_eq!(report(SERVICE, Purpose::Request, &patch), "");
}

#[test]
fn a_response_is_held_to_its_types() {
    let service = json!({"generation": "7", "reconciling": "true", "labels": null, "uids": 1});
    insta::assert_snapshot!(report(SERVICE, Purpose::Response, &service), @r#"
wrong-type labels: must be an object, not null
wrong-type reconciling: must be true or false, not this text
unknown-field uids: there is no such field; did you mean `uid`?
"#);
}

#[test]
fn formats_are_checked() {
    let secrets = api("secretmanager.v1").unwrap();
    let bytes = |text: &str, purpose| {
        let value = json!({"payload": {"data": text}});
        body(secrets, "AddSecretVersionRequest", &value, purpose, &nothing_opaque).len()
    };
    assert_eq!(bytes("c2VjcmV0", Purpose::Request), 0);
    assert_eq!(bytes("pass word!", Purpose::Request), 1);
    assert_eq!(bytes("pass word!", Purpose::Declaration), 0, "the provider encodes it");

    let storage = api("storage.v1").unwrap();
    let seconds = |value: Value| {
        let value = json!({"softDeletePolicy": {"retentionDurationSeconds": value}});
        body(storage, "Bucket", &value, Purpose::Request, &nothing_opaque).len()
    };
    assert_eq!(seconds(json!("604800")), 0);
    assert_eq!(seconds(json!(604800)), 0);
    assert_eq!(seconds(json!("a week")), 1);
    assert_eq!(seconds(json!(1.5)), 1);
}

#[test]
fn an_unknown_message_is_a_problem() {
    assert_eq!(
        report("Nothing", Purpose::Request, &json!({})),
        "unknown-field run.v2 has no message `Nothing`"
    );
}

#[test]
fn queries_are_checked() {
    let check = |host, verb, path, pairs: &[(&str, &str)]| {
        let found = find_method(host, verb, path).unwrap();
        lines(&query(found.api, found.method, pairs.iter().copied()))
    };
    let services = "/v2/projects/p/locations/l/services";
    let post = |pairs: &[(&str, &str)]| check("run.googleapis.com", "POST", services, pairs);
    let good = [("serviceId", "s"), ("$alt", "json;enum-encoding=int"), ("validateOnly", "true")];
    assert_eq!(post(&good), "");
    insta::assert_snapshot!(post(&[("serviceID", "s"), ("validateOnly", "maybe"), ("alt", "xml")]), @r#"
unknown-field serviceID: there is no such query parameter; did you mean `serviceId`?
wrong-type validateOnly: must be true or false, not `maybe`
unknown-enum alt: `xml` is not one of its values: json, media, proto
"#);
    let buckets = |pairs: &[(&str, &str)]| check("storage.googleapis.com", "POST", "/storage/v1/b", pairs);
    insta::assert_snapshot!(buckets(&[("projection", "full"), ("projection", "full")]), @r#"
wrong-type projection: is given more than once
missing-required project: is required and missing
"#);
}
