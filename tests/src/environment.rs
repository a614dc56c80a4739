//! Where things are in this repository.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// The host's binary, which is beside this one: Cargo builds no binary of another package for a test.
///
/// # Errors
/// When it has not been built.
pub fn host() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let directory = test.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let host =
        std::env::var_os("MLFLOW_HOST_BINARY").map_or_else(|| directory.join("mlflow-host"), PathBuf::from);
    ensure!(host.is_file(), "{} is missing: run `make build`", host.display());
    Ok(host)
}
