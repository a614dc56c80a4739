//! Validation of requests against Google's description, in Google's words, and of the answers to them.

use mlflow_host_gcp_api::description::{Api, Method};
use mlflow_host_gcp_api::validate::{self, Problem, ProblemCode, Purpose};
use serde_json::{Value, json};

use super::call::Reply;
use super::journal::Violation;
use crate::common::error::ApiError;
use crate::common::json;

/// Checks query pairs.
pub(crate) fn query(api: &Api, method: &Method, pairs: &[(String, String)]) -> Result<(), ApiError> {
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let problems = validate::query(api, method, pairs);
    refuse(&problems, |problem| match problem.code {
        ProblemCode::UnknownField => format!(
            "Invalid JSON payload received. Unknown name \"{0}\": Cannot bind query parameter. \
             Field '{0}' could not be found in request message.",
            problem.path
        ),
        ProblemCode::MissingRequired => format!("Required parameter: {}", problem.path),
        _ => format!("Invalid value at '{}': {}", problem.path, problem.message),
    })
}

/// Checks a JSON body as the message `schema`.
pub(crate) fn body(api: &Api, schema: &str, value: &Value) -> Result<(), ApiError> {
    let root = root(schema);
    let problems = validate::body(api, schema, value, Purpose::Request, &validate::nothing_opaque);
    refuse(&problems, |problem| {
        let place = match (root.as_str(), problem.path.as_str()) {
            (root, "") => root.to_owned(),
            ("", path) => path.to_owned(),
            (root, path) => format!("{root}.{path}"),
        };
        if problem.code != ProblemCode::UnknownField {
            return format!("Invalid value at '{place}': {}", problem.message);
        }
        let (parent, name) = place.rsplit_once('.').unwrap_or(("", &place));
        let at = if parent.is_empty() { String::new() } else { format!(" at '{parent}'") };
        format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.")
    })
}

/// Refuses the body of a method that takes none; an empty object is none.
pub(crate) fn no_body(value: &Value) -> Result<(), ApiError> {
    let Some((name, _)) = value.as_object().and_then(|fields| fields.iter().next()) else { return Ok(()) };
    let mut error = ApiError::invalid(format!(
        "Invalid JSON payload received. Unknown name \"{name}\": Root element must be empty: the method takes no body."
    ));
    error.violation = true;
    Err(error)
}

/// An answer of success as it is sent: one that breaks the description is sent all the same, and noted in the log.
pub(crate) fn answer(api: &Api, method: &Method, body: Value) -> Reply {
    let Some(schema) = &method.response else { return Reply::Json(body) };
    let mut lines: Vec<String> = Vec::new();
    let mut check = |schema: &str, value: &Value| {
        let problems = validate::body(api, schema, value, Purpose::Response, &validate::nothing_opaque);
        lines.extend(problems.iter().map(|problem| format!("In the answer, {schema}: {problem}")));
    };
    check(schema, &body);
    for part in ["response", "metadata"].iter().filter_map(|part| body.get(part)) {
        if let Some(schema) = packed(api, part) {
            let mut message = part.clone();
            json::remove(&mut message, "@type");
            check(&schema, &message);
        }
    }
    if lines.is_empty() {
        return Reply::Json(body);
    }
    let mut response = Reply::Json(body).into_response();
    response.extensions_mut().insert(Violation(lines.join("\n")));
    Reply::Response(Box::new(response))
}

/// The message that an operation carries, by its `@type`: `type.googleapis.com/google.cloud.run.v2.Service` is
/// `GoogleCloudRunV2Service` or `Service` in a description, which has not all of them.
fn packed(api: &Api, value: &Value) -> Option<String> {
    let name = json::text(value, "@type")?.rsplit('/').next()?;
    let capitalised = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    };
    let whole: String = name.split('.').map(capitalised).collect();
    let last = name.rsplit('.').next()?.to_owned();
    [whole, last].into_iter().find(|name| api.schema(name).is_some())
}

