//! Front ends: what stands between the world and a service's process, as Google's does.
//!
//! Each service has a listener on a loopback port that it keeps. A request must be allowed by the
//! invoker policy; it waits for an instance that is starting; the process sees the `run.app` host
//! and `X-Forwarded-…` as on Cloud Run. Bodies stream both ways. WebSockets are not forwarded.

mod messages;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use messages::{exceeds_limit, forwarded, returned};

use super::revisions::{self, GRACE};
use super::{resource, seconds, services};
use crate::cloud::Cloud;
use crate::common::json::text;
use crate::common::operations::Failure;
use crate::common::policies;
use crate::data::containers::Container;
use crate::services::projects;

/// Roles that may call a service.
const INVOKERS: [&str; 5] =
    ["roles/run.invoker", "roles/run.servicesInvoker", "roles/run.admin", "roles/editor", "roles/owner"];

/// How long a request waits for an instance.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause before an instance that ended is started again, and its longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The front ends of one local cloud.
#[derive(Debug)]
pub(crate) struct Fronts {
    open: Mutex<BTreeMap<String, Arc<Front>>>,
    client: Client<HttpConnector, Body>,
    closing: AtomicBool,
}

impl Default for Fronts {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            closing: AtomicBool::new(false),
        }
    }
}

/// The front end of one service.
#[derive(Debug)]
struct Front {
    port: u16,
    instance: watch::Sender<Option<Instance>>,
    listener: AbortHandle,
}

/// The process behind a front end.
#[derive(Debug, Clone)]
struct Instance {
    revision: String,
    container: Container,
    port: u16,
}

impl Fronts {
    fn get(&self, service: &str) -> Option<Arc<Front>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }

    fn instance(&self, service: &str) -> Option<Instance> {
        self.get(service)?.instance.borrow().clone()
    }

    /// Whether `revision` is what `service` runs now.
    pub(crate) fn serves(&self, service: &str, revision: &str) -> bool {
        self.instance(service).is_some_and(|instance| instance.revision == revision)
    }

    /// The port of the process behind `service`, if there is one.
    pub(super) fn process_port(&self, service: &str) -> Option<u16> {
        self.instance(service).map(|instance| instance.port)
    }
}

/// Where each service can be reached: `run.app` address, loopback address, revision, log.
pub(crate) fn endpoints(cloud: &Cloud) -> Value {
    let open = cloud.fronts.open.lock().unwrap_or_else(PoisonError::into_inner);
    let mut endpoints = json!({});
    for (service, front) in open.iter() {
        let instance = front.instance.borrow();
        endpoints[format!("https://{}", services::host(service))] = json!({
            "service": service,
            "url": format!("http://127.0.0.1:{}", front.port),
            "revision": instance.as_ref().map(|instance| &instance.revision),
            "pid": instance.as_ref().map(|instance| instance.container.pid()),
            "log": instance.as_ref().map(|instance| instance.container.log()),
        });
    }
    endpoints
}

/// Opens the front end of a service on the port that it keeps; an open one is left as it is.
pub(super) async fn open(cloud: &Arc<Cloud>, service: &str) -> Result<(), Failure> {
    if cloud.fronts.get(service).is_some() {
        return Ok(());
    }
    let port = cloud.ports.allocate(service).await.map_err(Failure::internal)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| Failure::internal(format!("cannot listen on port {port} for {service}: {error}")))?;
    let (instance, _) = watch::channel(None);
    let task = tokio::spawn(accept(Arc::clone(cloud), service.to_owned(), listener));
    let front = Front { port, instance, listener: task.abort_handle() };
    cloud
        .fronts
        .open
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(service.to_owned(), Arc::new(front));
    Ok(())
}

/// Sends the traffic of a service to another process and ends the one before.
pub(super) async fn switch(
    cloud: &Arc<Cloud>,
    service: &str,
    revision: &str,
    container: Container,
    port: u16,
) {
    let Some(front) = cloud.fronts.get(service) else { return };
    let instance = Instance { revision: revision.to_owned(), container, port };
    let before = front.instance.send_replace(Some(instance.clone()));
    if let Some(before) = before {
        end(&before.container).await;
    }
    tokio::spawn(supervise(Arc::clone(cloud), service.to_owned(), instance));
}

async fn end(container: &Container) {
    if let Err(error) = container.stop(GRACE).await {
        tracing::warn!(container = container.id(), %error, "cannot stop a container");
    }
}

/// Closes the front end of a deleted service, ends its process and gives its ports back.
pub(super) async fn close(cloud: &Arc<Cloud>, service: &str) -> Result<(), Failure> {
    let front = cloud.fronts.open.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    if let Some(front) = front {
        front.listener.abort();
        if let Some(instance) = front.instance.send_replace(None) {
            end(&instance.container).await;
        }
    }
    for owner in [service.to_owned(), slot(service, 0), slot(service, 1)] {
        cloud.ports.release(&owner).await?;
    }
    Ok(())
}

/// Closes all front ends; processes are ended by whoever shuts down.
pub(crate) fn close_all(cloud: &Cloud) {
    cloud.fronts.closing.store(true, Ordering::Release);
    let mut open = cloud.fronts.open.lock().unwrap_or_else(PoisonError::into_inner);
    for front in open.values() {
        front.listener.abort();
    }
    open.clear();
}

/// The owner of one of the two ports that a service's processes use in turn.
fn slot(service: &str, number: u8) -> String {
    format!("{service}#{number}")
}

