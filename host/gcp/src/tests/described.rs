//! Whether a request is one that Google's description of its APIs knows.

use mlflow_host_gcp_api::description::{Channel, MethodMatch, find_method};
use mlflow_host_gcp_api::kinds::Kinds;
use mlflow_host_gcp_api::validate::{self, Purpose};
use reqwest::Url;

use crate::transport::Outgoing;

/// All that is wrong with a request to an address of the form `http://cloud/HOST/PATH?QUERY`.
pub(super) fn violations(request: &Outgoing, kinds: Kinds) -> Vec<String> {
    let address = Url::parse(&request.address).unwrap();
    let (host, path) = address.path().trim_start_matches('/').split_once('/').unwrap();
    if address.query_pairs().any(|(name, _)| name == "upload_id") {
        // The address of an upload session is Cloud Storage's own.
        return Vec::new();
    }
    let Some(MethodMatch { api, method, channel, .. }) = find(host, request.verb, path, kinds) else {
        return vec!["there is no such method".to_owned()];
    };
    let pairs: Vec<_> = address.query_pairs().collect();
    let pairs = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let mut problems: Vec<_> = validate::query(api, method, pairs).iter().map(ToString::to_string).collect();
    if request.body.is_empty() || channel == Channel::Upload {
        return problems;
    }
    match (serde_json::from_slice(&request.body), &method.request) {
        (Err(error), _) => problems.push(format!("the body is no JSON: {error}")),
        (Ok(_), None) => problems.push("the method takes no body".to_owned()),
        (Ok(body), Some(schema)) => {
            let found = validate::body(api, schema, &body, Purpose::Request, &validate::nothing_opaque);
            problems.extend(found.iter().map(ToString::to_string));
        }
    }
    problems
}

fn find(host: &str, verb: &str, path: &str, kinds: Kinds) -> Option<MethodMatch> {
    let own = || {
        let own = kinds.all().filter(|kind| kind.is_own() && kind.service == host);
        own.filter_map(|kind| kind.api()).find_map(|api| api.route(verb, path))
    };
    find_method(host, verb, path).or_else(own)
}

#[test]
fn what_the_description_does_not_know_is_found() {
    let services = "run.googleapis.com/v2/projects/p/locations/l/services";
    let found = |verb, target: &str, body: &str| {
        let request = Outgoing {
            verb,
            address: format!("{}/{target}", super::BASE),
            headers: Vec::new(),
            body: body.into(),
            deadline: std::time::Duration::ZERO,
        };
        violations(&request, Kinds::default()).join("\n")
    };
    assert_eq!(
        found("POST", &format!("{services}?serviceId=s"), r#"{"ingress": "INGRESS_TRAFFIC_ALL"}"#),
        ""
    );
    let wrong = [
        found("PUT", services, ""),
        found("POST", &format!("{services}?serviceID=s"), ""),
        found("POST", services, r#"{"imgress": "", "template": 1}"#),
        found("POST", services, "{"),
        found("DELETE", &format!("{services}/s"), "{}"),
    ];
    insta::assert_snapshot!(wrong.join("\n"), @r"
    there is no such method
    serviceID: there is no such query parameter; did you mean `serviceId`?
    imgress: there is no such field; did you mean `ingress`?
    template: must be an object, not a whole number
    the body is no JSON: EOF while parsing an object at line 1 column 1
    the method takes no body
    ");
}
