//! What the provider is told when it is made.

use std::fmt;
use std::sync::Arc;

use mlflow_host_gcp_api::kinds::Kinds;
use mlflow_host_graph::AssetDigest;

use crate::credentials::TokenSource;

/// Where the APIs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// Google's own: `https://{service}/…`.
    Google,
    /// One server for all: `{base}/{service}/…`, e.g., the local cloud. Without a trailing slash.
    Prefix(String),
}

impl Endpoints {
    /// The address of a path (without leading slash) of a service, e.g., `run.googleapis.com`.
    pub(crate) fn address(&self, service: &str, path: &str) -> String {
        match self {
            Self::Google => format!("https://{service}/{path}"),
            Self::Prefix(base) => format!("{}/{service}/{path}", base.trim_end_matches('/')),
        }
    }
}

/// How the provider proves who it is.
#[derive(Clone)]
pub enum Credentials {
    /// Not at all: the local cloud asks nobody.
    None,
    /// What the environment offers: a file of application default credentials of any sort, the metadata server, gcloud.
    /// Looked for when the first request is sent.
    Environment,
    /// Anything else.
    Source(Arc<dyn TokenSource>),
}

/// The bytes behind digests that a stack refers to.
pub trait Assets: Send + Sync {
    /// The archive of that digest, if the host holds it.
    fn bytes(&self, digest: &AssetDigest) -> Option<Arc<[u8]>>;
}

/// Holds no assets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAssets;

impl Assets for NoAssets {
    fn bytes(&self, _digest: &AssetDigest) -> Option<Arc<[u8]>> {
        None
    }
}

/// Everything the provider needs to know.
#[derive(Clone)]
pub struct GcpConfig {
    /// Id of the project.
    pub project: String,
    /// Region for everything regional that names none, e.g., `europe-west1`.
    pub region: String,
    /// Number of the project, decimal, if it is known. It makes more outputs predictable.
    pub project_number: Option<String>,
    /// Name of the stack, for ownership labels.
    pub stack: String,
    /// Seed of the state, for ownership labels: lower-case letters and digits.
    pub seed: String,
    /// Where the APIs are.
    pub endpoints: Endpoints,
    /// Who is asking.
    pub credentials: Credentials,
    /// The project that quota and billing of the calls go to, when it is not the credentials' own.
    pub quota_project: Option<String>,
    /// The kinds there are.
    pub kinds: Kinds,
    /// Files to upload.
    pub assets: Arc<dyn Assets>,
    /// Refuse to send anything.
    pub offline: bool,
}

impl fmt::Debug for GcpConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GcpConfig")
            .field("project", &self.project)
            .field("region", &self.region)
            .field("stack", &self.stack)
            .field("endpoints", &self.endpoints)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}
