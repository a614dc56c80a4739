//! The store in a bucket of Cloud Storage, for a team. See `layout` for the objects and the fencing.

mod append;
mod guard;
mod layout;
mod lease;
mod load;
pub(crate) mod objects;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mlflow_host_engine::{Entry, Guard, Holder, Loaded, State, StateTarget, Store, StoreError};

use crate::clock::{Clock, SystemClock};
use crate::export;
use crate::keys::{KeyRing, KeySource, Wrap};
use crate::manage::{self, StateStore, Vault};
use crate::replay::Owner;
use guard::LeaseGuard;
use lease::Lease;
use load::Tail;
use objects::{ObjectAccess, Precondition, failed};

/// State in a bucket, for one stack and target.
pub struct BucketStore {
    objects: Arc<dyn ObjectAccess>,
    clock: Arc<dyn Clock>,
    /// Ends with `/`.
    prefix: String,
    owner: Owner,
    keys: KeySource,
    /// The data keys, once they have been opened.
    ring: Mutex<Option<Arc<KeyRing>>>,
    /// The lock, while it is held.
    lease: Mutex<Option<Arc<Lease>>>,
    /// Where the journal ends, once it has been read under the lock.
    tail: Mutex<Option<Tail>>,
}

impl BucketStore {
    /// The store of a stack and target below `prefix`. Asks nobody anything.
    pub fn new(
        objects: Arc<dyn ObjectAccess>,
        prefix: &str,
        stack: &str,
        target: &StateTarget,
        keys: KeySource,
    ) -> Self {
        let above = prefix.trim_matches('/');
        let slash = if above.is_empty() { "" } else { "/" };
        Self {
            objects,
            clock: Arc::new(SystemClock),
            prefix: format!("{above}{slash}{stack}@{}-{}/", target.cloud, target.project),
            owner: Owner { stack: stack.to_owned(), target: target.clone() },
            keys,
            ring: Mutex::default(),
            lease: Mutex::default(),
            tail: Mutex::default(),
        }
    }

    /// The same store with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The address of an object, or of all when the name is empty.
    fn address(&self, name: &str) -> String {
        format!("gs://{}/{}{name}", self.objects.bucket(), self.prefix)
    }

    /// Names the action and the object in an error.
    fn failed(
        &self,
        action: &'static str,
        name: &str,
    ) -> impl Fn(objects::ObjectError) -> StoreError + use<> {
        failed(action, self.objects.as_ref(), self.address(name))
    }

    /// The lock, if it is held.
    fn lease(&self) -> Option<Arc<Lease>> {
        locked(&self.lease).clone()
    }

    /// The lock, which must be held.
    fn held(&self) -> Result<Arc<Lease>, StoreError> {
        self.lease().ok_or_else(|| StoreError::LockLost { taken: "it was never taken".to_owned() })
    }

    /// The data keys, if there are any.
    async fn ring(&self) -> Result<Option<Arc<KeyRing>>, StoreError> {
        let known = locked(&self.ring).clone();
        if known.is_some() {
            return Ok(known);
        }
        let found = self.objects.get(&self.name(KEYS)).await.map_err(self.failed("read", KEYS))?;
        let Some(object) = found else { return Ok(None) };
        let ring = Arc::new(self.keys.open(&self.address(KEYS), &object.content).await?);
        *locked(&self.ring) = Some(Arc::clone(&ring));
        Ok(Some(ring))
    }
}

const KEYS: &str = "keys.json";
const LOCK: &str = "lock.json";
const SNAPSHOT: &str = "snapshot.json";
const PREVIOUS: &str = "snapshot.previous.json";

#[async_trait]
impl Store for BucketStore {
    async fn load(&self) -> Result<Option<Loaded>, StoreError> {
        self.read_state().await
    }

