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

use crate::keys::KeySource;
use crate::seal::Key;
use crate::{files, lock};

use append::Tail;

/// State in a directory, for one stack and target.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    place: Arc<Place>,
}

/// What the store knows and remembers. Its functions block; the store calls them off the async threads.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    stack: String,
    target: StateTarget,
    keys: KeySource,
    /// The data key, once it has been opened.
    key: Mutex<Option<Key>>,
    /// Where the journal ends, once it has been read.
    tail: Mutex<Option<Tail>>,
}

impl DirectoryStore {
    /// The store of a stack and target below `root`. Touches no file.
    pub fn new(root: &Path, stack: &str, target: &StateTarget, keys: KeySource) -> Self {
        Self {
            place: Arc::new(Place {
                path: root.join(format!("{stack}@{}-{}", target.cloud, target.project)),
                stack: stack.to_owned(),
                target: target.clone(),
                keys,
                key: Mutex::default(),
                tail: Mutex::default(),
            }),
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
}

#[async_trait]
impl Store for DirectoryStore {
    async fn load(&self) -> Result<Option<Loaded>, StoreError> {
        self.run("read", Place::load).await
    }

    async fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let entries = entries.to_vec();
        self.run("write", move |place| place.append(&entries)).await
    }

    async fn compact(&self, state: &State) -> Result<(), StoreError> {
        let state = state.clone();
        self.run("write", move |place| place.compact(&state)).await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Guard>, StoreError> {
        let holder = holder.clone();
        self.run("lock", move |place| {
            files::create_directory(&place.path)?;
            let guard = lock::take(&place.path.join("lock"), &holder)?;
            // Whoever held it before may have written.
            *locked(&place.tail) = None;
            Ok(guard)
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

    /// The data key, if there is one.
    fn key(&self) -> Result<Option<Key>, StoreError> {
        let mut key = locked(&self.key);
        if key.is_none() {
            *key = self.keys.open(&self.path)?;
        }
        Ok(key.clone())
    }

    /// The data key, made if there is none.
    fn key_or_new(&self) -> Result<Key, StoreError> {
        if let Some(key) = self.key()? {
            return Ok(key);
        }
        let new = self.keys.create(&self.path)?;
        *locked(&self.key) = Some(new.clone());
        Ok(new)
    }
}

/// What a mutex guards, also when a thread has panicked with it: every change here is one assignment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose a state is, for messages.
fn owner(stack: &str, target: &StateTarget) -> String {
    format!("stack `{stack}` on cloud `{}`, project `{}`", target.cloud, target.project)
}
