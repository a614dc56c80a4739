//! The control plane's memory: one JSON file per resource, kept in step with a map in memory.
//!
//! Each write goes to a temporary file that then takes the name of the old one, so a killed process
//! leaves either the old content or the new. Nothing is flushed to the disk for each write: the
//! promise is to survive the end of the process, not a power cut, and requests stay fast.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::common::identifiers;
use crate::data::file::{Context as _, FileError};

/// Characters that stand for themselves in a file name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'@');

/// Resources of one kind, by name.
#[derive(Debug)]
pub(crate) struct Collection<T> {
    directory: PathBuf,
    rows: Mutex<BTreeMap<String, T>>,
}

/// What a file holds: the name is inside, as a file name may be shortened.
#[derive(Serialize, Deserialize)]
struct Entry<T> {
    name: String,
    value: T,
}

impl<T: Clone + Serialize + DeserializeOwned> Collection<T> {
    /// Opens the collection in `directory`, which need not exist yet.
    pub(crate) fn open(directory: PathBuf) -> Result<Self, FileError> {
        std::fs::create_dir_all(&directory).context("create", &directory)?;
        let mut rows = BTreeMap::new();
        for entry in std::fs::read_dir(&directory).context("list", &directory)? {
            let path = entry.context("list", &directory)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let content = std::fs::read(&path).context("read", &path)?;
                let entry: Entry<T> = serde_json::from_slice(&content)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
                    .context("understand", &path)?;
                rows.insert(entry.name, entry.value);
            }
        }
        Ok(Self { directory, rows: Mutex::new(rows) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        // A panic elsewhere cannot leave the map half-changed: it changes after the file, at once.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The resource `name`.
    pub(crate) fn get(&self, name: &str) -> Option<T> {
        self.lock().get(name).cloned()
    }

    /// Whether there is a resource `name`.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// The resources whose names begin with `prefix`, sorted by name.
    pub(crate) fn list(&self, prefix: &str) -> Vec<(String, T)> {
        self.lock()
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Adds or replaces a resource.
    pub(crate) fn put(&self, name: &str, value: T) -> Result<(), FileError> {
        let mut rows = self.lock();
        self.write(name, &value)?;
        rows.insert(name.to_owned(), value);
        Ok(())
    }

    /// Adds a resource; `false` when the name is taken.
    pub(crate) fn create(&self, name: &str, value: T) -> Result<bool, FileError> {
        let mut rows = self.lock();
        if rows.contains_key(name) {
            return Ok(false);
        }
        self.write(name, &value)?;
        rows.insert(name.to_owned(), value);
        Ok(true)
    }

    /// Changes a resource under the lock and returns it as changed; `None` when there is none.
    /// When `change` fails, nothing has changed.
    pub(crate) fn change<E: From<FileError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut T) -> Result<(), E>,
    ) -> Result<Option<T>, E> {
        let mut rows = self.lock();
        let Some(mut value) = rows.get(name).cloned() else { return Ok(None) };
        change(&mut value)?;
        self.write(name, &value)?;
        rows.insert(name.to_owned(), value.clone());
        Ok(Some(value))
    }

    /// Removes a resource and returns it.
    pub(crate) fn remove(&self, name: &str) -> Result<Option<T>, FileError> {
        let mut rows = self.lock();
        if rows.contains_key(name) {
            let path = self.path(name);
            std::fs::remove_file(&path).context("delete", &path)?;
        }
        Ok(rows.remove(name))
    }

    /// Removes all resources whose names begin with `prefix`.
    pub(crate) fn remove_all(&self, prefix: &str) -> Result<(), FileError> {
        for (name, _) in self.list(prefix) {
            self.remove(&name)?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        /// File names may have 255 bytes; leave room for the digest.
        const LONGEST: usize = 160;
        let mut file = utf8_percent_encode(name, PLAIN).to_string();
        if file.len() > LONGEST {
            file.truncate(LONGEST);
            file.push('-');
            file.push_str(&identifiers::digest(name, 32));
        }
        self.directory.join(file + ".json")
    }

    fn write(&self, name: &str, value: &T) -> Result<(), FileError> {
        let path = self.path(name);
        let content = serde_json::to_vec_pretty(&Entry { name: name.to_owned(), value })
            .map_err(io::Error::other)
            .context("encode", &path)?;
        let temporary = path.with_extension("new");
        std::fs::write(&temporary, content).context("write", &temporary)?;
        std::fs::rename(&temporary, &path).context("replace", &path)
    }
}

macro_rules! store {
    ($($(#[$doc:meta])* $field:ident: $kind:literal,)*) => {
        /// Every collection of JSON resources.
        #[derive(Debug)]
        pub(crate) struct Store {
            $($(#[$doc])* pub(crate) $field: Collection<Value>,)*
        }

        impl Store {
            /// Opens the store in `directory`.
            pub(crate) fn open(directory: &Path) -> Result<Self, FileError> {
                Ok(Self { $($field: Collection::open(directory.join($kind))?,)* })
            }

            /// Every resource as kind, name and body.
            pub(crate) fn all(&self) -> Vec<(&'static str, String, Value)> {
                let mut all = Vec::new();
                $(all.extend(self.$field.list("").into_iter().map(|(name, body)| ($kind, name, body)));)*
                all
            }
        }
    };
}

store! {
    /// Projects seen so far, by number.
    projects: "cloudresourcemanager.googleapis.com.Project",
    /// Enabled APIs: `projects/P/services/S`.
    enabled: "serviceusage.googleapis.com.Service",
    /// Service agents that were asked for, by their addresses.
    agents: "local.ServiceAgent",
    /// `projects/P/serviceAccounts/EMAIL`.
    accounts: "iam.googleapis.com.ServiceAccount",
    /// `projects/P/global/networks/N`.
    networks: "compute.googleapis.com.Network",
    /// `projects/P/regions/R/subnetworks/S`.
    subnetworks: "compute.googleapis.com.Subnetwork",
    /// `projects/P/global/addresses/A`.
    addresses: "compute.googleapis.com.GlobalAddress",
    /// By network: `projects/P/global/networks/N`.
    connections: "servicenetworking.googleapis.com.Connection",
    /// `projects/P/instances/I`.
    instances: "sqladmin.googleapis.com.Instance",
    /// `projects/P/instances/I/databases/D`.
    databases: "sqladmin.googleapis.com.Database",
    /// `projects/P/instances/I/users/U`.
    users: "sqladmin.googleapis.com.User",
    /// Names that may not be used again yet: kind and resource name.
    tombstones: "local.Tombstone",
    /// `projects/P/secrets/S`.
    secrets: "secretmanager.googleapis.com.Secret",
    /// `projects/P/secrets/S/versions/N`.
    versions: "secretmanager.googleapis.com.SecretVersion",
    /// Payloads of secret versions, by version, base64.
    payloads: "local.SecretPayload",
    /// By bucket name.
    buckets: "storage.googleapis.com.Bucket",
    /// `projects/P/locations/L/repositories/R`.
    repositories: "artifactregistry.googleapis.com.Repository",
    /// `projects/P/locations/L/builds/ID`.
    builds: "cloudbuild.googleapis.com.Build",
    /// `projects/P/locations/L/services/S`.
    services: "run.googleapis.com.Service",
    /// `projects/P/locations/L/services/S/revisions/R`.
    revisions: "run.googleapis.com.Revision",
    /// `projects/P/locations/L/jobs/J`.
    jobs: "run.googleapis.com.Job",
    /// `projects/P/locations/L/keyRings/R`.
    key_rings: "cloudkms.googleapis.com.KeyRing",
    /// `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
    crypto_keys: "cloudkms.googleapis.com.CryptoKey",
    /// `projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N`.
    key_versions: "cloudkms.googleapis.com.CryptoKeyVersion",
    /// What versions of keys encrypt with, by version, base64.
    key_material: "local.KeyMaterial",
    /// Regular resources by kind and name: `vpcaccess.googleapis.com/Connector projects/…`.
    regular: "local.Regular",
    /// IAM policies by full resource name: `//run.googleapis.com/projects/…`.
    policies: "local.Policy",
    /// `projects/P/locations/L/jobs/J/executions/E`.
    executions: "run.googleapis.com.Execution",
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resources_survive_a_reopening_and_odd_names_stay_inside_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let long = format!("projects/p/things/{}", "x".repeat(400));
        let names = ["../../escape", "a/b", "..", "ümlaut %2F", &long];
        let collection = Collection::open(directory.path().join("things")).unwrap();
        for name in names {
            assert!(collection.create(name, json!(name)).unwrap());
            assert!(!collection.create(name, json!(0)).unwrap());
        }
        collection.remove("a/b").unwrap();
        let reopened: Collection<Value> = Collection::open(directory.path().join("things")).unwrap();
        for name in names.into_iter().filter(|name| *name != "a/b") {
            assert_eq!(reopened.get(name), Some(json!(name)));
        }
        assert!(!reopened.contains("a/b"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_change_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let collection = Collection::open(directory.path().to_owned()).unwrap();
        collection.put("a", json!(1)).unwrap();
        let result: Result<_, FileError> = collection.change("a", |value| {
            *value = json!(2);
            Err(io::Error::other("no")).context("try", Path::new("it"))
        });
        assert!(result.is_err());
        assert_eq!(collection.get("a"), Some(json!(1)));
    }
}
