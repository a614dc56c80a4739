//! Shared states on a real local cloud, over HTTP.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mlflow_host_gcp::Created;
use mlflow_host_gcp_api::kinds::Kinds;
use mlflow_host_localcloud::{LocalCloud, ServeOptions};
use mlflow_host_state::Clock;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;

const BUCKET: &str = "team-state";

struct World {
    cloud: Option<LocalCloud>,
    directory: TempDir,
    access: GcpConfig,
}

impl World {
    async fn new() -> Self {
        // An error says that another test has installed it, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = TempDir::new().unwrap();
        let cloud = LocalCloud::start(ServeOptions::new(directory.path().join("cloud"))).await.unwrap();
        let access = GcpConfig {
            project: "demo-project".to_owned(),
            region: "europe-west1".to_owned(),
            project_number: None,
            stack: "dev".to_owned(),
            seed: String::new(),
            endpoints: Endpoints::Prefix(cloud.base_url().to_owned()),
            credentials: Credentials::None,
            quota_project: None,
            kinds: Kinds::default(),
            assets: Arc::new(NoAssets),
            offline: false,
        };
        Self { cloud: Some(cloud), directory, access }
    }

    async fn with_bucket() -> Self {
        let world = Self::new().await;
        assert_eq!(Bucket::new(&world.access, BUCKET).create("europe-west1").await, Ok(Created::New));
        world
    }

    fn keys(&self, kms_key: Option<&str>) -> KeySource {
        KeySource {
            passphrase: None,
            key_file: self.directory.path().join("key"),
            kms_key: kms_key.map(str::to_owned),
            kms: Some(Arc::new(Keys(KeyManagement::new(&self.access)))),
        }
    }

    fn store(&self, bucket: &str, kms_key: Option<&str>) -> BucketStore {
        let objects = Arc::new(Objects(Bucket::new(&self.access, bucket)));
        BucketStore::new(objects, "mlflow", "dev", &target(), self.keys(kms_key))
    }

