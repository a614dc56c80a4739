//! From the calls of the kinds table to calls that can be sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_gcp_api::kinds::{self, Kind};
use mlflow_host_graph::{PropertyPath, Segment, Value};
use serde_json::{Map, Value as Json};

use crate::client::Call;
use crate::error::CallError;
use crate::tree;
use crate::variables::Variables;

/// A call of the table with its variables filled in; the body is what the table adds. A query parameter
/// whose value is not known is left out.
pub(crate) fn call(
    kind: &Kind,
    template: &kinds::Call,
    variables: &Variables<'_>,
    request_id: &str,
) -> Result<Call, CallError> {
    let path = variables
        .expand_path(&template.path)
        .map_err(|error| CallError::Invalid(format!("a `{}` cannot be addressed: {error}", kind.name)))?;
    let mut call = Call::new(&kind.service, verb(&template.verb)?, path);
    for (name, value) in &template.query {
        if let Some(value) = variables.expand(value) {
            call = call.query(name, value);
        }
    }
    if let Some(parameter) = &template.request_id {
        call = call.query(parameter, request_id).repeatable();
    }
    let body = filled(&Json::Object(template.body.clone()), variables)?;
    let is_empty = body.as_object().is_none_or(Map::is_empty);
    if !is_empty || matches!(call.verb, "POST" | "PUT" | "PATCH") {
        call = call.json(body);
    }
    Ok(call)
}

fn verb(text: &str) -> Result<&'static str, CallError> {
    ["GET", "POST", "PUT", "PATCH", "DELETE"]
        .into_iter()
        .find(|verb| *verb == text)
        .ok_or_else(|| CallError::Invalid(format!("`{text}` is not an HTTP verb")))
}

/// Text in a body is a template, at any depth.
fn filled(json: &Json, variables: &Variables<'_>) -> Result<Json, CallError> {
    Ok(match json {
        Json::String(template) => Json::String(
            variables
                .expand(template)
                .ok_or_else(|| CallError::Invalid(format!("`{template}` in a request has no value")))?,
        ),
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| filled(item, variables)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => Json::Object(
            fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), filled(value, variables)?)))
                .collect::<Result<_, CallError>>()?,
        ),
        other => other.clone(),
    })
}

/// The fields of the resource as they are sent: the inputs without name, parents and what only the host
/// knows.
pub(crate) fn fields(kind: &Kind, inputs: &Value) -> Result<Map<String, Json>, CallError> {
    let mut fields = Map::new();
    for (key, value) in inputs.as_map().into_iter().flatten() {
        if !is_field(kind, key) {
            continue;
        }
        let json = value.to_request_json().ok_or_else(|| {
            CallError::Invalid(format!(
                "the property `{key}` is not known, or is a file where none can stand"
            ))
        })?;
        if !json.is_null() {
            fields.insert(key.clone(), json);
        }
    }
    let mut body = Json::Object(fields);
    for path in &kind.base64_paths {
        if let Some(text) = tree::json_at(&body, path).and_then(Json::as_str) {
            let encoded = STANDARD.encode(text);
            tree::json_set(&mut body, path, Json::String(encoded));
        }
    }
    match body {
        Json::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

/// Whether an input property is a field of the body.
fn is_field(kind: &Kind, name: &str) -> bool {
    !((name == "name" && kind.id.is_declared())
        || kind.parents.iter().any(|parent| parent.name == name)
        || kind.properties.contains_key(name))
}

/// The changed paths that are fields, as far as they can be named in a body: a list is sent as a whole.
pub(crate) fn changed_fields(kind: &Kind, changed: &[PropertyPath]) -> Vec<PropertyPath> {
    let mut paths: Vec<PropertyPath> = Vec::new();
    for path in changed {
        let keys: Vec<Segment> =
            path.segments().iter().take_while(|part| matches!(part, Segment::Key(_))).cloned().collect();
        if !matches!(keys.first(), Some(Segment::Key(key)) if is_field(kind, key)) {
            continue;
        }
        let path = PropertyPath::from(keys);
        if !paths.iter().any(|known| path.starts_with(known)) {
            paths.retain(|known| !known.starts_with(&path));
            paths.push(path);
        }
    }
    paths
}

/// The top-level fields of paths, in order, each once.
pub(crate) fn top_level(paths: &[PropertyPath]) -> Vec<String> {
    let mut names = Vec::new();
    for path in paths {
        match path.segments().first() {
            Some(Segment::Key(key)) if !names.contains(key) => names.push(key.clone()),
            _ => {}
        }
    }
    names
}

/// A body with only these paths; what is gone is `null`.
pub(crate) fn only(fields: &Map<String, Json>, paths: &[PropertyPath]) -> Json {
    let whole = Value::from(Json::Object(fields.clone()));
    let mut body = Value::empty_map();
    for path in paths {
        tree::set(&mut body, path, whole.at(path).unwrap_or_default());
    }
    body.to_request_json().unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(name: &str) -> &'static Kind {
        kinds::kind(name).unwrap()
    }

    #[test]
    fn a_create_call_has_its_id_where_the_api_wants_it() {
        let show = |name: &str, inputs: Json| {
            let kind = kind(name);
            let inputs = Value::from(inputs);
            let variables = Variables::new(kind, &inputs, None, Some("42".into()));
            let call = call(kind, kind.create.as_ref().unwrap(), &variables, "req").unwrap();
            let query: Vec<_> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let body = match call.body {
                crate::client::Body::Json(body) => body.to_string(),
                _ => String::new(),
            };
            format!("{} {}?{} {body} {}", call.verb, call.path, query.join("&"), call.repeatable)
        };
        let base = json!({"project": "p", "location": "l", "name": "n"});
        assert_eq!(
            show("run.googleapis.com/Service", base.clone()),
            "POST v2/projects/p/locations/l/services?serviceId=n {} false"
        );
        assert_eq!(
            show("compute.googleapis.com/Network", base.clone()),
            "POST compute/v1/projects/p/global/networks?requestId=req {\"name\":\"n\"} true"
        );
        assert_eq!(
            show("iam.googleapis.com/ServiceAccount", base),
            "POST v1/projects/p/serviceAccounts? {\"accountId\":\"n\"} false"
        );
    }

    #[test]
    fn bodies_hold_what_the_api_knows() {
        let version = kind("secretmanager.googleapis.com/SecretVersion");
        let inputs = Value::from(json!({"project": "p", "secret": "s", "payload": {"data": "hunter2"}}));
        assert_eq!(
            Json::Object(fields(version, &inputs).unwrap()),
            json!({"payload": {"data": "aHVudGVyMg=="}})
        );

        let bucket = kind("storage.googleapis.com/Bucket");
        let inputs = Value::from(
            json!({"project": "p", "name": "b", "forceDestroy": true, "location": "EU", "labels": {"a": "1"}}),
        );
        let all = fields(bucket, &inputs).unwrap();
        assert_eq!(Json::Object(all.clone()), json!({"location": "EU", "labels": {"a": "1"}}));
        let changed = ["labels.a", "labels.gone", "lifecycle.rule[0].action", "forceDestroy"]
            .map(|path| path.parse().unwrap());
        let paths = changed_fields(bucket, &changed);
        assert_eq!(top_level(&paths), ["labels", "lifecycle"]);
        assert_eq!(
            only(&all, &paths),
            json!({"labels": {"a": "1", "gone": null}, "lifecycle": {"rule": null}})
        );
    }
}
