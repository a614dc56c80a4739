//! One local cloud: its memory, its data planes, its settings. What services are handed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::latency::Latency;
use crate::common::mishap::Late;
use crate::common::operations::{Operation, Operations};
use crate::data::containers::Containers;
use crate::data::file::{Context as _, FileError};
use crate::data::images::Images;
use crate::data::objects::Objects;
use crate::data::ports::Ports;
use crate::data::postgres::Clusters;
use crate::data::process::Processes;
use crate::services;
use crate::services::run::fronts::Fronts;
use crate::store::Store;

/// Why a local cloud could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Objects.
    #[error("cannot open the buckets: {0}")]
    Objects(#[from] crate::data::objects::ObjectError),
    /// Images.
    #[error("cannot open the images: {0}")]
    Images(#[from] crate::data::images::ImageError),
    /// Containers.
    #[error("cannot open the containers: {0}")]
    Containers(#[from] crate::data::containers::ContainerError),
    /// Clusters.
    #[error("cannot open the PostgreSQL clusters: {0}")]
    Postgres(#[from] crate::data::postgres::PostgresError),
}

/// What can be chosen about a local cloud.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    /// How long operations take.
    pub(crate) latency: Latency,
    /// Whether front ends refuse bodies of more than 32 MiB over HTTP/1.
    pub(crate) request_limit: bool,
}

/// One local cloud.
#[derive(Debug)]
pub(crate) struct Cloud {
    /// Where everything is kept.
    pub(crate) directory: PathBuf,
    /// Resources of the control plane.
    pub(crate) store: Store,
    /// Long-running operations.
    pub(crate) operations: Operations,
    /// Cloud Storage's contents.
    pub(crate) objects: Objects,
    /// Images and their registry.
    pub(crate) images: Images,
    /// Running containers.
    pub(crate) containers: Containers,
    /// PostgreSQL clusters.
    pub(crate) clusters: Clusters,
    /// Stable ports.
    pub(crate) ports: Ports,
    /// Front ends of Cloud Run services.
    pub(crate) fronts: Fronts,
    /// Effects that were asked to show late.
    pub(crate) late: Late,
    /// How long operations take.
    pub(crate) latency: Latency,
    /// Whether front ends refuse long bodies over HTTP/1, as Google's do.
    pub(crate) request_limit: bool,
    /// A bearer token that stands for the owner of every project.
    pub(crate) token: String,
    /// Held from drawing an address until it is recorded.
    pub(crate) drawing: Mutex<()>,
    base_url: OnceLock<String>,
    locks: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Cloud {
    /// Opens the local cloud in `directory`, creating what is missing.
    pub(crate) async fn open(directory: &Path, settings: Settings) -> Result<Arc<Self>, OpenError> {
        std::fs::create_dir_all(directory).context("create", directory)?;
        let control = directory.join("control");
        std::fs::create_dir_all(&control).context("create", &control)?;
        private(&control)?;
        let processes = Processes::open(directory.join("processes")).await?;
        let containers = Containers::open(directory.join("containers"), processes.clone()).await?;
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            store: Store::open(&control)?,
            operations: Operations::open(&control)?,
            objects: Objects::open(directory.join("objects")).await?,
            images: Images::open(directory.join("images"), processes.clone()).await?,
            clusters: Clusters::open(directory.join("postgres"), processes).await?,
            containers,
            ports: Ports::open(directory).await?,
            fronts: Fronts::default(),
            late: Late::default(),
            latency: settings.latency,
            request_limit: settings.request_limit,
            token: token(directory)?,
            drawing: Mutex::default(),
            base_url: OnceLock::new(),
            locks: Mutex::default(),
        }))
    }

    /// The address of the server, without a trailing slash: `http://127.0.0.1:8080`.
    pub(crate) fn base_url(&self) -> &str {
        self.base_url.get().map_or("", String::as_str)
    }

    /// Says at which address the server listens.
    pub(crate) fn listens_at(&self, base_url: String) {
        // Set once, by the server that owns this cloud; a second call changes nothing.
        let _ = self.base_url.set(base_url);
    }

    /// A lock of its own for each `name`: work on one resource is done in turn.
    pub(crate) fn lock(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(name.to_owned()).or_default().clone()
    }

    /// The id of a project given by id or number. Every project exists; ids are noted when seen.
    pub(crate) fn project(&self, name: &str) -> Result<String, ApiError> {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let known = self.store.projects.get(name);
            return Ok(known
                .and_then(|project| Some(project["projectId"].as_str()?.to_owned()))
                .unwrap_or_else(|| name.to_owned()));
        }
        let number = identifiers::project_number(name);
        if !self.store.projects.contains(&number) {
            self.store.projects.put(
                &number,
                json!({
                    "projectNumber": number,
                    "projectId": name,
                    "lifecycleState": "ACTIVE",
                    "name": name,
                    "createTime": crate::common::clock::now(),
                }),
            )?;
        }
        Ok(name.to_owned())
    }

    /// Whether a service account exists: one that was created, or one that Google manages.
    pub(crate) fn account_exists(&self, email: &str) -> bool {
        let Some((_, domain)) = email.split_once('@') else { return false };
        match domain.strip_suffix(".iam.gserviceaccount.com") {
            Some(project) if !project.starts_with("gcp-sa-") && !project.ends_with("-prod") => {
                let name = format!("projects/{project}/serviceAccounts/{email}");
                self.store.accounts.contains(&name) && !self.late.hides(&name)
            }
            Some(_) => crate::services::usage::agent_exists(self, email),
            None => domain.ends_with("gserviceaccount.com"),
        }
    }

    /// Records an operation and does its work in the background.
    pub(crate) fn begin(self: &Arc<Self>, operation: Operation) -> Result<Operation, ApiError> {
        self.operations.insert(&operation)?;
        if operation.outcome.is_none() {
            self.carry_out(operation.clone());
        }
        Ok(operation)
    }

    /// Does the work of an operation in the background.
    pub(crate) fn carry_out(self: &Arc<Self>, operation: Operation) {
        let cloud = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(cloud.latency.delay(&operation.service, &operation.action)).await;
            let result = match operation.fault.failure.clone() {
                Some(failure) if !operation.fault.takes_effect => {
                    services::abandon(&cloud, &operation, &failure);
                    Err(failure)
                }
                _ => services::settle(&cloud, &operation).await,
            };
            if let Err(failure) = &result {
                tracing::warn!(operation = operation.name, %failure, "operation failed");
            }
            if let Err(error) = cloud.operations.finish(&operation, result) {
                tracing::error!(operation = operation.name, %error, "cannot record the end of an operation");
            }
        });
    }

    /// Adds a resource under a name that is not taken; `taken` is the refusal otherwise.
    pub(crate) fn create(
        collection: &crate::store::Collection<Value>,
        name: &str,
        body: Value,
        taken: impl FnOnce() -> ApiError,
    ) -> Result<(), ApiError> {
        if collection.create(name, body)? { Ok(()) } else { Err(taken()) }
    }
}

/// Keeps others on the machine out of a directory that holds secrets.
fn private(directory: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).context("restrict", directory)
}

/// The token kept in `directory`, made at the first start.
fn token(directory: &Path) -> Result<String, FileError> {
    let path = directory.join("token");
    if let Ok(token) = std::fs::read_to_string(&path)
        && !token.trim().is_empty()
    {
        return Ok(token.trim().to_owned());
    }
    let token = format!("ya29.local-{}", uuid::Uuid::new_v4().simple());
    crate::data::file::write_atomic(&path, token.as_bytes())?;
    Ok(token)
}
