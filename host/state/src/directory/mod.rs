//! The store: one directory for a stack and a target.

mod append;
mod load;
mod restore;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mlflow_host_engine::{Entry, Guard, Holder, Loaded, State, StateTarget, Store, StoreError};

use crate::keys::{KeyRing, KeySource, Wrap};
use crate::manage::{self, StateStore, Vault};
use crate::replay::{self, Owner};
use crate::{export, files, lock};

use append::Tail;

/// State in a directory, for one stack and target.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    place: Arc<Place>,
    keys: KeySource,
}

/// What the store knows and remembers. Its functions block; the store calls them off the async threads.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    owner: Owner,
    /// The data keys, once they have been opened.
    ring: Mutex<Option<Arc<KeyRing>>>,
    /// Where the journal ends, once it has been read.
    tail: Mutex<Option<Tail>>,
}

impl DirectoryStore {
    /// The store of a stack and target below `root`. Touches no file.
    pub fn new(root: &Path, stack: &str, target: &StateTarget, keys: KeySource) -> Self {
        Self {
            place: Arc::new(Place {
                path: root.join(format!("{stack}@{}-{}", target.cloud, target.project)),
                owner: Owner { stack: stack.to_owned(), target: target.clone() },
                ring: Mutex::default(),
                tail: Mutex::default(),
            }),
            keys,
        }
    }

    /// The directory that the files are in. It need not exist.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Place) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || work(&place))
            .await
            .map_err(|error| files::failed(action, &self.place.path)(std::io::Error::other(error)))?
    }

    /// The data keys, if there are any.
    async fn ring(&self) -> Result<Option<Arc<KeyRing>>, StoreError> {
        let known = locked(&self.place.ring).clone();
        if known.is_some() {
            return Ok(known);
        }
        let path = self.place.keys();
        let Some(content) = files::read(&path)? else { return Ok(None) };
        let ring = Arc::new(self.keys.open(&path.display().to_string(), &content).await?);
        *locked(&self.place.ring) = Some(Arc::clone(&ring));
        Ok(Some(ring))
    }
}

#[async_trait]
impl Store for DirectoryStore {
    async fn load(&self) -> Result<Option<Loaded>, StoreError> {
        // Opened even when no value is sealed yet: a wrong key must show before anything is done.
        let ring = self.ring().await?;
        self.run("read", move |place| place.load(ring.as_deref().map_or(&[], |ring| &ring.keys))).await
    }

    async fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let (ring, entries) = (self.ring_or_new().await?, entries.to_vec());
        self.run("write", move |place| place.append(&ring, &entries)).await
    }

    async fn compact(&self, state: &State) -> Result<(), StoreError> {
        let ring = self.ring_or_new().await?;
        // Here and not on another thread, which would need a copy of all of it.
        let (snapshot, serial) = (replay::snapshot(append::sealing(&ring)?, state)?, state.serial);
        self.run("write", move |place| place.compact(&ring, &snapshot, serial)).await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Guard>, StoreError> {
        let holder = holder.clone();
        self.run("lock", move |place| {
            files::create_directory(&place.path)?;
            let guard = lock::take(&place.path.join("lock"), &holder)?;
            // Whoever held it before may have written.
            *locked(&place.tail) = None;
            *locked(&place.ring) = None;
            Ok(guard)
        })
        .await
    }
}

#[async_trait]
impl StateStore for DirectoryStore {
    fn place(&self) -> String {
        self.place.path.display().to_string()
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.run("read", |place| lock::holder(&place.path.join("lock"))).await
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        match self.holder().await? {
            None => Ok(None),
            Some(Holder { command, by, since, process }) => {
                Err(StoreError::Locked { command, by, since, process })
            }
        }
    }

    async fn restore(&self) -> Result<Vec<String>, StoreError> {
        let ring = self.ring().await?;
        self.run("restore", move |place| place.restore(ring.as_deref().map_or(&[], |ring| &ring.keys))).await
    }

    async fn retire(&self) -> Result<String, StoreError> {
        self.run("rename", Place::retire).await
    }

    async fn export(&self, state: &State) -> Result<String, StoreError> {
        export::write(self.ring_or_new().await?.as_ref(), state)
    }

    async fn rekey(&self, state: &State, wrap: Option<Wrap>) -> Result<(), StoreError> {
        manage::rekey(self, state, wrap).await
    }
}

#[async_trait]
impl Vault for DirectoryStore {
    fn source(&self) -> &KeySource {
        &self.keys
    }

    async fn ring_or_new(&self) -> Result<Arc<KeyRing>, StoreError> {
        if let Some(ring) = self.ring().await? {
            return Ok(ring);
        }
        self.change_ring(self.keys.create().await?).await?;
        self.ring().await?.ok_or_else(|| StoreError::Key("keys.json came and went".to_owned()))
    }

    async fn change_ring(&self, ring: KeyRing) -> Result<(), StoreError> {
        self.run("write", move |place| {
            files::create_directory(&place.path)?;
            files::replace(&place.keys(), ring.stored.text()?.as_bytes())?;
            *locked(&place.ring) = Some(Arc::new(ring));
            Ok(())
        })
        .await
    }

    async fn drop_copies(&self) -> Result<(), StoreError> {
        self.run("remove", |place| {
            files::remove(&place.previous_journal())?;
            files::remove(&place.previous_snapshot())
        })
        .await
    }
}

impl Place {
    fn snapshot(&self) -> PathBuf {
        self.path.join("snapshot.json")
    }

    fn previous_snapshot(&self) -> PathBuf {
        self.path.join("snapshot.previous.json")
    }

    fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    fn previous_journal(&self) -> PathBuf {
        self.path.join("journal.previous.jsonl")
    }

    fn keys(&self) -> PathBuf {
        self.path.join("keys.json")
    }
}

/// What a mutex guards, also when a thread has panicked with it: every change here is one assignment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
