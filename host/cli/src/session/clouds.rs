//! Which cloud, where it is, and the provider for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use mlflow_host_engine::{Provider, Standard, State};
use mlflow_host_gcp::{Assets, Credentials, Endpoints, GcpConfig, GcpProvider};
use mlflow_host_graph::{AssetDigest, Graph};
use mlflow_host_localcloud::{Daemon, DaemonError, Status};

use super::stacks::OtherStacks;
use crate::config::{Cloud, StackConfig};
use crate::failure::{Failure, Result};
use crate::places;
use crate::render::Reporter;

/// The archives of a graph.
struct GraphAssets(BTreeMap<AssetDigest, Arc<[u8]>>);

impl Assets for GraphAssets {
    fn bytes(&self, digest: &AssetDigest) -> Option<Arc<[u8]>> {
        self.0.get(digest).cloned()
    }
}

/// Whether a stack goes to the local cloud.
pub(super) fn is_local(config: &StackConfig) -> bool {
    config.cloud == Cloud::Local
}

/// What tells the local cloud from others; `None` for Google, and for one that has never run.
pub(super) fn identity(config: &StackConfig) -> Option<String> {
    Daemon::identity(&places::local_cloud().ok().filter(|_| is_local(config))?)
}

/// This program, which also serves the local cloud.
pub(crate) fn own_program() -> Result<PathBuf> {
    std::env::current_exe()
        .map_err(|error| Failure::new(format!("The host cannot find its own program: {error}.")))
}

/// The address of the local cloud, started if `start` says so; `None` for Google, and for a local cloud
/// that does not run.
pub(super) async fn endpoint(
    config: &StackConfig,
    start: bool,
    reporter: &dyn Reporter,
) -> Result<Option<String>> {
    if !is_local(config) {
        return Ok(None);
    }
    let directory = places::local_cloud()?;
    let failed = |error: DaemonError| {
        Failure::new(format!("The local cloud is not available: {error}"))
            .with_hint("See `mlflow-host cloud status`.")
    };
    match Daemon::status(&directory).await.map_err(failed)? {
        Status::Running(endpoint) => return Ok(Some(endpoint.base_url)),
        Status::Stopped | Status::Starting(_) if !start => return Ok(None),
        Status::Stopped => reporter.notice("Starting the local cloud."),
        Status::Starting(_) => reporter.notice("Waiting for the local cloud, which is starting."),
    }
    let started = Daemon::ensure_started(&directory, &own_program()?).await.map_err(failed)?;
    Ok(Some(started.base_url))
}

/// The provider: Google's kinds behind the standard ones.
pub(super) fn provider(
    config: &StackConfig,
    state: &State,
    graph: &Graph,
    endpoint: Option<&str>,
    online: bool,
) -> Box<dyn Provider> {
    let archives =
        graph.assets.iter().map(|(digest, asset)| (digest.clone(), Arc::from(asset.archive.as_slice())));
    let (endpoints, credentials) = match endpoint {
        Some(endpoint) => (Endpoints::Prefix(endpoint.to_owned()), Credentials::None),
        None => (Endpoints::Google, Credentials::Environment),
    };
    let provider = GcpProvider::new(GcpConfig {
        project: config.project.clone(),
        region: config.region.clone(),
        project_number: None,
        stack: config.stack.clone(),
        seed: state.seed.clone(),
        endpoints,
        credentials,
        quota_project: None,
        kinds: config.kinds,
        assets: Arc::new(GraphAssets(archives.collect())),
        offline: !online,
    });
    Box::new(Standard::new(provider).with_stacks(Arc::new(OtherStacks::new(config, endpoint))))
}
