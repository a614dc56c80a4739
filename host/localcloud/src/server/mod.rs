//! The HTTP server: from a connection to a service's answer.
//!
//! A request passes, in this order: the proxy's CONNECT, `/_local/`, [`target`] (which API),
//! [`faults`], the description (which method), [`check`] (query and body), the enabled-API check and
//! the service, whose answer is checked as well. [`journal`] notes every one.

pub(crate) mod admin;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod faults;
pub(crate) mod journal;
pub(crate) mod proxy;
pub(crate) mod target;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use jiff::Timestamp;
use mlflow_host_gcp_api::description::{self, Channel, find_method};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::common::error::{ApiError, ErrorShape};
use crate::common::{clock, json, mishap};
use crate::data::file::FileError;
use crate::services;
use call::{Answer, Call, Reply, json_response};
use faults::{Action, Faults, LoadError};
use journal::{Entry, Journal, Violation};
use proxy::{Authority, AuthorityError};
use target::Target;

/// Longest JSON body, in bytes.
const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// The server of one local cloud.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    /// When this process began to serve.
    pub(crate) started: Timestamp,
    authority: Authority,
    ready: AtomicBool,
}

/// Why a server could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Its certificates.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The faults that it begins with.
    #[error(transparent)]
    Faults(#[from] LoadError),
    /// The request log.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped on request")]
pub(crate) struct Dropped;

impl Server {
    /// A server for `cloud`.
    pub(crate) fn new(cloud: Arc<Cloud>) -> Result<Arc<Self>, OpenError> {
        let faults = Faults::open(&cloud.directory)?;
        let journal = Journal::open(&cloud.directory)?;
        let authority = Authority::open(&cloud.directory)?;
        Ok(Arc::new(Self {
            cloud,
            journal,
            faults,
            started: Timestamp::now(),
            authority,
            ready: AtomicBool::new(false),
        }))
    }

    /// Whether everything that ran before the last stop runs again.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Says that everything runs again.
    pub(crate) fn now_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Accepts connections until the task is dropped.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        // The set ends its connections when this task is aborted.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, peer)) => {
                    connections.spawn(Arc::clone(&self).connection(stream, peer, "http"));
                }
                // Out of file descriptors, most likely: give others time to close some.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Serves one connection to its end.
    async fn connection<S>(self: Arc<Self>, stream: S, peer: SocketAddr, scheme: &'static str)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let server = Arc::clone(&self);
            async move {
                let request = request.map(Body::new);
                if request.method() == Method::CONNECT {
                    return Ok(server.connect(request, peer));
                }
                // What has begun is done to its end, also when the client goes away meanwhile.
                tokio::spawn(server.handle(request, scheme)).await.unwrap_or(Err(Dropped))
            }
        });
        let served = Builder::new(TokioExecutor::new())
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }

    async fn handle(
        self: Arc<Self>,
        request: Request<Body>,
        scheme: &'static str,
    ) -> Result<Response<Body>, Dropped> {
        if request.uri().path().starts_with("/_local") {
            return Ok(admin::answer(&self, request).await);
        }
        let Some(target) = target::target(request.uri(), request.headers(), scheme) else {
            return Ok(no_such_url(request.uri().path()));
        };
        let method = request.method().clone();
        let path = match request.uri().query() {
            Some(query) => format!("{}?{query}", target.path),
            None => target.path.clone(),
        };
        let via = target.mode.name();
        let host = target.host.clone();
        let id = find_method(&host, method.as_str(), &target.path).map(|found| found.id);
        let mutating = journal::is_mutating(method.as_str(), id);
        // What runs in the cloud has its buckets near.
        if target.mode != target::Mode::Root {
            tokio::time::sleep(self.cloud.latency.of_request(mutating)).await;
        }
        let (response, violation) = self.struck(request, target, &format!("{host}{path}"), id).await;
        self.journal.record(Entry {
            number: 0,
            time: clock::now(),
            method: method.to_string(),
            host,
            path,
            id,
            status: response.as_ref().ok().map(|response| response.status().as_u16()),
            violation,
            via,
            mutating,
        });
        response
    }

    /// Answers a request unless a fault strikes it. Also says how the request, or the answer, breaks Google's
    /// description: struck or not, the request has to be a good one.
    async fn struck(
        &self,
        request: Request<Body>,
        target: Target,
        address: &str,
        id: Option<&str>,
    ) -> (Result<Response<Body>, Dropped>, Option<Violation>) {
        let with_violation = |response: Response<Body>| {
            let violation = response.extensions().get::<Violation>().cloned();
            (Ok(response), violation)
        };
        let Some(strike) = self.faults.strike(request.method().as_str(), address, id) else {
            return with_violation(self.respond(request, target).await);
        };
        if let Some(mishap) = strike.mishap() {
            return with_violation(mishap::during(mishap, self.respond(request, target)).await);
        }
        match strike.action {
            Action::Delay { milliseconds } => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            Action::DropBefore => return (Err(Dropped), violation(request, target).await),
            Action::DropAfter => {
                let (_, violation) = with_violation(self.respond(request, target).await);
                return (Err(Dropped), violation);
            }
            Action::Answer { status, body, retry_after } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = json_response(status, &body);
                if let Some(seconds) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                return (Ok(response), violation(request, target).await);
            }
            // They happen to what the request begins.
            Action::StallOperation { .. } | Action::FailOperation { .. } | Action::Late { .. } => {}
        }
        with_violation(self.respond(request, target).await)
    }

    async fn respond(&self, request: Request<Body>, target: Target) -> Response<Body> {
        let shape = find_method(&target.host, request.method().as_str(), &target.path)
            .map_or_else(|| shape_of_host(&target.host), |found| ErrorShape::of(&found.api.name));
        let url = target.path.clone();
        match self.answer(request, target).await {
            Some(Ok(reply)) => reply.into_response(),
            Some(Err(error)) => {
                let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut response = json_response(status, &error.body(shape));
                if error.violation {
                    response.extensions_mut().insert(Violation(error.message));
                }
                response
            }
            None => {
                let mut response = no_such_url(&url);
                response.extensions_mut().insert(Violation("There is no such method.".to_owned()));
                response
            }
        }
    }

    /// The answer of a service; `None` when no API has such a method.
    async fn answer(&self, request: Request<Body>, target: Target) -> Option<Answer> {
        let (parts, body) = request.into_parts();
        let query = query_pairs(&parts.uri);
        if let Some(answer) = services::outside(&self.cloud, &parts.method, &target, &query) {
            return Some(answer);
        }
        if services::oauth::is_for_token(&parts.method, &target) {
            return Some(services::oauth::token(&self.cloud, body).await);
        }
        if services::storage::uploads::continues(&parts.method, &target.path, &query) {
            return Some(
                services::storage::uploads::resume(
                    &self.cloud,
                    &parts.method,
                    &query,
                    &parts.headers,
                    body,
                    &target.origin,
                )
                .await,
            );
        }
        let (call, method) = routed(parts, target, query)?;
        Some(self.call(call, method, body).await)
    }

    async fn call(&self, call: Call, method: &'static description::Method, body: Body) -> Answer {
        let call = checked(call, method, body).await?;
        let (api, is_content) = (call.api, call.channel == Channel::Download);
        match services::dispatch(&self.cloud, call).await? {
            Reply::Json(answer) if !is_content => Ok(check::answer(api, method, answer)),
            other => Ok(other),
        }
    }
}

