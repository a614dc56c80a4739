//! The lock: an object that says who is at work and until when, renewed while the work goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mlflow_host_engine::{Holder, StoreError};
use serde::{Deserialize, Serialize};

use super::objects::{Object, ObjectAccess, ObjectError, Precondition, failed};
use crate::clock::Clock;

/// How long a lock holds without being renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// How much longer others wait, as clocks differ.
const TOLERANCE: Duration = Duration::from_secs(5);
/// Attempts at a lock that changes hands while it is looked at.
const ATTEMPTS: usize = 3;

/// `lock.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Content {
    format: u32,
    /// Random: tells one holder from another, whoever they say they are.
    id: String,
    #[serde(flatten)]
    holder: Holder,
    /// RFC 3339.
    expires_at: Timestamp,
}

/// A lock that was taken. It may be lost since.
pub(crate) struct Lease {
    objects: Arc<dyn ObjectAccess>,
    clock: Arc<dyn Clock>,
    name: String,
    id: String,
    holder: Holder,
    /// The fencing token: the generation of the lock when it was taken.
    pub(crate) token: u64,
    /// Whether the holder's fence has been written.
    pub(crate) is_fenced: AtomicBool,
    /// The generation of the lock as it was last renewed.
    generation: Mutex<u64>,
    is_lost: AtomicBool,
}

impl Lease {
    /// Takes the lock, or says who holds it.
    pub(crate) async fn acquire(
        objects: Arc<dyn ObjectAccess>,
        clock: Arc<dyn Clock>,
        name: String,
        holder: &Holder,
    ) -> Result<Self, StoreError> {
        let place = place(objects.as_ref(), &name);
        let failed = failed("lock", objects.as_ref(), place.clone());
        let id = hex::encode(rand::random::<[u8; 16]>());
        for _ in 0..ATTEMPTS {
            let found = objects.get(&name).await.map_err(&failed)?;
            if let Some(object) = &found {
                let other = read(&place, object)?;
                if is_alive(&other, clock.as_ref()) {
                    return Err(locked(other.holder));
                }
            }
            let content = content(&id, holder, clock.as_ref());
            let when = Precondition::unchanged(found.as_ref());
            let generation = match objects.put(&name, &content, when).await {
                Ok(generation) => Some(generation),
                // Somebody else was faster, or this very request had arrived before its answer was lost.
                Err(ObjectError::Precondition) => own(objects.as_ref(), &name, &id).await.map_err(&failed)?,
                Err(error) => return Err(failed(error)),
            };
            if let Some(token) = generation {
                return Ok(Self {
                    clock,
                    name,
                    id,
                    holder: holder.clone(),
                    token,
                    is_fenced: AtomicBool::new(false),
                    generation: Mutex::new(token),
                    is_lost: AtomicBool::new(false),
                    objects,
                });
            }
        }
        match current(objects.as_ref(), &name).await? {
            Some(holder) => Err(locked(holder)),
            None => Err(failed(ObjectError::Precondition)),
        }
    }

    /// Makes sure that the lock is still held.
    pub(crate) async fn verify(&self) -> Result<(), StoreError> {
        let place = place(self.objects.as_ref(), &self.name);
        let taken = if self.is_lost.load(Ordering::Acquire) {
            self.objects.get(&self.name).await.ok().flatten()
        } else {
            let failed = failed("read", self.objects.as_ref(), place.clone());
            let found = self.objects.get(&self.name).await.map_err(failed)?;
            match &found {
                Some(object) if read(&place, object)?.id == self.id => return Ok(()),
                _ => found,
            }
        };
        self.is_lost.store(true, Ordering::Release);
        let by = taken.and_then(|object| read(&place, &object).ok()).filter(|other| other.id != self.id);
        Err(StoreError::LockLost {
            taken: match by {
                Some(Content { holder: Holder { command, by, since, .. }, .. }) => {
                    format!("{command} by {by} has had it since {since}")
                }
                None => "somebody has taken it away".to_owned(),
            },
        })
    }

    /// Renews the lock every third of its time, until it is lost. Never returns before that.
    pub(crate) async fn keep(&self) {
        while !self.is_lost.load(Ordering::Acquire) {
            self.clock.sleep(LEASE / 3).await;
            if let Err(error) = self.renew().await {
                tracing::warn!(lock = self.name, %error, "the lock cannot be renewed");
            }
        }
    }

