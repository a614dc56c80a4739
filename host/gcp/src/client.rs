//! Calls of Google's APIs: token, budget, retries, errors.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::budget::Budget;
use crate::config::{Endpoints, GcpConfig};
use crate::credentials::{self, TokenSource};
use crate::error::{CallError, Refusal};
use crate::retry::{self, Class, Purpose};
use crate::run_facts::RunFacts;
use crate::transport::{Http, Incoming, NoAnswer, Outgoing, Transport};

/// How long one exchange may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long an exchange with a body of media may take.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// How long a call is tried again before it fails.
const TRYING: Duration = Duration::from_secs(45);
/// The longest pause after the first failure; it doubles each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(400);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// RFC 3986's unreserved characters stay as they are in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A body.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(Json),
    /// Anything else, with its content type and further headers.
    Media {
        /// `Content-Type`.
        content_type: String,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Host of the API, e.g., `run.googleapis.com`.
    pub service: String,
    /// HTTP verb in capitals.
    pub verb: &'static str,
    /// Percent-encoded path without leading slash.
    pub path: String,
    /// Query parameters, not encoded.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Whether sending it twice does no more than sending it once.
    pub repeatable: bool,
}

impl Call {
    /// A call without query and body. A GET, PUT, PATCH or DELETE may be repeated, a POST may not.
    pub(crate) fn new(service: &str, verb: &'static str, path: impl Into<String>) -> Self {
        Self {
            service: service.to_owned(),
            verb,
            path: path.into(),
            query: Vec::new(),
            body: Body::Empty,
            repeatable: verb != "POST",
        }
    }

    /// The call with a query parameter more.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// The call with a JSON body.
    #[must_use]
    pub(crate) fn json(mut self, body: Json) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// The call, marked as safe to send twice.
    #[must_use]
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    fn purpose(&self) -> Purpose {
        if self.verb == "GET" { Purpose::Read } else { Purpose::Write }
    }
}

/// Sends calls. One for the whole provider.
pub(crate) struct Client {
    transport: Box<dyn Transport>,
    tokens: Arc<dyn TokenSource>,
    budget: Budget,
    endpoints: Endpoints,
    quota_project: Option<String>,
    offline: bool,
    /// What decides whether some errors pass.
    pub(crate) facts: RunFacts,
}

impl Client {
    /// A client over HTTP.
    pub(crate) fn new(config: &GcpConfig) -> Self {
        Self::over(config, Box::new(Http::default()))
    }

    /// A client over any transport.
    pub(crate) fn over(config: &GcpConfig, transport: Box<dyn Transport>) -> Self {
        Self {
            transport,
            tokens: credentials::source(&config.credentials),
            budget: Budget::new(config.endpoints == Endpoints::Google),
            endpoints: config.endpoints.clone(),
            quota_project: config.quota_project.clone(),
            offline: config.offline,
            facts: RunFacts::default(),
        }
    }

