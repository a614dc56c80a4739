//! Validation of requests against Google's description, in Google's words.

use mlflow_host_gcp_api::description::{Api, Method};
use mlflow_host_gcp_api::validate::{self, Problem, ProblemCode, Purpose};
use serde_json::{Value, json};

use crate::common::error::ApiError;

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
    use mlflow_host_gcp_api::description::api;

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
}