/// A port for a new process of a service: not the one of the process that still runs.
pub(super) async fn process_port(cloud: &Cloud, service: &str) -> Result<u16, Failure> {
    let running = cloud.fronts.process_port(service);
    let mut last = None;
    for number in [0, 1] {
        match cloud.ports.allocate(&slot(service, number)).await {
            Ok(port) if Some(port) != running => return Ok(port),
            Ok(_) => {}
            Err(error) => last = Some(error),
        }
    }
    // Another program has taken a port of ours while we were away: take a new one.
    let free = if running.is_none() { 0 } else { 1 };
    cloud.ports.release(&slot(service, free)).await?;
    match cloud.ports.allocate(&slot(service, free)).await {
        Ok(port) if Some(port) != running => Ok(port),
        Ok(port) => Err(Failure::internal(format!("port {port} is still in use"))),
        Err(error) => Err(Failure::internal(last.unwrap_or(error))),
    }
}

/// Starts an instance again when it ends by itself.
async fn supervise(cloud: Arc<Cloud>, service: String, mut instance: Instance) {
    let mut pause = FIRST_PAUSE;
    loop {
        let exit = instance.container.wait().await;
        let Some(front) = cloud.fronts.get(&service) else { return };
        let ours = |current: &Option<Instance>| {
            current.as_ref().is_some_and(|current| current.container.id() == instance.container.id())
        };
        // `send_if_modified` looks and changes in one step: a switch in between wins.
        let was_ours = front.instance.send_if_modified(|current| {
            let was_ours = ours(current);
            if was_ours {
                *current = None;
            }
            was_ours
        });
        if !was_ours || cloud.fronts.closing.load(Ordering::Acquire) {
            return;
        }
        tracing::warn!(service, ?exit, "an instance ended; starting another");
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let lock = cloud.lock(&resource(&service));
            let _turn = lock.lock().await;
            // A deployment may have taken over while we waited for our turn.
            if cloud.fronts.closing.load(Ordering::Acquire) || front.instance.borrow().is_some() {
                return;
            }
            if cloud.fronts.get(&service).is_none() {
                return;
            }
            match revisions::start(&cloud, &service, &instance.revision).await {
                Ok((container, port)) => {
                    instance = Instance { revision: instance.revision, container, port };
                    front.instance.send_replace(Some(instance.clone()));
                    break;
                }
                Err(failure) => tracing::warn!(service, %failure, "cannot start an instance"),
            }
        }
    }
}

async fn accept(cloud: Arc<Cloud>, service: String, listener: TcpListener) {
    // The set ends its connections when this task is aborted.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (cloud, service) = (Arc::clone(&cloud), service.clone());
        connections.spawn(async move {
            let handler = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let (cloud, service) = (Arc::clone(&cloud), service.clone());
                async move { Ok::<_, Infallible>(answer(&cloud, &service, peer, request.map(Body::new)).await) }
            });
            let served =
                Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), handler).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection to a service ended");
            }
        });
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{message}\n")));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    response
}

async fn answer(cloud: &Cloud, service: &str, peer: SocketAddr, request: Request<Body>) -> Response<Body> {
    let Some(body) = cloud.store.services.get(service) else {
        return refuse(StatusCode::NOT_FOUND, "The requested service was not found on this server.");
    };
    if !may_invoke(cloud, service, &body, request.headers()) {
        let message = format!(
            "Error: Forbidden. Your client does not have permission to get URL {} from this server.",
            request.uri().path()
        );
        return refuse(StatusCode::FORBIDDEN, &message);
    }
    if cloud.request_limit && exceeds_limit(&request) {
        return refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Error: Request Entity Too Large. Your client issued a request that was too large.",
        );
    }
    let Some(front) = cloud.fronts.get(service) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    };
    let mut instances = front.instance.subscribe();
    let Some(port) = ready_port(&mut instances).await else {
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "The request was aborted because there was no available instance.",
        );
    };
    let host = services::host(service);
    let own = format!("http://127.0.0.1:{}", front.port);
    let Some(request) = forwarded(request, peer, port, &host, front.port) else {
        return refuse(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let limit = text(&body, "template.timeout").and_then(seconds).unwrap_or(Duration::from_secs(300));
    match tokio::time::timeout(limit, cloud.fronts.client.request(request)).await {
        Err(_) => refuse(StatusCode::GATEWAY_TIMEOUT, "upstream request timeout"),
        Ok(Err(error)) => {
            tracing::warn!(service, %error, "a request failed");
            refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream connect error or disconnect/reset before headers",
            )
        }
        Ok(Ok(response)) => returned(response.map(Body::new), &host, &own),
    }
}

/// The port of the instance, once there is one.
async fn ready_port(instances: &mut watch::Receiver<Option<Instance>>) -> Option<u16> {
    let instance = tokio::time::timeout(PATIENCE, instances.wait_for(Option::is_some)).await.ok()?.ok()?;
    instance.as_ref().map(|instance| instance.port)
}

fn may_invoke(cloud: &Cloud, service: &str, body: &Value, headers: &HeaderMap) -> bool {
    if body["invokerIamDisabled"] == true {
        return true;
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if token == Some(cloud.token.as_str()) {
        return true;
    }
    let project = service.split('/').nth(1).unwrap_or_default();
    policies::grants(cloud, &[resource(service), projects::resource(project)], &INVOKERS, "allUsers")
}