    /// The JSON of the answer; `{}` when it is empty.
    pub(crate) async fn json(&self, call: &Call) -> Result<Json, CallError> {
        let answer = self.send(call).await?;
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Json::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            CallError::unexpected(&call.service, format!("its answer is not JSON ({error})"))
        })
    }

    /// The JSON of what a GET finds; `None` for a 404.
    pub(crate) async fn find(&self, call: &Call) -> Result<Option<Json>, CallError> {
        match self.json(call).await {
            Ok(json) => Ok(Some(json)),
            Err(error) if error.is_status(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a call, again where that is safe and may help. The answer is a success (or a 308).
    pub(crate) async fn send(&self, call: &Call) -> Result<Incoming, CallError> {
        if self.offline {
            return Err(CallError::Offline(call.service.clone()));
        }
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (error, again, at_least) = match self.exchange(call).await? {
                Ok(answer) if answer.status < 400 => {
                    self.budget.ease(&call.service);
                    return Ok(answer);
                }
                Ok(answer) => {
                    let refusal = Refusal {
                        retry_after: answer.retry_after,
                        ..Refusal::from_body(&call.service, answer.status, &answer.body)
                    };
                    let class = retry::classify(&refusal, &call.path, call.purpose(), &self.facts);
                    if retry::is_about_rate(&refusal, class) {
                        self.budget.slow(&call.service);
                    }
                    let again = matches!(class, Class::Retry { refused } if refused || call.repeatable);
                    let at_least = Duration::from_secs(answer.retry_after.unwrap_or(0));
                    (retry::error(refusal, class), again, at_least)
                }
                Err(NoAnswer { cause, unsent }) => {
                    let error = CallError::Network { service: call.service.clone(), cause, unsent };
                    (error, unsent || call.repeatable, Duration::ZERO)
                }
            };
            // Full jitter: many callers that failed together do not come back together.
            let after = pause.mul_f64(rand::random::<f64>()).max(at_least);
            if !again || begun.elapsed() + after > TRYING {
                return Err(later(error, at_least));
            }
            tracing::debug!(service = call.service, verb = call.verb, path = call.path, ?after, %error, "trying again");
            tokio::time::sleep(after).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Result<Incoming, NoAnswer>, CallError> {
        let mut address = self.endpoints.address(&call.service, &call.path);
        for (index, (name, value)) in call.query.iter().enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            address.extend(utf8_percent_encode(name, QUERY));
            address.push('=');
            address.extend(utf8_percent_encode(value, QUERY));
        }
        self.deliver(call, address).await
    }

    /// Sends `call` to an address that a server gave, e.g., of an upload session.
    pub(crate) async fn send_to(&self, call: &Call, address: &str) -> Result<Incoming, CallError> {
        match self.deliver(call, address.to_owned()).await? {
            Ok(answer) if answer.status < 400 => Ok(answer),
            Ok(answer) => {
                let refusal = Refusal::from_body(&call.service, answer.status, &answer.body);
                let class = retry::classify(&refusal, &call.path, call.purpose(), &self.facts);
                Err(retry::error(refusal, class))
            }
            Err(NoAnswer { cause, unsent }) => {
                Err(CallError::Network { service: call.service.clone(), cause, unsent })
            }
        }
    }

    async fn deliver(&self, call: &Call, address: String) -> Result<Result<Incoming, NoAnswer>, CallError> {
        let mut headers = Vec::new();
        if let Some(token) = self.tokens.token().await? {
            headers.push(("authorization", format!("Bearer {token}")));
        }
        if let Some(project) = &self.quota_project {
            headers.push(("x-goog-user-project", project.clone()));
        }
        let (body, deadline) = match &call.body {
            Body::Empty => (Vec::new(), DEADLINE),
            Body::Json(json) => {
                headers.push(("content-type", "application/json".to_owned()));
                (json.to_string().into_bytes(), DEADLINE)
            }
            Body::Media { content_type, headers: more, bytes } => {
                headers.push(("content-type", content_type.clone()));
                headers.extend(more.iter().cloned());
                (bytes.clone(), UPLOAD_DEADLINE)
            }
        };
        if body.is_empty() && matches!(call.verb, "POST" | "PUT" | "PATCH") {
            // Google's front end answers 411 without it.
            headers.push(("content-length", "0".to_owned()));
        }
        let _turn = self.budget.enter(&call.service).await;
        tracing::trace!(verb = call.verb, %address, "request");
        Ok(self.transport.send(Outgoing { verb: call.verb, address, headers, body, deadline }).await)
    }
}

/// An error that comes with a `Retry-After` too long for the call is one to come back to.
fn later(error: CallError, at_least: Duration) -> CallError {
    match error {
        CallError::Refused { refusal, hint: None } if !at_least.is_zero() => CallError::NotYet {
            refusal,
            after: at_least,
            patience: Duration::from_secs(15 * 60).max(at_least * 2),
            note: "waiting as long as Google asked for",
        },
        other => other,
    }
}
