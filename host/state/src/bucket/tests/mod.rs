mod fake;
mod races;
mod rekeying;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mlflow_host_engine::{Entry, Holder, Recorded, Store as _};
use mlflow_host_graph::Value;
use serde_json::json;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::objects::ObjectError;
use super::*;
use fake::{Bucket, Fate, Line, TestClock};

const PREFIX: &str = "mlflow/dev@gcp-demo/";
const SECRET: &str = "correct horse/battery+staple";

/// What all hosts share.
#[derive(Clone)]
struct World {
    bucket: Arc<Bucket>,
    clock: Arc<TestClock>,
    home: Arc<TempDir>,
}

impl World {
    fn new() -> Self {
        let (bucket, home) = (Arc::default(), Arc::new(TempDir::new().unwrap()));
        Self { bucket, clock: TestClock::new(), home }
    }

    fn keys(&self, passphrase: Option<&str>) -> KeySource {
        let passphrase = passphrase.map(|text| Zeroizing::new(text.to_owned()));
        KeySource { passphrase, key_file: self.home.path().join("key"), kms_key: None, kms: None }
    }

    /// A host at the end of a line.
    fn at(&self, line: &Arc<Line>) -> BucketStore {
        self.keyed(line, None)
    }

    fn keyed(&self, line: &Arc<Line>, passphrase: Option<&str>) -> BucketStore {
        let objects: Arc<dyn ObjectAccess> = Arc::clone(line) as _;
        BucketStore::new(objects, "mlflow/", "dev", &target(), self.keys(passphrase))
            .with_clock(Arc::clone(&self.clock) as _)
    }

    /// A host with a good line.
    fn host(&self) -> BucketStore {
        self.at(&Line::new(&self.bucket, Fate::Well))
    }

    /// Every lock that is not renewed meanwhile expires.
    fn expire(&self) {
        self.clock.pass(lease::LEASE + Duration::from_secs(6));
    }

    /// The names of the resources that a host finds now.
    async fn found(&self) -> BTreeSet<String> {
        let loaded = self.host().load().await.unwrap();
        loaded.map(|loaded| names(&loaded.state)).unwrap_or_default()
    }
}

fn target() -> StateTarget {
    StateTarget { cloud: "gcp".to_owned(), project: "demo".to_owned() }
}

fn holder(by: &str) -> Holder {
    Holder {
        command: "up".to_owned(),
        by: by.to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
        process: 7,
    }
}

fn new_state() -> State {
    State::new("dev", target(), "ab1cd".to_owned())
}

fn names(state: &State) -> BTreeSet<String> {
    state.resources.keys().map(|urn| urn.name().to_string()).collect()
}

/// Makes a resource known, with a secret in it.
fn set(name: &str) -> Entry {
    let inputs = Value::Map([("password".to_owned(), Value::from(SECRET).into_secret())].into());
    Entry::Set {
        resources: vec![Recorded {
            urn: format!("std/Value::{name}").parse().unwrap(),
            identity: String::new(),
            inputs,
            outputs: Value::from(json!({"$sealed": "v1:not really"})),
            hints: Default::default(),
            unsettled: false,
            deferred: None,
        }],
    }
}

/// A run: takes the lock, records each name on its own, and compacts. Says which names were recorded.
async fn run(
    store: &BucketStore,
    by: &str,
    new: &[&str],
    recorded: &mut Vec<String>,
) -> Result<(), StoreError> {
    let _guard = store.lock(&holder(by)).await?;
    let mut state = match store.load().await? {
        Some(loaded) => loaded.state,
        None => {
            let state = new_state();
            store.append(&[state.genesis()]).await?;
            let mut begun = state.clone();
            begun.apply(state.genesis());
            begun
        }
    };
    for name in new {
        store.append(&[set(name)]).await?;
        state.apply(set(name));
        recorded.push((*name).to_owned());
    }
    store.compact(&state).await
}

async fn run_well(store: &BucketStore, by: &str, new: &[&str]) {
    run(store, by, new, &mut Vec::new()).await.unwrap();
}

