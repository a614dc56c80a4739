//! Changing keys: nothing stays readable with the old one, whatever happens on the way.

use super::*;
use crate::seal;

async fn rekey(world: &World, line: &Arc<Line>, from: Option<&str>, to: &str) -> Result<(), StoreError> {
    let store = world.keyed(line, from);
    let _guard = store.lock(&holder("ada")).await?;
    let state = store.load().await?.unwrap().state;
    store.rekey(&state, Some(Wrap::Passphrase(Zeroizing::new(to.to_owned())))).await
}

async fn loads(world: &World, passphrase: Option<&str>) -> Result<BTreeSet<String>, StoreError> {
    let store = world.keyed(&Line::new(&world.bucket, Fate::Well), passphrase);
    Ok(names(&store.load().await?.unwrap().state))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_key_opens_nothing_that_is_left() {
    let world = World::new();
    run_well(&world.host(), "ada", &["a"]).await;
    run_well(&world.host(), "ada", &["b"]).await;
    let old = world.host().ring().await.unwrap().unwrap().keys[0].clone();
    let all = set_of(&["a", "b"]);
    rekey(&world, &Line::new(&world.bucket, Fate::Well), None, "sesame").await.unwrap();

    let error = loads(&world, None).await.unwrap_err().to_string();
    assert!(error.contains("they were sealed with a passphrase; set MLFLOW_HOST_PASSPHRASE"), "{error}");
    let error = loads(&world, Some("Sesame")).await.unwrap_err().to_string();
    assert!(error.contains("is not the one that they were sealed with"), "{error}");
    assert_eq!(loads(&world, Some("sesame")).await.unwrap(), all);

    // Neither the objects nor their earlier versions.
    let mut sealed = 0;
    for (name, content) in world.bucket.everything() {
        let text = String::from_utf8(content).unwrap();
        assert!(!name.ends_with(KEYS) || !text.contains("key-file"), "{text}");
        for piece in text.split("\"$sealed\":\"").skip(1) {
            sealed += 1;
            let piece = json!({"$sealed": piece.split('"').next().unwrap()}).to_string();
            assert_eq!(seal::open(std::slice::from_ref(&old), &piece), Err(seal::OpenError::Key), "{name}");
        }
    }
    assert!(sealed >= 2, "{sealed}");
    let store = world.keyed(&Line::new(&world.bucket, Fate::Well), Some("sesame"));
    run_well(&store, "ada", &["c"]).await;
    assert_eq!(loads(&world, Some("sesame")).await.unwrap(), set_of(&["a", "b", "c"]));
}

/// A host that knows these keys of a key service, and takes the first for a new state.
fn with_keys(world: &World, line: &Arc<Line>, known: &'static [&'static str]) -> BucketStore {
    let objects: Arc<dyn ObjectAccess> = Arc::clone(line) as _;
    let kms: Arc<dyn crate::KeyService> = Arc::new(fake::TestKeys(known));
    let kms_key = known.first().map(|key| (*key).to_owned());
    let keys = KeySource { kms_key, kms: Some(kms), ..world.keys(None) };
    BucketStore::new(objects, "mlflow/", "dev", &target(), keys).with_clock(Arc::clone(&world.clock) as _)
}

async fn found(world: &World, known: &'static [&'static str]) -> Result<BTreeSet<String>, StoreError> {
    let store = with_keys(world, &Line::new(&world.bucket, Fate::Well), known);
    Ok(names(&store.load().await?.unwrap().state))
}

async fn change(store: &BucketStore, to: Option<&str>) -> Result<(), StoreError> {
    let _guard = store.lock(&holder("ada")).await?;
    let state = store.load().await?.unwrap().state;
    store.rekey(&state, to.map(|key| Wrap::CloudKms(key.to_owned()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_change_opens_with_either_key_and_can_be_done_again() {
    let mut points = 0;
    for after in [false, true] {
        for at in 0.. {
            let world = World::new();
            let well = || Line::new(&world.bucket, Fate::Well);
            run_well(&with_keys(&world, &well(), &["one"]), "ada", &["a"]).await;
            run_well(&with_keys(&world, &well(), &["one"]), "ada", &["b"]).await;
            let all = set_of(&["a", "b"]);
            let fate = if after { Fate::CutAfter(at) } else { Fate::CutBefore(at) };
            let line = Line::new(&world.bucket, fate);
            let ended = change(&with_keys(&world, &line, &["one", "two"]), Some("two")).await;
            if line.done() <= at {
                ended.unwrap();
                break;
            }
            points += 1;
            world.expire();
            // Whoever has both can read it, and can change the keys.
            assert_eq!(found(&world, &["one", "two"]).await.unwrap(), all, "{at}");
            let store = with_keys(&world, &well(), &["one", "two", "three"]);
            change(&store, Some("three")).await.unwrap();
            assert_eq!(found(&world, &["three"]).await.unwrap(), all, "{at}");
            let error = found(&world, &["one", "two"]).await.unwrap_err().to_string();
            assert!(error.contains("there is no key `three`"), "{error}");
        }
    }
    assert!(points > 20, "{points}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_without_a_new_manner_keeps_the_old_one() {
    let world = World::new();
    let store = with_keys(&world, &Line::new(&world.bucket, Fate::Well), &["one"]);
    run_well(&store, "ada", &["a"]).await;
    let before = world.bucket.content(&format!("{PREFIX}{KEYS}")).unwrap();
    change(&store, None).await.unwrap();
    assert_ne!(world.bucket.content(&format!("{PREFIX}{KEYS}")).unwrap(), before);
    assert_eq!(found(&world, &["one"]).await.unwrap(), set_of(&["a"]));
    let error = loads(&world, None).await.unwrap_err().to_string();
    assert!(error.contains("wrapped with one, and Cloud KMS is not reached here"), "{error}");
}
