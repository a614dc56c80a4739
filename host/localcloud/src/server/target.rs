//! Which API a request is for: by absolute address or Host header, by path prefix, or by the root
//! paths that clients of `STORAGE_EMULATOR_HOST` use.

use axum::http::{HeaderMap, Uri, header};

/// How the API was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `http://run.googleapis.com/v2/…`, through a proxy or a Host header.
    Host,
    /// `/run.googleapis.com/v2/…`.
    Prefix,
    /// `/storage/v1/…`.
    Root,
}

impl Mode {
    /// For the request log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Prefix => "prefix",
            Self::Root => "root",
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// How the API was named.
    pub(crate) mode: Mode,
    /// The API's host.
    pub(crate) host: String,
    /// The path at that host, with its leading slash.
    pub(crate) path: String,
    /// What stands before the path in addresses given to this client.
    pub(crate) origin: String,
}

/// Paths of Cloud Storage at the root.
const STORAGE: [&str; 4] =
    ["/storage/v1/", "/upload/storage/", "/resumable/upload/storage/", "/download/storage/"];

/// The target of a request; `None` for a path that belongs to no API. `scheme` is that of the
/// connection.
pub(crate) fn target(uri: &Uri, headers: &HeaderMap, scheme: &str) -> Option<Target> {
    let given = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = uri.authority().map_or(given, |authority| authority.as_str());
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let path = uri.path();
    if is_google(host) {
        return Some(Target {
            mode: Mode::Host,
            host: host.to_owned(),
            path: path.to_owned(),
            origin: format!("{scheme}://{authority}"),
        });
    }
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if is_google(first) {
        let path = path.trim_start_matches('/').get(first.len()..)?;
        return Some(Target {
            mode: Mode::Prefix,
            host: first.to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            origin: format!("{scheme}://{authority}/{first}"),
        });
    }
    STORAGE.iter().any(|prefix| path.starts_with(prefix)).then(|| Target {
        mode: Mode::Root,
        host: "storage.googleapis.com".to_owned(),
        path: path.to_owned(),
        origin: format!("{scheme}://{authority}"),
    })
}

/// Whether a host is one of Google's APIs.
pub(super) fn is_google(host: &str) -> bool {
    host.ends_with(".googleapis.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uri: &str, host: &str) -> String {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        match target(&uri.parse().unwrap(), &headers, "http") {
            None => "nothing".to_owned(),
            Some(target) => {
                format!("{} {} {} {}", target.mode.name(), target.host, target.path, target.origin)
            }
        }
    }

    #[test]
    fn the_three_ways_to_name_an_api() {
        let lines = [
            found("http://run.googleapis.com/v2/x", "run.googleapis.com"),
            found("/v2/x", "run.googleapis.com:443"),
            found("/run.googleapis.com/v2/x?y=z", "127.0.0.1:8080"),
            found("/run.googleapis.com", "127.0.0.1:8080"),
            found("/storage/v1/b", "127.0.0.1:8080"),
            found("/resumable/upload/storage/v1/b/x/o", "127.0.0.1:8080"),
            found("/v2/x", "127.0.0.1:8080"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        host run.googleapis.com /v2/x http://run.googleapis.com
        host run.googleapis.com /v2/x http://run.googleapis.com:443
        prefix run.googleapis.com /v2/x http://127.0.0.1:8080/run.googleapis.com
        prefix run.googleapis.com / http://127.0.0.1:8080/run.googleapis.com
        root storage.googleapis.com /storage/v1/b http://127.0.0.1:8080
        root storage.googleapis.com /resumable/upload/storage/v1/b/x/o http://127.0.0.1:8080
        nothing
        ");
    }
}