fn set_of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_goes_on_where_the_other_ended() {
    let world = World::new();
    assert!(world.host().load().await.unwrap().is_none());
    for (number, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        run_well(&world.host(), "ada", &[name, &format!("{name}2")]).await;
        assert_eq!(world.found().await.len(), 2 * (number + 1));
    }
    let loaded = world.host().load().await.unwrap().unwrap();
    assert_eq!((loaded.state.serial, loaded.notices.len()), (9, 0));
    assert_eq!(loaded.state.resources[&"std/Value::a".parse().unwrap()], {
        let Entry::Set { mut resources } = set("a") else { unreachable!() };
        resources.remove(0)
    });
    // Two snapshots, what was recorded between them, the keys; no lock.
    let names: Vec<_> = world.bucket.names().iter().map(|name| name.replace(PREFIX, "")).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(names.iter().filter(|name| name.starts_with("journal/")).count(), 3, "{names:?}");
    assert!(!names.contains(&LOCK.to_owned()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_without_the_lock_and_nothing_by_reading() {
    let world = World::new();
    let error = world.host().append(&[new_state().genesis()]).await.unwrap_err();
    assert!(matches!(error, StoreError::LockLost { .. }), "{error}");
    world.host().load().await.unwrap();
    assert!(world.bucket.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_or_closed_says_what_to_do() {
    struct Refusing(fn() -> ObjectError);
    #[async_trait]
    impl ObjectAccess for Refusing {
        fn bucket(&self) -> &str {
            "team-state"
        }
        async fn get(&self, _: &str) -> Result<Option<objects::Object>, ObjectError> {
            Err(self.0())
        }
        async fn put(&self, _: &str, _: &[u8], _: Precondition) -> Result<u64, ObjectError> {
            Err(self.0())
        }
        async fn list(&self, _: &str) -> Result<Vec<String>, ObjectError> {
            Err(self.0())
        }
        async fn delete(&self, _: &str, _: Option<u64>) -> Result<(), ObjectError> {
            Err(self.0())
        }
        async fn purge(&self, _: &str) -> Result<(), ObjectError> {
            Err(self.0())
        }
    }
    let world = World::new();
    let said = async |error| {
        let store = BucketStore::new(Arc::new(Refusing(error)), "", "dev", &target(), world.keys(None));
        let loaded = store.load().await.unwrap_err();
        let Err(locked) = store.lock(&holder("ada")).await else { panic!("locked") };
        [loaded, locked].map(|error| match error {
            StoreError::Unreachable { ref remedy, .. } => format!("{error} {remedy}"),
            other => panic!("{other}"),
        })
    };
    assert_eq!(
        said(|| ObjectError::NoBucket).await,
        [
            "the state in gs://team-state/dev@gcp-demo/snapshot.json cannot be reached: there is no bucket \
             `team-state`. Make it with `mlflow-host state init gs://team-state`.",
            "the state in gs://team-state/dev@gcp-demo/lock.json cannot be reached: there is no bucket \
             `team-state`. Make it with `mlflow-host state init gs://team-state`.",
        ]
    );
    let [read, lock] =
        said(|| ObjectError::Forbidden("ada does not have storage.objects.get.".to_owned())).await;
    assert!(
        read.contains("you may not read there (ada does not have storage.objects.get). Ask the owner"),
        "{read}"
    );
    assert!(
        lock.contains("you may not lock there") && lock.contains("--role=roles/storage.objectUser"),
        "{lock}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_refused_and_restored() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        run_well(&world.host(), "ada", &[name]).await;
    }
    let (snapshot, good) = (format!("{PREFIX}{SNAPSHOT}"), world.found().await);
    // A flipped bit anywhere in the snapshot.
    let length = world.bucket.content(&snapshot).unwrap().len();
    for position in (0..length).step_by(7) {
        world.bucket.damage(&snapshot, |content| content[position] ^= 1);
        let error = world.host().load().await.unwrap_err();
        let StoreError::Damaged { restore, .. } = &error else { panic!("{position}: {error}") };
        assert!(restore.contains("mlflow-host state restore"), "{restore}");
        world.bucket.damage(&snapshot, |content| content[position] ^= 1);
    }
    world.bucket.damage(&snapshot, |content| content.truncate(10));
    let host = world.host();
    let guard = host.lock(&holder("ada")).await.unwrap();
    assert_eq!(host.restore().await.unwrap(), Vec::<String>::new());
    drop(guard);
    assert_eq!(world.found().await, good);

    // A damaged segment: what comes after it is left out, and said.
    let host = world.host();
    let guard = host.lock(&holder("ada")).await.unwrap();
    for name in ["d", "e", "f"] {
        host.append(&[set(name)]).await.unwrap();
    }
    drop(guard);
    let segments: Vec<_> = world.bucket.names().into_iter().filter(|name| name.ends_with(".jsonl")).collect();
    world.bucket.damage(&segments[segments.len() - 2], |content| content[30] ^= 1);
    let error = world.host().load().await.unwrap_err();
    let StoreError::Damaged { restore, .. } = &error else { panic!("{error}") };
    assert_eq!(restore.matches(".jsonl").count(), 2, "{restore}");
    let host = world.host();
    let guard = host.lock(&holder("ada")).await.unwrap();
    assert_eq!(host.restore().await.unwrap().len(), 2);
    drop(guard);
    assert_eq!(world.found().await, set_of(&["a", "b", "c", "d"]));
    run_well(&world.host(), "ada", &["g"]).await;
    assert_eq!(world.found().await, set_of(&["a", "b", "c", "d", "g"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_snapshot_that_is_damaged_comes_back_from_the_journal() {
    let world = World::new();
    run_well(&world.host(), "ada", &["a", "b"]).await;
    world.bucket.damage(&format!("{PREFIX}{SNAPSHOT}"), |content| content[40] ^= 1);
    let host = world.host();
    let guard = host.lock(&holder("ada")).await.unwrap();
    host.restore().await.unwrap();
    drop(guard);
    assert_eq!(world.found().await, set_of(&["a", "b"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_object_holds_a_secret_in_the_clear() {
    let world = World::new();
    run_well(&world.host(), "ada", &["a"]).await;
    let everything = world.bucket.everything();
    assert!(everything.len() >= 5);
    for (name, content) in everything {
        let text = String::from_utf8(content).unwrap();
        assert!(!text.contains(SECRET) && !text.contains("battery"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_leaves_a_bucket_for_another_store() {
    let world = World::new();
    run_well(&world.host(), "ada", &["a", "b"]).await;
    let (from, directory) = (world.host(), TempDir::new().unwrap());
    let to = crate::DirectoryStore::new(directory.path(), "dev", &target(), world.keys(Some("other")));
    let guard = from.lock(&holder("ada")).await.unwrap();
    let state = from.load().await.unwrap().unwrap().state;
    crate::replace(&to, &state).await.unwrap();
    let moved = to.load().await.unwrap().unwrap().state;
    assert_eq!(State { serial: state.serial, ..moved }, state);
    from.retire().await.unwrap();
    drop(guard);
    assert!(world.bucket.names().is_empty(), "{:?}", world.bucket.names());
    assert!(world.host().load().await.unwrap().is_none());
}
