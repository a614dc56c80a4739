//! Requests and responses, as each side of a front end sees them.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderName, HeaderValue, Request, Response, Uri, header};

use crate::common::identifiers;

/// Longest request body that Cloud Run takes over HTTP/1, in bytes.
const HTTP1_LIMIT: u64 = 32 * 1024 * 1024;

/// Cloud Run refuses long bodies over HTTP/1. A body without a length is let through.
pub(super) fn exceeds_limit(request: &Request<Body>) -> bool {
    request.version() < axum::http::Version::HTTP_2
        && request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
            .is_some_and(|length| length > HTTP1_LIMIT)
}

/// Headers that belong to one connection.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// The request as the process sees it.
pub(super) fn forwarded(
    request: Request<Body>,
    peer: SocketAddr,
    port: u16,
    host: &str,
    own: u16,
) -> Option<Request<Body>> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned();
    let mut uri = parts.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(format!("127.0.0.1:{port}").parse::<Authority>().ok()?);
    uri.path_and_query = path.or_else(|| Some(axum::http::uri::PathAndQuery::from_static("/")));
    parts.uri = Uri::from_parts(uri).ok()?;
    parts.version = axum::http::Version::HTTP_11;
    let headers = &mut parts.headers;
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    let client = peer.ip().to_string();
    let chain = match headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()) {
        Some(before) => format!("{before},{client}"),
        None => client.clone(),
    };
    headers.insert(header::HOST, host.parse().ok()?);
    headers.insert("x-forwarded-for", chain.parse().ok()?);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert(header::FORWARDED, format!("for=\"{client}\";proto=https").parse().ok()?);
    let trace = identifiers::uuid().replace('-', "");
    headers
        .entry(HeaderName::from_static("x-cloud-trace-context"))
        .or_insert(format!("{trace}/1;o=0").parse().ok()?);
    // A page loaded from our port has our origin; the process must see its own.
    let ours = [format!("http://127.0.0.1:{own}"), format!("http://localhost:{own}")];
    if headers.get(header::ORIGIN).is_some_and(|origin| ours.iter().any(|own| origin == own.as_str())) {
        headers.insert(header::ORIGIN, format!("https://{host}").parse().ok()?);
    }
    Some(Request::from_parts(parts, body))
}

/// The response as the client sees it: redirects to the service lead to our port.
pub(super) fn returned(mut response: Response<Body>, host: &str, own: &str) -> Response<Body> {
    for name in HOP_BY_HOP {
        response.headers_mut().remove(name);
    }
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let rest = location.and_then(|location| {
        [format!("https://{host}"), format!("http://{host}")]
            .iter()
            .find_map(|prefix| location.strip_prefix(prefix.as_str()).map(str::to_owned))
    });
    if let Some(Ok(value)) = rest.map(|rest| HeaderValue::from_str(&format!("{own}{rest}"))) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    *response.version_mut() = axum::http::Version::HTTP_11;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_sees_the_world_as_on_cloud_run() {
        let request = Request::get("/a?b=c")
            .header("host", "127.0.0.1:18000")
            .header("origin", "http://127.0.0.1:18000")
            .header("connection", "close")
            .header("x-cloud-trace-context", "t/1;o=0")
            .body(Body::empty())
            .unwrap();
        let peer = "127.0.0.1:5".parse().unwrap();
        let request = forwarded(request, peer, 18001, "s-1.r.run.app", 18000).unwrap();
        let mut lines: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines.insert(0, request.uri().to_string());
        insta::assert_snapshot!(lines.join("\n"), @r#"
        http://127.0.0.1:18001/a?b=c
        forwarded: for="127.0.0.1";proto=https
        host: s-1.r.run.app
        origin: https://s-1.r.run.app
        x-cloud-trace-context: t/1;o=0
        x-forwarded-for: 127.0.0.1
        x-forwarded-proto: https
        "#);
    }

    #[test]
    fn redirects_lead_back_to_the_loopback_port() {
        let response =
            Response::builder().header("location", "https://h.run.app/x").body(Body::empty()).unwrap();
        let response = returned(response, "h.run.app", "http://127.0.0.1:18000");
        assert_eq!(response.headers()["location"], "http://127.0.0.1:18000/x");
    }

    #[test]
    fn the_limit_counts_for_http_1_only() {
        let mut request =
            Request::post("/").header("content-length", HTTP1_LIMIT + 1).body(Body::empty()).unwrap();
        assert!(exceeds_limit(&request));
        *request.version_mut() = axum::http::Version::HTTP_2;
        assert!(!exceeds_limit(&request));
    }
}
