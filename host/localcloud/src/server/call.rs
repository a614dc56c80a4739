//! A request that found its method, and the answer to it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use mlflow_host_gcp_api::description::{Api, Channel, MethodMatch};
use serde_json::{Value, json};

use crate::common::error::ApiError;
use crate::common::json;

/// A request that found its method and passed validation.
#[derive(Debug)]
pub(crate) struct Call {
    /// The API.
    pub(crate) api: &'static Api,
    /// Full method id, e.g. `run.projects.locations.services.create`.
    pub(crate) id: &'static str,
    /// Plain, upload or download.
    pub(crate) channel: Channel,
    /// Path variables, decoded.
    pub(crate) variables: BTreeMap<String, String>,
    /// Query pairs, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    /// Request headers.
    pub(crate) headers: HeaderMap,
    /// The JSON body without what only the server sets; an empty object when there is none.
    pub(crate) body: Value,
    /// The content of an upload. The mutex only makes the call shareable: a body is not.
    pub(crate) content: Mutex<Body>,
    /// What stands before the API's own path in addresses that this client can reach, without a
    /// trailing slash.
    pub(crate) origin: String,
}

impl Call {
    /// Takes a match apart; the rest is filled in by the server.
    pub(crate) fn new(found: MethodMatch, headers: HeaderMap, origin: String) -> Self {
        Self {
            api: found.api,
            id: found.id,
            channel: found.channel,
            variables: found.variables,
            query: Vec::new(),
            headers,
            body: json!({}),
            content: Mutex::new(Body::empty()),
            origin,
        }
    }

    /// Takes the content of an upload out.
    pub(crate) fn take_content(&self) -> Body {
        std::mem::take(&mut *self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service part of the API's name, e.g. `run`.
    pub(crate) fn service(&self) -> &'static str {
        self.api.name.split('.').next().unwrap_or_default()
    }

    /// The method id without the service: `projects.locations.services.create`.
    pub(crate) fn action(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(_, action)| action)
    }

    /// A path variable; the description guarantees that those of the method are there.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// The project id.
    pub(crate) fn project(&self) -> &str {
        self.variable("project")
    }

    /// A query parameter that is not empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A query parameter that Google requires though its description does not say so.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.query(name).ok_or_else(|| ApiError::invalid(format!("Missing required parameter: {name}")))
    }

    /// A request header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `projects/P/locations/L/COLLECTION/ID`, from path variables.
    pub(crate) fn located(&self, collection: &str, id: &str) -> String {
        format!("projects/{}/locations/{}/{collection}/{id}", self.project(), self.variable("location"))
    }

    /// The text at a dotted path of the body.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        json::text(&self.body, path)
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(crate) enum Reply {
    /// 200 with a JSON body.
    Json(Value),
    /// 204.
    Empty,
    /// Anything else.
    Response(Box<Response<Body>>),
}

impl From<Value> for Reply {
    fn from(body: Value) -> Self {
        Self::Json(body)
    }
}

/// What a service answers.
pub(crate) type Answer = Result<Reply, ApiError>;

impl Reply {
    /// As an HTTP response.
    pub(crate) fn into_response(self) -> Response<Body> {
        match self {
            Self::Json(body) => json_response(StatusCode::OK, &body),
            Self::Empty => StatusCode::NO_CONTENT.into_response(),
            Self::Response(response) => *response,
        }
    }
}

/// A JSON response, pretty-printed as Google's are.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let text = serde_json::to_string_pretty(body).unwrap_or_default() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], text).into_response()
}

/// One page of `items` under `key`, by the page parameters of the call.
pub(crate) fn page(call: &Call, key: &str, items: Vec<Value>) -> Result<Value, ApiError> {
    let size = ["pageSize", "maxResults"]
        .iter()
        .find_map(|name| call.query(name)?.parse::<usize>().ok())
        .filter(|size| *size > 0)
        .unwrap_or(usize::MAX);
    let start = match call.query("pageToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("after-")
            .and_then(|number| number.parse::<usize>().ok())
            .ok_or_else(|| ApiError::invalid("Invalid page token."))?,
    };
    let total = items.len();
    let items: Vec<_> = items.into_iter().skip(start).take(size).collect();
    let end = start + items.len();
    let mut body = json!({});
    // Google leaves an empty list out.
    if !items.is_empty() {
        body[key] = items.into();
    }
    if end < total {
        body["nextPageToken"] = format!("after-{end}").into();
    }
    Ok(body)
}
