//! A bucket in memory, and hosts that reach it through lines that break or stand still.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::super::objects::{Object, ObjectAccess, ObjectError, Precondition};
use crate::clock::Clock;
use crate::keys::KeyService;

/// Objects with every version that they ever had, as in a bucket with versioning.
#[derive(Default)]
pub(crate) struct Bucket {
    generation: AtomicU64,
    live: Mutex<BTreeMap<String, Object>>,
    versions: Mutex<Vec<(String, Object)>>,
}

impl Bucket {
    pub(crate) fn names(&self) -> Vec<String> {
        self.live.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.live.lock().unwrap().get(name).map(|object| object.content.clone())
    }

    /// Writes past all preconditions, as an accident does.
    pub(crate) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.live.lock().unwrap().get_mut(name).unwrap().content);
    }

    /// Everything that can still be read, earlier versions included.
    pub(crate) fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let live = self.live.lock().unwrap().clone().into_iter();
        let all = self.versions.lock().unwrap().clone().into_iter().chain(live);
        all.map(|(name, object)| (name, object.content)).collect()
    }

    fn put(&self, name: &str, content: &[u8], when: Precondition) -> Result<u64, ObjectError> {
        let mut live = self.live.lock().unwrap();
        let found = live.get(name).map(|object| object.generation);
        let fits = match when {
            Precondition::Absent => found.is_none(),
            Precondition::Generation(wanted) => found == Some(wanted),
        };
        if !fits {
            return Err(ObjectError::Precondition);
        }
        let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        let new = Object { generation, content: content.to_vec() };
        if let Some(old) = live.insert(name.to_owned(), new) {
            self.versions.lock().unwrap().push((name.to_owned(), old));
        }
        Ok(generation)
    }

    fn delete(&self, name: &str, generation: Option<u64>) -> Result<(), ObjectError> {
        let mut live = self.live.lock().unwrap();
        let found = live.get(name).map(|object| object.generation);
        if generation.is_some_and(|wanted| found.is_some_and(|found| found != wanted)) {
            return Err(ObjectError::Precondition);
        }
        if let Some(old) = live.remove(name) {
            self.versions.lock().unwrap().push((name.to_owned(), old));
        }
        Ok(())
    }
}

/// What happens to the operation of a given number, and to those after it.
pub(crate) enum Fate {
    /// All goes well.
    Well,
    /// The line is cut before the operation.
    CutBefore(usize),
    /// The line is cut after the operation has had its effect.
    CutAfter(usize),
    /// The answer to the operation is lost; it is sent again.
    Repeated(usize),
}

/// What others do while a host stands still.
pub(crate) type Meanwhile = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// The line from one host to the bucket.
pub(crate) struct Line {
    bucket: Arc<Bucket>,
    fate: Fate,
    done: AtomicUsize,
    /// Before the operation of this number, the host stands still.
    pause: Mutex<Option<(usize, Meanwhile)>>,
}

impl Line {
    pub(crate) fn new(bucket: &Arc<Bucket>, fate: Fate) -> Arc<Self> {
        let (bucket, done) = (Arc::clone(bucket), AtomicUsize::new(0));
        Arc::new(Self { bucket, fate, done, pause: Mutex::default() })
    }

    pub(crate) fn pausing(bucket: &Arc<Bucket>, at: usize, meanwhile: Meanwhile) -> Arc<Self> {
        let line = Self::new(bucket, Fate::Well);
        *line.pause.lock().unwrap() = Some((at, meanwhile));
        line
    }

    /// How many operations there have been.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    /// Whether the host has stood still.
    pub(crate) fn has_paused(&self) -> bool {
        self.pause.lock().unwrap().is_none()
    }

    async fn operate<T>(&self, act: impl Fn() -> Result<T, ObjectError> + Send) -> Result<T, ObjectError> {
        let number = self.done.fetch_add(1, Ordering::SeqCst);
        let meanwhile = {
            let mut pause = self.pause.lock().unwrap();
            let is_now = pause.as_ref().is_some_and(|(at, _)| *at == number);
            if is_now { pause.take() } else { None }
        };
        if let Some((_, meanwhile)) = meanwhile {
            meanwhile().await;
        }
        let cut = || Err(ObjectError::Failed(std::io::Error::other("the line is cut")));
        match self.fate {
            Fate::CutBefore(at) if number >= at => cut(),
            Fate::CutAfter(at) if number > at => cut(),
            Fate::CutAfter(at) if number == at => act().and_then(|_| cut()),
            Fate::Repeated(at) if number == at => {
                let _ = act();
                act()
            }
            _ => act(),
        }
    }
}

#[async_trait]
impl ObjectAccess for Line {
    fn bucket(&self) -> &str {
        "team-state"
    }

    async fn get(&self, name: &str) -> Result<Option<Object>, ObjectError> {
        self.operate(|| Ok(self.bucket.live.lock().unwrap().get(name).cloned())).await
    }

    async fn put(&self, name: &str, content: &[u8], when: Precondition) -> Result<u64, ObjectError> {
        self.operate(|| self.bucket.put(name, content, when)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let below = || self.bucket.names().into_iter().filter(|name| name.starts_with(prefix)).collect();
        self.operate(|| Ok(below())).await
    }

    async fn delete(&self, name: &str, generation: Option<u64>) -> Result<(), ObjectError> {
        self.operate(|| self.bucket.delete(name, generation)).await
    }

    async fn purge(&self, prefix: &str) -> Result<(), ObjectError> {
        let purge = || self.bucket.versions.lock().unwrap().retain(|(name, _)| !name.starts_with(prefix));
        self.operate(|| {
            purge();
            Ok(())
        })
        .await
    }
}

/// A clock that goes when it is told to. Nobody who sleeps by it wakes up.
pub(crate) struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-01-01T00:00:00Z".parse().unwrap())))
    }

    pub(crate) fn pass(&self, duration: Duration) {
        *self.0.lock().unwrap() += SignedDuration::try_from(duration).unwrap();
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _duration: Duration) {
        std::future::pending().await
    }
}

/// A key service that holds some keys. What it wraps says with which.
#[derive(Debug)]
pub(crate) struct TestKeys(pub(crate) &'static [&'static str]);

impl TestKeys {
    fn check(&self, key: &str) -> Result<(), String> {
        if self.0.contains(&key) { Ok(()) } else { Err(format!("there is no key `{key}`")) }
    }
}

#[async_trait]
impl KeyService for TestKeys {
    async fn wrap(&self, key: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        self.check(key)?;
        Ok([key.as_bytes(), b":", &plain.iter().map(|byte| !byte).collect::<Vec<_>>()].concat())
    }

    async fn unwrap(&self, key: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        self.check(key)?;
        let rest = wrapped.strip_prefix(format!("{key}:").as_bytes()).ok_or("wrapped with another key")?;
        Ok(Zeroizing::new(rest.iter().map(|byte| !byte).collect()))
    }
}
