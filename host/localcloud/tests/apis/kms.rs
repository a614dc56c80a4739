use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, message};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_encrypts_only_that_key_decrypts() {
    let mut cloud = Harness::with(&["cloudkms"]).await;
    let rings = format!("cloudkms.googleapis.com/v1/projects/{PROJECT}/locations/europe-west1/keyRings");
    cloud.ok(Method::POST, &format!("{rings}?keyRingId=team"), json!({})).await;
    let keys = format!("{rings}/team/cryptoKeys");
    for key in ["state", "other"] {
        let body = json!({"purpose": "ENCRYPT_DECRYPT"});
        let made = cloud.ok(Method::POST, &format!("{keys}?cryptoKeyId={key}"), body).await;
        assert_eq!(made["primary"]["state"], "ENABLED");
    }
    let plain = json!({"plaintext": "c2VzYW1l", "additionalAuthenticatedData": "YQ=="});
    let sealed = cloud.ok(Method::POST, &format!("{keys}/state:encrypt"), plain).await;
    let ciphertext = sealed["ciphertext"].as_str().unwrap().to_owned();
    assert!(!ciphertext.contains("c2VzYW1l"));
    let open = async |cloud: &Harness, key: &str, data: &str, ciphertext: &str| {
        let body = json!({"ciphertext": ciphertext, "additionalAuthenticatedData": data});
        cloud.post(&format!("{keys}/{key}:decrypt"), body).await
    };
    let good = async |cloud: &Harness| {
        let (status, answer) = open(cloud, "state", "YQ==", &ciphertext).await;
        assert_eq!((status, &answer["plaintext"]), (200, &json!("c2VzYW1l")), "{answer:#}");
        answer["usedPrimary"].clone()
    };
    assert_eq!(good(&cloud).await, true);

    // A new version encrypts from now on; the old one still decrypts, also after a restart.
    let version = cloud.ok(Method::POST, &format!("{keys}/state/cryptoKeyVersions"), json!({})).await;
    assert!(version["name"].as_str().unwrap().ends_with("/2"));
    let primary = json!({"cryptoKeyVersionId": "2"});
    cloud.ok(Method::POST, &format!("{keys}/state:updatePrimaryVersion"), primary).await;
    cloud.restart().await;
    assert_eq!(good(&cloud).await, false);

    let mut changed = ciphertext.clone().into_bytes();
    let last = changed.len() - 6;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let first = format!("{keys}/state/cryptoKeyVersions/1");
    let answers = [
        message(&open(&cloud, "other", "YQ==", &ciphertext).await),
        message(&open(&cloud, "state", "Yg==", &ciphertext).await),
        message(&open(&cloud, "state", "YQ==", &changed).await),
        message(&open(&cloud, "state", "YQ==", "AAAA").await),
        message(&open(&cloud, "none", "YQ==", &ciphertext).await),
        message(
            &cloud
                .post(&format!("{keys}/state:encrypt"), json!({"plaintext": "YQ==", "plaintextCrc32c": "7"}))
                .await,
        ),
        message(&cloud.post(&format!("{rings}?keyRingId=team"), json!({})).await),
        message(&cloud.post(&format!("{keys}?cryptoKeyId=a/b"), json!({"purpose": "ENCRYPT_DECRYPT"})).await),
    ];
    let disabled = cloud.patch(&format!("{first}?updateMask=state"), json!({"state": "DISABLED"})).await;
    assert_eq!(disabled.0, 200);
    let answers =
        [answers.as_slice(), &[message(&open(&cloud, "state", "YQ==", &ciphertext).await)]].concat();
    insta::assert_snapshot!(answers.join("\n"), @r"
    400 Decryption failed: verify that 'name' refers to the correct CryptoKey.
    400 Decryption failed: verify that 'name' refers to the correct CryptoKey.
    400 Decryption failed: verify that 'name' refers to the correct CryptoKey.
    400 Decryption failed: verify that 'name' refers to the correct CryptoKey.
    404 CryptoKey projects/demo-project/locations/europe-west1/keyRings/team/cryptoKeys/none not found.
    400 The checksum in field plaintext_crc32c did not match.
    409 KeyRing projects/demo-project/locations/europe-west1/keyRings/team already exists.
    400 Invalid cryptoKeyId 'a/b': it must match [a-zA-Z0-9_-]{1,63}.
    400 projects/demo-project/locations/europe-west1/keyRings/team/cryptoKeys/state/cryptoKeyVersions/1 is not enabled, current state is: DISABLED.
    ");

    // The material is nowhere to be read.
    let dump = cloud.ok(Method::GET, "_local/resources", Value::Null).await;
    assert!(!dump.to_string().contains("KeyMaterial"));
    cloud.stop().await;
}
