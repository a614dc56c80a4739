//! Files of credentials, with servers that exchange them.

use std::collections::BTreeMap;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

#[test]
fn each_place_has_a_type_that_is_for_gcp_auth() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials.json");
    let is_foreign = |content: &str, known: &str| {
        std::fs::write(&file, content).unwrap();
        foreign_credentials(&file, known).is_some()
    };
    assert!(is_foreign(r#"{"type": "external_account"}"#, "service_account"));
    assert!(is_foreign(r#"{"type": "authorized_user"}"#, "service_account"));
    assert!(is_foreign(r#"{"type": "impersonated_service_account"}"#, "authorized_user"));
    assert!(!is_foreign(r#"{"type": "service_account"}"#, "service_account"));
    assert!(!is_foreign(r#"{"type": "authorized_user"}"#, "authorized_user"));
    assert!(!is_foreign("{}", "service_account"));
    assert!(!is_foreign("nothing", "service_account"));
    assert!(foreign_credentials(Path::new("missing"), "service_account").is_none());
}

#[test]
fn what_no_library_reads_is_for_gcloud() {
    let content = json!({"type": "external_account_authorized_user"});
    assert!(exchanged(Path::new("credentials.json"), &content).unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_lacks_something_is_named() {
    let error = exchanged(Path::new("credentials.json"), &json!({"type": "external_account"})).err().unwrap();
    assert!(error.to_string().contains("credentials.json holds no usable credentials: "), "{error}");
    assert!(error.to_string().contains("audience"), "{error}");
}

/// What the servers were asked for: a name, and what came with it.
type Asked = (&'static str, Json);

/// The servers of a CI system and of Google: identity, exchange, impersonation. Their address, and what they are asked.
async fn servers() -> (String, UnboundedReceiver<Asked>) {
    type Log = UnboundedSender<Asked>;
    // As installed by the host's program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bearer =
        |headers: &HeaderMap| headers.get("authorization").and_then(|it| it.to_str().ok()).map(str::to_owned);
    let identity = async move |State(log): State<Log>,
                               headers: HeaderMap,
                               Query(query): Query<BTreeMap<String, String>>| {
        log.send(("identity", json!([bearer(&headers), query]))).unwrap();
        Body(json!({"value": "who-the-job-is"}))
    };
    let exchange = async |State(log): State<Log>, Form(form): Form<BTreeMap<String, String>>| {
        let is_known = form["subject_token"] == "who-the-job-is";
        log.send(("exchange", json!(form))).unwrap();
        match is_known {
            true => Ok(Body(json!({
                "access_token": "federated", "token_type": "Bearer", "expires_in": 3600,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            }))),
            false => Err((StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#)),
        }
    };
    let impersonate = async move |State(log): State<Log>, headers: HeaderMap, Body(body): Body<Json>| {
        log.send(("impersonate", json!([bearer(&headers), body["scope"]]))).unwrap();
        Body(json!({"accessToken": "keyless", "expireTime": "2999-01-01T00:00:00Z"}))
    };
    let (log, asked) = unbounded_channel();
    let router = Router::new()
        .route("/identity", get(identity))
        .route("/v1/token", post(exchange))
        .route("/v1/projects/-/serviceAccounts/{account}", post(impersonate))
        .with_state(log);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, asked)
}

/// The file as `google-github-actions/auth` writes it, but for the servers' addresses.
fn keyless(servers: &str) -> Json {
    json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/github",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{servers}/v1/token"),
        "service_account_impersonation_url":
            format!("{servers}/v1/projects/-/serviceAccounts/apply@a-project.iam.gserviceaccount.com:generateAccessToken"),
        "credential_source": {
            "url": format!("{servers}/identity?api-version=2.0&audience=google"),
            "headers": {"Authorization": "Bearer of-the-job"},
            "format": {"type": "json", "subject_token_field_name": "value"},
        },
    })
}

#[tokio::test]
async fn a_job_without_a_key_gets_the_token_of_a_service_account() {
    let (address, mut asked) = servers().await;
    let source = exchanged(Path::new("credentials.json"), &keyless(&address)).unwrap().unwrap();
    assert_eq!(source.token().await.unwrap().as_deref(), Some("keyless"));
    // It is kept, rather than asked for once more.
    assert_eq!(source.token().await.unwrap().as_deref(), Some("keyless"));
    let mut next = || asked.try_recv().unwrap();
    assert_eq!(
        next(),
        ("identity", json!(["Bearer of-the-job", {"api-version": "2.0", "audience": "google"}]))
    );
    let (name, form) = next();
    assert_eq!((name, &form["subject_token"]), ("exchange", &json!("who-the-job-is")));
    assert_eq!(form["audience"], keyless(&address)["audience"]);
    assert_eq!(next(), ("impersonate", json!(["Bearer federated", SCOPES])));
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn a_token_can_come_from_a_file_and_belong_to_the_job_itself() {
    let (address, mut asked) = servers().await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "who-the-job-is").unwrap();
    let mut file = keyless(&address);
    file["credential_source"] = json!({"file": token});
    file.as_object_mut().unwrap().remove("service_account_impersonation_url");
    let source = exchanged(Path::new("credentials.json"), &file).unwrap().unwrap();
    assert_eq!(source.token().await.unwrap().as_deref(), Some("federated"));
    let (name, form) = asked.try_recv().unwrap();
    assert_eq!((name, &form["scope"]), ("exchange", &json!(SCOPES[0])));

    std::fs::write(&token, "somebody-else").unwrap();
    let source = exchanged(Path::new("credentials.json"), &file).unwrap().unwrap();
    let error = source.token().await.unwrap_err().to_string();
    assert!(error.starts_with("no access token for Google Cloud: "), "{error}");
    assert!(error.contains("invalid_grant"), "{error}");
}