    async fn post(&self, path: &str, body: Json) -> Json {
        let address = format!("{}/{path}", self.cloud.as_ref().unwrap().base_url());
        let answer = reqwest::Client::new().post(address).json(&body).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    async fn stop(mut self) {
        self.cloud.take().unwrap().stop().await;
    }
}

fn target() -> mlflow_host_engine::StateTarget {
    mlflow_host_engine::StateTarget { cloud: "local".to_owned(), project: "demo-project".to_owned() }
}

fn begun() -> State {
    State::new("dev", target(), "ab1cd".to_owned())
}

fn output(text: &str) -> Entry {
    Entry::Outputs { outputs: mlflow_host_graph::Value::from(text).into_secret() }
}

async fn shown(store: &BucketStore) -> String {
    store.load().await.unwrap().unwrap().state.outputs.reveal().as_str().unwrap().to_owned()
}

/// A clock of a host whose time is later.
struct Later;

#[async_trait]
impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_mins(5)
    }

    async fn sleep(&self, _duration: Duration) {
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_at_one_bucket_and_one_of_them_frozen() {
    let world = World::with_bucket().await;
    let (ada, bob) = (world.store(BUCKET, None), world.store(BUCKET, None));
    let (up, destroy) = (super::super::holder("up"), super::super::holder("destroy"));
    let (one, two) = tokio::join!(ada.lock(&up), bob.lock(&destroy));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    let (winner, loser, guard) = match (one, two) {
        (Ok(guard), Err(StoreError::Locked { command, .. })) => {
            assert_eq!(command, "up");
            (ada, bob, guard)
        }
        (Err(StoreError::Locked { .. }), Ok(guard)) => (bob, ada, guard),
        _ => panic!("the loser must be told who has won"),
    };
    assert!(winner.load().await.unwrap().is_none());
    winner.append(&[begun().genesis(), output("one")]).await.unwrap();
    winner.append(&[output("two")]).await.unwrap();
    assert_eq!(shown(&loser).await, "two");

    // Its lease is over, for somebody whose clock is five minutes on.
    let later = world.store(BUCKET, None).with_clock(Arc::new(Later));
    let other = later.lock(&super::super::holder("up")).await.unwrap();
    assert_eq!(shown(&later).await, "two");
    later.append(&[output("three")]).await.unwrap();
    let error = winner.append(&[output("lost")]).await.unwrap_err();
    assert!(matches!(error, StoreError::LockLost { .. }), "{error}");
    let state = later.load().await.unwrap().unwrap().state;
    later.compact(&state).await.unwrap();
    assert!(winner.compact(&begun()).await.is_err());
    drop(guard);
    assert_eq!(shown(&loser).await, "three");
    drop(other);
    drop(loser.lock(&super::super::holder("up")).await.unwrap());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_made_once_and_never_taken_from_others() {
    let world = World::new().await;
    let missing = world.store("no-such-bucket", None).load().await.unwrap_err();
    assert!(missing.to_string().contains("there is no bucket `no-such-bucket`"), "{missing}");

    let bucket = Bucket::new(&world.access, BUCKET);
    assert_eq!(bucket.create("europe-west1").await, Ok(Created::New));
    assert_eq!(bucket.create("europe-west1").await, Ok(Created::AlreadyThere(vec![])));
    let plain = json!({"name": "plain-bucket", "location": "EU"});
    world.post("storage.googleapis.com/storage/v1/b?project=demo-project", plain).await;
    let Ok(Created::AlreadyThere(lacks)) = Bucket::new(&world.access, "plain-bucket").create("EU").await
    else {
        panic!("it is there");
    };
    assert_eq!(lacks.len(), 3, "{lacks:?}");

    let other = GcpConfig { project: "other-project".to_owned(), ..world.access.clone() };
    let taken = Bucket::new(&other, BUCKET).create("europe-west1").await;
    assert_eq!(taken, Err(StorageError::Taken));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_kms_wraps_the_key_and_can_be_changed() {
    let world = World::with_bucket().await;
    let usage =
        "serviceusage.googleapis.com/v1/projects/demo-project/services/cloudkms.googleapis.com:enable";
    let ring = "projects/demo-project/locations/europe-west1/keyRings/team";
    world.post(usage, json!({})).await;
    let kms = "cloudkms.googleapis.com/v1";
    let rings = format!("{kms}/projects/demo-project/locations/europe-west1/keyRings?keyRingId=team");
    while world.post(&rings, json!({})).await["error"]["code"] == 403 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for key in ["one", "two"] {
        let body = json!({"purpose": "ENCRYPT_DECRYPT"});
        let made = world.post(&format!("{kms}/{ring}/cryptoKeys?cryptoKeyId={key}"), body).await;
        assert_eq!(made["primary"]["state"], "ENABLED", "{made}");
    }
    let (one, two) = (format!("{ring}/cryptoKeys/one"), format!("{ring}/cryptoKeys/two"));
    let store = world.store(BUCKET, Some(&one));
    let guard = store.lock(&super::super::holder("up")).await.unwrap();
    store.append(&[begun().genesis(), output("sesame")]).await.unwrap();
    let state = store.load().await.unwrap().unwrap().state;
    store.rekey(&state, Some(Wrap::CloudKms(two.clone()))).await.unwrap();
    drop(guard);
    // Whatever the configuration says, the state knows its key.
    assert_eq!(shown(&world.store(BUCKET, Some(&one))).await, "sesame");

    world.post(&format!("{kms}/{two}/cryptoKeyVersions/1:destroy"), json!({})).await;
    let error = world.store(BUCKET, None).load().await.unwrap_err().to_string();
    assert!(error.contains("Cloud KMS does not decrypt with") && error.contains("is not enabled"), "{error}");
    world.stop().await;
}

/// `preview --offline` promises to need no network, and a state beside the stack may have its key elsewhere.
#[test]
fn nothing_is_asked_for_a_key_offline() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("prod.toml");
    std::fs::write(file, "[target]\ncloud = \"gcp\"\nproject = \"real-project\"\n").unwrap();
    let program = directory.path().join("prod.wasm");
    let mut config = StackConfig::read(&program, &crate::config::Overrides::default()).unwrap();
    assert!(key_source(&config, None).kms.is_some());
    config.is_offline = true;
    assert!(key_source(&config, None).kms.is_none());
}