/// How Google calls the body in its errors: the resource's own name, nothing for request messages.
fn root(schema: &str) -> String {
    let name = schema.strip_prefix("GoogleCloudRunV2").unwrap_or(schema);
    if name.ends_with("Request") || schema.starts_with("GoogleIam") || schema.starts_with("GoogleLongrunning")
    {
        return String::new();
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn refuse(problems: &[Problem], describe: impl Fn(&Problem) -> String) -> Result<(), ApiError> {
    if problems.is_empty() {
        return Ok(());
    }
    let descriptions: Vec<_> = problems.iter().map(describe).collect();
    let violations: Vec<_> = problems
        .iter()
        .zip(&descriptions)
        .map(|(problem, description)| json!({"field": problem.path, "description": description}))
        .collect();
    let mut error = ApiError::invalid(descriptions.join("\n")).detail(json!({
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": violations,
    }));
    error.violation = true;
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlflow_host_gcp_api::description::{api, find_method};

    #[test]
    fn unknown_names_wrong_types_and_enums_are_named() {
        let service =
            json!({"x": 1, "ingress": "EVERYWHERE", "template": {"containers": [{"image": 5, "imag": ""}]}});
        let error = body(api("run.v2").unwrap(), "GoogleCloudRunV2Service", &service).unwrap_err();
        insta::assert_snapshot!(error.message, @r#"
        Invalid value at 'service.ingress': `EVERYWHERE` is not one of its values: INGRESS_TRAFFIC_UNSPECIFIED, INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY, INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER, INGRESS_TRAFFIC_NONE
        Invalid JSON payload received. Unknown name "imag" at 'service.template.containers[0]': Cannot find field.
        Invalid value at 'service.template.containers[0].image': must be text, not a whole number
        Invalid JSON payload received. Unknown name "x" at 'service': Cannot find field.
        "#);
        let error =
            body(api("iam.v1").unwrap(), "CreateServiceAccountRequest", &json!({"nam": ""})).unwrap_err();
        insta::assert_snapshot!(error.message, @r#"Invalid JSON payload received. Unknown name "nam": Cannot find field."#);
    }

    /// What is noted about an answer of a method.
    fn noted(id: (&str, &str, &str), answered: Value) -> String {
        let found = find_method(id.0, id.1, id.2).unwrap();
        let response = answer(found.api, found.method, answered).into_response();
        assert_eq!(response.status(), 200, "it is sent all the same");
        response.extensions().get::<Violation>().map(|violation| violation.0.clone()).unwrap_or_default()
    }

    #[test]
    fn an_answer_that_breaks_the_description_is_noted() {
        let get = ("run.googleapis.com", "GET", "v2/projects/p/locations/l/services/s");
        assert_eq!(noted(get, json!({"name": "n", "generation": "7", "ingress": "INGRESS_TRAFFIC_ALL"})), "");
        insta::assert_snapshot!(noted(get, json!({"generation": 7, "uids": "u", "labels": null})), @r"
        In the answer, GoogleCloudRunV2Service: generation: must be text, as numbers of 64 bits and the names of values are in an answer, not a whole number
        In the answer, GoogleCloudRunV2Service: labels: must be an object, not null
        In the answer, GoogleCloudRunV2Service: uids: there is no such field; did you mean `uid`?
        ");
        let create = ("run.googleapis.com", "POST", "v2/projects/p/locations/l/services");
        let operation = |service: Value| json!({"name": "o", "done": true, "response": service});
        let kind = "type.googleapis.com/google.cloud.run.v2.Service";
        assert_eq!(noted(create, operation(json!({"@type": kind, "uid": "u"}))), "");
        insta::assert_snapshot!(noted(create, operation(json!({"@type": kind, "uids": "u"}))), @"In the answer, GoogleCloudRunV2Service: uids: there is no such field; did you mean `uid`?");
    }
}
