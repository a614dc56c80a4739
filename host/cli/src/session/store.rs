//! Where the state of a stack is kept: the store that the configuration names, and its ways to a cloud.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use mlflow_host_engine::{Entry, Holder};
use mlflow_host_engine::{Guard, Loaded, State, Store, StoreError};
use mlflow_host_gcp::{Bucket, Credentials, Endpoints, GcpConfig, KeyManagement, NoAssets, StorageError};
use mlflow_host_state::{
    BucketStore, DirectoryStore, KeyService, KeySource, Object, ObjectAccess, ObjectError, Precondition,
    StateStore, Wrap,
};
use zeroize::Zeroizing;

use super::clouds;
use crate::config::{BucketPath, StackConfig};

/// A passphrase that wraps the data key of new states and opens those that were made with one.
const PASSPHRASE_VARIABLE: &str = "MLFLOW_HOST_PASSPHRASE";
/// What a data key is encrypted for, in Cloud KMS.
const PURPOSE: &str = "mlflow-host data key";

/// A place that a state can be in.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Below a directory.
    Directory(std::path::PathBuf),
    /// Below a prefix of a bucket.
    Bucket(BucketPath),
}

/// The store of a stack, where its configuration says. `endpoint` is that of the local cloud, when that is
/// the target and runs.
pub(super) fn store(config: &StackConfig, endpoint: Option<&str>) -> Box<dyn StateStore> {
    let place = match &config.state_bucket {
        Some(bucket) => Place::Bucket(bucket.clone()),
        None => Place::Directory(config.state_directory.clone()),
    };
    store_at(&place, config, endpoint)
}

/// The store of a stack in some place. What is recorded of a local cloud holds for that one alone, and not
/// for the one that stands in its place after a reset: in a directory each has its own below it, and a
/// bucket of the local cloud goes with it.
pub(super) fn store_at(place: &Place, config: &StackConfig, endpoint: Option<&str>) -> Box<dyn StateStore> {
    let (stack, target) = (&config.stack, config.state_target());
    let mut keys = key_source(config, endpoint);
    match place {
        Place::Directory(directory) => {
            keys.key_file = directory.join("key");
            let root = match clouds::identity(config) {
                Some(identity) => directory.join(format!("local-{identity}")),
                None => directory.clone(),
            };
            Box::new(DirectoryStore::new(&root, stack, &target, keys))
        }
        Place::Bucket(path) => match access(config, endpoint) {
            Some(access) => {
                let objects = Arc::new(Objects(Bucket::new(&access, &path.bucket)));
                Box::new(BucketStore::new(objects, &path.prefix, stack, &target, keys))
            }
            None => Box::new(Nowhere(path.to_string())),
        },
    }
}

/// How the target is reached; `None` for a local cloud that does not run, and offline.
pub(super) fn access(config: &StackConfig, endpoint: Option<&str>) -> Option<GcpConfig> {
    if config.is_offline {
        return None;
    }
    let (endpoints, credentials) = match endpoint {
        Some(endpoint) => (Endpoints::Prefix(endpoint.to_owned()), Credentials::None),
        None if clouds::is_local(config) => return None,
        None => (Endpoints::Google, Credentials::Environment),
    };
    Some(GcpConfig {
        project: config.project.clone(),
        region: config.region.clone(),
        project_number: None,
        stack: config.stack.clone(),
        seed: String::new(),
        endpoints,
        credentials,
        quota_project: None,
        kinds: config.kinds,
        assets: Arc::new(NoAssets),
        offline: false,
    })
}

/// What the secrets of a state are sealed with.
pub(super) fn key_source(config: &StackConfig, endpoint: Option<&str>) -> KeySource {
    KeySource {
        passphrase: variable(PASSPHRASE_VARIABLE),
        key_file: config.state_directory.join("key"),
        kms_key: config.state_key.clone(),
        kms: access(config, endpoint)
            .map(|access| Arc::new(Keys(KeyManagement::new(&access))) as Arc<dyn KeyService>),
    }
}

/// A secret in the environment, if it is set and not empty.
pub(crate) fn variable(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Zeroizing::new)
}

/// The bucket of a state, through the provider's client.
struct Objects(Bucket);

fn object_error(error: StorageError) -> ObjectError {
    match error {
        StorageError::Precondition => ObjectError::Precondition,
        StorageError::NoBucket => ObjectError::NoBucket,
        StorageError::Denied(said) => ObjectError::Forbidden(said),
        StorageError::Taken => ObjectError::Forbidden("the bucket belongs to somebody else".to_owned()),
        StorageError::Failed(said) => {
            ObjectError::Failed(io::Error::other(said.trim_end_matches('.').to_owned()))
        }
    }
}

#[async_trait]
impl ObjectAccess for Objects {
    fn bucket(&self) -> &str {
        self.0.name()
    }

    async fn get(&self, name: &str) -> Result<Option<Object>, ObjectError> {
        let found = self.0.read(name).await.map_err(object_error)?;
        Ok(found.map(|(generation, content)| Object { generation, content }))
    }

    async fn put(&self, name: &str, content: &[u8], when: Precondition) -> Result<u64, ObjectError> {
        let generation = match when {
            Precondition::Absent => 0,
            Precondition::Generation(generation) => generation,
        };
        self.0.write(name, content, generation).await.map_err(object_error)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.0.list(prefix).await.map_err(object_error)
    }

    async fn delete(&self, name: &str, generation: Option<u64>) -> Result<(), ObjectError> {
        self.0.delete(name, generation).await.map_err(object_error)
    }

    async fn purge(&self, prefix: &str) -> Result<(), ObjectError> {
        self.0.purge(prefix).await.map_err(object_error)
    }
}

/// Cloud KMS, through the provider's client.
struct Keys(KeyManagement);

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cloud KMS")
    }
}

#[async_trait]
impl KeyService for Keys {
    async fn wrap(&self, key: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        self.0.encrypt(key, plain, PURPOSE).await
    }

    async fn unwrap(&self, key: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        self.0.decrypt(key, wrapped, PURPOSE).await.map(Zeroizing::new)
    }
}

/// A bucket of a local cloud that does not run.
struct Nowhere(String);

impl Nowhere {
    fn unreachable<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::Unreachable {
            place: self.0.clone(),
            reason: "it is in the local cloud, which does not run".to_owned(),
            remedy: "Run `mlflow-host cloud start`.".to_owned(),
        })
    }
}

#[async_trait]
impl Store for Nowhere {
    async fn load(&self) -> Result<Option<Loaded>, StoreError> {
        self.unreachable()
    }
    async fn append(&self, _: &[Entry]) -> Result<(), StoreError> {
        self.unreachable()
    }
    async fn compact(&self, _: &State) -> Result<(), StoreError> {
        self.unreachable()
    }
    async fn lock(&self, _: &Holder) -> Result<Box<dyn Guard>, StoreError> {
        self.unreachable()
    }
}

#[async_trait]
impl StateStore for Nowhere {
    fn place(&self) -> String {
        self.0.clone()
    }
    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.unreachable()
    }
    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        self.unreachable()
    }
    async fn restore(&self) -> Result<Vec<String>, StoreError> {
        self.unreachable()
    }
    async fn retire(&self) -> Result<String, StoreError> {
        self.unreachable()
    }
    async fn export(&self, _: &State) -> Result<String, StoreError> {
        self.unreachable()
    }
    async fn rekey(&self, _: &State, _: Option<Wrap>) -> Result<(), StoreError> {
        self.unreachable()
    }
}

#[cfg(test)]
mod tests;
