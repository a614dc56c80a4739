//! Where the host keeps things that belong to no stack.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// Where compiled programs are kept: `$XDG_CACHE_HOME/mlflow-host`. `None` when there is no home; then
/// nothing is kept.
pub(crate) fn cache() -> Option<PathBuf> {
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("mlflow-host"))
}

/// Where the local cloud keeps its data: `$MLFLOW_HOST_HOME/cloud`, or `$XDG_DATA_HOME/mlflow-host/cloud`.
/// For root, whose home nobody else may enter, `/var/lib/mlflow-host/cloud`: PostgreSQL refuses to run as
/// root and must reach its data as another user.
pub(crate) fn local_cloud() -> Result<PathBuf> {
    let home = || {
        if rustix::process::geteuid().is_root() {
            return Some(PathBuf::from("/var/lib"));
        }
        absolute("HOME").map(|home| home.join(".local/share"))
    };
    let base = std::env::var_os("MLFLOW_HOST_HOME")
        .filter(|value| !value.is_empty())
        .map(|path| std::path::absolute(&path).unwrap_or_else(|_| PathBuf::from(path)))
        .or_else(|| Some(absolute("XDG_DATA_HOME").or_else(home)?.join("mlflow-host")));
    base.map(|base| base.join("cloud")).ok_or_else(|| {
        Failure::new("There is no place for the local cloud's data, because HOME is not set.")
            .with_hint("Set MLFLOW_HOST_HOME to a directory.")
    })
}

/// The directory that a variable names; relative ones are ignored, as the XDG rules ask.
fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| Path::is_absolute(path))
}
