//! Keeps a lease renewed while a run goes on, and gives it back at the end, however the run ends.

use std::sync::Arc;
use std::time::Duration;

use mlflow_host_engine::Guard;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::AbortHandle;

use super::lease::Lease;

/// A lock that is not given back in this time expires by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// A held lease.
pub(super) struct LeaseGuard {
    lease: Arc<Lease>,
    heartbeat: AbortHandle,
}

impl Guard for LeaseGuard {}

impl LeaseGuard {
    /// Begins to renew a lease.
    pub(super) fn new(lease: Arc<Lease>) -> Self {
        let kept = Arc::clone(&lease);
        let heartbeat = tokio::spawn(async move { kept.keep().await }).abort_handle();
        Self { lease, heartbeat }
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.heartbeat.abort();
        let lease = Arc::clone(&self.lease);
        let release = async move {
            match tokio::time::timeout(PATIENCE, lease.release()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the lock stays until it expires"),
                Err(_) => tracing::warn!("the lock stays until it expires: the bucket does not answer"),
            }
        };
        let Ok(runtime) = Handle::try_current() else { return };
        match runtime.runtime_flavor() {
            // The process may end right after this.
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| runtime.block_on(release)),
            _ => drop(runtime.spawn(release)),
        }
    }
}