    async fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() { Ok(()) } else { self.write_entries(entries).await }
    }

    async fn compact(&self, state: &State) -> Result<(), StoreError> {
        self.write_snapshot(state).await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn Guard>, StoreError> {
        let (objects, clock) = (Arc::clone(&self.objects), Arc::clone(&self.clock));
        let lease = Arc::new(Lease::acquire(objects, clock, self.name(LOCK), holder).await?);
        *locked(&self.lease) = Some(Arc::clone(&lease));
        // Whoever held it before may have written.
        *locked(&self.tail) = None;
        *locked(&self.ring) = None;
        Ok(Box::new(LeaseGuard::new(lease)))
    }
}

#[async_trait]
impl StateStore for BucketStore {
    fn place(&self) -> String {
        self.address("")
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        lease::holder(self.objects.as_ref(), self.clock.as_ref(), &self.name(LOCK)).await
    }

    async fn release(&self) -> Result<(), StoreError> {
        let held = locked(&self.lease).take();
        match held {
            Some(lease) => lease.release().await.map_err(self.failed("unlock", LOCK)),
            None => Ok(()),
        }
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        lease::take_away(self.objects.as_ref(), &self.name(LOCK)).await
    }

    async fn restore(&self) -> Result<Vec<String>, StoreError> {
        self.go_back().await
    }

    async fn retire(&self) -> Result<String, StoreError> {
        self.held()?.verify().await?;
        let names = self.objects.list(&self.prefix).await.map_err(self.failed("list", ""))?;
        for name in names.iter().filter(|name| **name != self.name(LOCK)) {
            self.objects.delete(name, None).await.map_err(self.failed("remove", ""))?;
        }
        *locked(&self.tail) = None;
        *locked(&self.ring) = None;
        Ok(format!("{}, as versions that the bucket keeps for a while", self.address("")))
    }

    async fn export(&self, state: &State) -> Result<String, StoreError> {
        match self.ring().await? {
            Some(ring) => export::write(&ring, state),
            None => Err(StoreError::Key(format!("{} is missing", self.address(KEYS)))),
        }
    }

    async fn rekey(&self, state: &State, wrap: Option<Wrap>) -> Result<(), StoreError> {
        manage::rekey(self, state, wrap).await
    }
}

#[async_trait]
impl Vault for BucketStore {
    fn source(&self) -> &KeySource {
        &self.keys
    }

    async fn ring_or_new(&self) -> Result<Arc<KeyRing>, StoreError> {
        if let Some(ring) = self.ring().await? {
            return Ok(ring);
        }
        let new = self.keys.create().await?;
        let text = new.stored.text()?;
        let put = self.objects.put(&self.name(KEYS), text.as_bytes(), Precondition::Absent).await;
        match put {
            Ok(_) => *locked(&self.ring) = Some(Arc::new(new)),
            // Somebody was faster, or the request had arrived before: what is there counts.
            Err(objects::ObjectError::Precondition) => {}
            Err(error) => return Err(self.failed("write", KEYS)(error)),
        }
        self.ring().await?.ok_or_else(|| StoreError::Key("keys.json came and went".to_owned()))
    }

    async fn change_ring(&self, ring: KeyRing) -> Result<(), StoreError> {
        let (name, text) = (self.name(KEYS), ring.stored.text()?);
        self.held()?.verify().await?;
        let found = self.objects.get(&name).await.map_err(self.failed("read", KEYS))?;
        let when = Precondition::unchanged(found.as_ref());
        self.objects.put(&name, text.as_bytes(), when).await.map_err(self.failed("write", KEYS))?;
        if !ring.is_changing {
            self.objects.purge(&self.prefix).await.map_err(self.failed("remove", ""))?;
        }
        *locked(&self.ring) = Some(Arc::new(ring));
        Ok(())
    }

    async fn drop_copies(&self) -> Result<(), StoreError> {
        self.remove_copies().await
    }
}

/// What a mutex guards, also when a thread has panicked with it: every change here is one assignment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
