//! The environment of build steps and containers: the image's own, with its paths made real.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `PATH` of an image that sets none.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin";

/// Variables of the caller that reach build steps: how to get at packages, never what to build.
const CALLER: [&str; 12] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// `PATH` for a process: the Python environment first, then each of the image's directories, as it
/// is inside `root` where it exists there, and as it is on the machine.
pub(crate) fn search_path(image_path: Option<&str>, root: &Path, python: &Path) -> OsString {
    let mut directories = vec![python.join("bin")];
    for directory in std::env::split_paths(image_path.unwrap_or(DEFAULT_PATH)) {
        let inside = within(root, &directory);
        if inside.is_dir() {
            directories.push(inside);
        }
        directories.push(directory);
    }
    // Joining fails only for a directory with a colon in it, which cannot be on a path at all.
    std::env::join_paths(&directories).unwrap_or_else(|_| python.join("bin").into_os_string())
}

/// An absolute path of the image as it is inside `root`.
pub(crate) fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// What a build step inherits: proxies, certificates, and the settings and cache of pip.
pub(super) fn inherited() -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os()
        .filter(|(name, _)| {
            name.to_str().is_some_and(|name| name.starts_with("PIP_") || CALLER.contains(&name))
        })
        .collect();
    // HOME is another one in there, so what pip would find through it is named.
    variables.entry("PIP_CACHE_DIR".into()).or_insert_with(|| pip_cache().into_os_string());
    if let Some(configuration) = pip_configuration() {
        variables.entry("PIP_CONFIG_FILE".into()).or_insert_with(|| configuration.into_os_string());
    }
    variables
}

/// The directory that keeps downloaded packages from one build to the next.
pub(super) fn pip_cache() -> PathBuf {
    std::env::var_os("PIP_CACHE_DIR")
        .map_or_else(|| user_directory("XDG_CACHE_HOME", ".cache").join("pip"), PathBuf::from)
}

fn pip_configuration() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    [user_directory("XDG_CONFIG_HOME", ".config").join("pip/pip.conf"), home.join(".pip/pip.conf")]
        .into_iter()
        .find(|path| path.is_file())
}

fn user_directory(variable: &str, below_home: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from).join(below_home),
        PathBuf::from,
    )
}