/// The call that a request is, without its body, and its method; `None` when no API has such a method.
fn routed(
    parts: Parts,
    target: Target,
    query: Vec<(String, String)>,
) -> Option<(Call, &'static description::Method)> {
    let path = services::knative::path_in_v2(&target).unwrap_or(target.path);
    let found = find_method(&target.host, parts.method.as_str(), &path)?;
    let method = found.method;
    let mut call = Call::new(found, parts.headers, target.origin);
    call.query = query;
    Some((call, method))
}

/// The call with its body, if Google's description has no objection.
async fn checked(mut call: Call, method: &description::Method, body: Body) -> Result<Call, ApiError> {
    check::query(call.api, method, &call.query)?;
    if call.channel == Channel::Upload {
        call.content = Mutex::new(body);
        return Ok(call);
    }
    let body = read_json(body).await?;
    match &method.request {
        _ if body.is_null() => {}
        Some(schema) => {
            check::body(call.api, schema, &body)?;
            call.body = body;
            json::writable(call.api, schema, &mut call.body);
            // In the older APIs a PATCH is a merge patch, where null means to clear.
            if method.verb != "PATCH" || ErrorShape::of(&call.api.name) == ErrorShape::Rpc {
                json::without_nulls(&mut call.body);
            }
        }
        None => check::no_body(&body)?,
    }
    Ok(call)
}

/// How a request that no service gets breaks Google's description.
async fn violation(request: Request<Body>, target: Target) -> Option<Violation> {
    let (parts, body) = request.into_parts();
    let query = query_pairs(&parts.uri);
    let (call, method) = routed(parts, target, query)?;
    let error = checked(call, method, body).await.err()?;
    error.violation.then_some(Violation(error.message))
}

fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Reads a JSON body; null when it is empty.
async fn read_json(body: Body) -> Result<Value, ApiError> {
    let bytes = axum::body::to_bytes(body, LONGEST_BODY).await.map_err(|error| {
        ApiError::invalid(format!("Request payload cannot be read or exceeds {LONGEST_BODY} bytes: {error}"))
            .code(413)
    })?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))
}

fn shape_of_host(host: &str) -> ErrorShape {
    ErrorShape::of(host.split('.').next().unwrap_or(host))
}

/// Google's answer to an address that no API has.
fn no_such_url(path: &str) -> Response<Body> {
    let path = path.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> \
         The requested URL <code>{path}</code> was not found on this server.\n"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=UTF-8"));
    response
}
