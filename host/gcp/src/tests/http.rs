//! The real transport and the client's retries, against a small server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::json;

use super::config;
use crate::client::{Call, Client};
use crate::credentials::LocalToken;
use crate::{Credentials, Endpoints, GcpConfig};

async fn serve(router: Router) -> GcpConfig {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    GcpConfig {
        endpoints: Endpoints::Prefix(base),
        credentials: Credentials::Source(Arc::new(LocalToken(Some("secret-token")))),
        quota_project: Some("billing".into()),
        ..config()
    }
}

#[tokio::test]
async fn a_call_carries_who_asks_and_is_repeated_where_that_is_safe() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let answer = move |headers: HeaderMap| {
        let count = counted.fetch_add(1, Ordering::SeqCst);
        let said = move |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned()
        };
        async move {
            match count {
                0 => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    json!({"error": {"code": 503, "message": "later"}}).to_string(),
                ),
                _ => (
                    StatusCode::OK,
                    json!({"who": said("authorization"), "pays": said("x-goog-user-project")}).to_string(),
                ),
            }
        }
    };
    let failing = Arc::new(AtomicUsize::new(0));
    let failed = failing.clone();
    let fail = move || {
        failed.fetch_add(1, Ordering::SeqCst);
        async { (StatusCode::INTERNAL_SERVER_ERROR, "boom") }
    };
    let router = Router::new()
        .route("/run.googleapis.com/v2/thing", get(answer))
        .route("/run.googleapis.com/v2/once", post(fail));
    let config = serve(router).await;
    let client = Client::new(&config);

    let answer = client.json(&Call::new("run.googleapis.com", "GET", "v2/thing")).await.unwrap();
    assert_eq!(answer, json!({"who": "Bearer secret-token", "pays": "billing"}));
    assert_eq!(count.load(Ordering::SeqCst), 2);

    let once = Call::new("run.googleapis.com", "POST", "v2/once").json(json!({}));
    let error = client.json(&once).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    assert_eq!(failing.load(Ordering::SeqCst), 1, "a creation without a name may have had its effect");
}

#[tokio::test]
async fn retry_after_is_respected_and_a_long_one_is_handed_on() {
    let router = Router::new().route(
        "/run.googleapis.com/v2/busy",
        get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "300")], "busy") }),
    );
    let config = serve(router).await;
    let client = Client::new(&config);
    let error = client.json(&Call::new("run.googleapis.com", "GET", "v2/busy")).await.unwrap_err();
    let crate::error::CallError::NotYet { after, .. } = error else { panic!("{error}") };
    assert_eq!(after.as_secs(), 300);
}

#[tokio::test]
async fn nobody_there_is_said_plainly() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = GcpConfig { endpoints: Endpoints::Prefix(format!("http://{free}")), ..config() };
    let transport = crate::transport::Http::default();
    let request = crate::transport::Outgoing {
        verb: "GET",
        address: config.endpoints.address("run.googleapis.com", "v2/x"),
        headers: Vec::new(),
        body: Vec::new(),
        deadline: std::time::Duration::from_secs(5),
    };
    let error = crate::transport::Transport::send(&transport, request).await.unwrap_err();
    assert!(error.unsent && error.cause.contains("refused"), "{error:?}");

    let offline = Client::new(&GcpConfig { offline: true, ..config });
    let error = offline.json(&Call::new("run.googleapis.com", "GET", "v2/x")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this run is offline, so nothing can be read from or sent to run.googleapis.com"
    );
}