    /// Renews the lock once.
    pub(crate) async fn renew(&self) -> Result<(), ObjectError> {
        let content = content(&self.id, &self.holder, self.clock.as_ref());
        let known = *guarded(&self.generation);
        match self.objects.put(&self.name, &content, Precondition::Generation(known)).await {
            Ok(generation) => *guarded(&self.generation) = generation,
            Err(ObjectError::Precondition) => match own(self.objects.as_ref(), &self.name, &self.id).await? {
                Some(generation) => *guarded(&self.generation) = generation,
                None => self.is_lost.store(true, Ordering::Release),
            },
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Gives the lock back, if it is still held.
    pub(crate) async fn release(&self) -> Result<(), ObjectError> {
        let known = *guarded(&self.generation);
        self.is_lost.store(true, Ordering::Release);
        match self.objects.delete(&self.name, Some(known)).await {
            Err(ObjectError::Precondition) => {
                // A renewal may have been on its way.
                match own(self.objects.as_ref(), &self.name, &self.id).await? {
                    Some(generation) => self.objects.delete(&self.name, Some(generation)).await,
                    None => Ok(()),
                }
            }
            other => other,
        }
    }
}

/// Who holds the lock, unless its time is over.
pub(crate) async fn holder(
    objects: &dyn ObjectAccess,
    clock: &dyn Clock,
    name: &str,
) -> Result<Option<Holder>, StoreError> {
    let place = place(objects, name);
    let found = objects.get(name).await.map_err(failed("read", objects, place.clone()))?;
    let Some(object) = found else { return Ok(None) };
    let content = read(&place, &object)?;
    Ok(is_alive(&content, clock).then_some(content.holder))
}

/// Removes the lock, whoever holds it. A lock that cannot be read is removed as well.
pub(crate) async fn take_away(objects: &dyn ObjectAccess, name: &str) -> Result<Option<Holder>, StoreError> {
    let place = place(objects, name);
    let failed = failed("unlock", objects, place.clone());
    let Some(object) = objects.get(name).await.map_err(&failed)? else { return Ok(None) };
    objects.delete(name, Some(object.generation)).await.map_err(&failed)?;
    Ok(read(&place, &object).ok().map(|content| content.holder))
}

async fn current(objects: &dyn ObjectAccess, name: &str) -> Result<Option<Holder>, StoreError> {
    let place = place(objects, name);
    let found = objects.get(name).await.map_err(failed("lock", objects, place.clone()))?;
    found.map(|object| read(&place, &object).map(|content| content.holder)).transpose()
}

/// The generation of the lock, if it is ours.
async fn own(objects: &dyn ObjectAccess, name: &str, id: &str) -> Result<Option<u64>, ObjectError> {
    let found = objects.get(name).await?;
    Ok(found
        .filter(|object| parse(object).is_some_and(|content| content.id == id))
        .map(|object| object.generation))
}

fn content(id: &str, holder: &Holder, clock: &dyn Clock) -> Vec<u8> {
    let expires_at = later(clock.now(), LEASE);
    let content = Content { format: 1, id: id.to_owned(), holder: holder.clone(), expires_at };
    // Plain text and numbers always have a JSON form.
    serde_json::to_vec(&content).unwrap_or_default()
}

fn parse(object: &Object) -> Option<Content> {
    serde_json::from_slice(&object.content).ok()
}

fn read(place: &str, object: &Object) -> Result<Content, StoreError> {
    parse(object).ok_or_else(|| StoreError::Damaged {
        place: place.to_owned(),
        what: "it does not say who holds the lock".to_owned(),
        restore: "Make sure that nobody is at work, then run `mlflow-host state unlock STACK.wasm --yes`."
            .to_owned(),
    })
}

fn is_alive(content: &Content, clock: &dyn Clock) -> bool {
    clock.now() <= later(content.expires_at, TOLERANCE)
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.saturating_add(SignedDuration::try_from(by).unwrap_or_default()).unwrap_or(Timestamp::MAX)
}

fn locked(Holder { command, by, since, process }: Holder) -> StoreError {
    StoreError::Locked { command, by, since, process }
}

fn place(objects: &dyn ObjectAccess, name: &str) -> String {
    format!("gs://{}/{name}", objects.bucket())
}

fn guarded<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
