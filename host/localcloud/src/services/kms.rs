//! Cloud KMS v1: key rings, symmetric keys and their versions, and encryption with them. The material of
//! each version is made here and never leaves; the ciphertexts are real (XChaCha20-Poly1305).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::clock;
use crate::common::error::ApiError;
use crate::common::json::{apply_mask, fill, text};
use crate::common::policies;
use crate::server::call::{Answer, Call, Reply, page};

/// Largest plaintext and additional data, in bytes.
const LARGEST: usize = 64 * 1024;
const NONCE_BYTES: usize = 24;
/// Before nonce and ciphertext stands the number of the version.
const NUMBER_BYTES: usize = 4;

pub(crate) fn call(cloud: &Cloud, call: Call) -> Answer {
    let ring = call.located("keyRings", call.variable("keyRing"));
    let action = call.action().trim_start_matches("projects.locations.keyRings.");
    match (action, action.strip_prefix("cryptoKeys.")) {
        ("create", _) => create_ring(cloud, &call),
        ("list", _) => {
            let prefix = call.located("keyRings", "");
            let rows = cloud.store.key_rings.list(&prefix).into_iter().map(|(_, body)| body);
            page(&call, "keyRings", rows.collect()).map(Reply::Json)
        }
        ("get", _) => existing(&cloud.store.key_rings, "KeyRing", &ring).map(Reply::Json),
        (action, None) => {
            existing(&cloud.store.key_rings, "KeyRing", &ring)?;
            policy(cloud, &call, &ring, action)
        }
        (_, Some(action)) => {
            existing(&cloud.store.key_rings, "KeyRing", &ring)?;
            // Encryption may name a version; the key is what counts.
            let key = call.variable("cryptoKey");
            let key = key.split_once("/cryptoKeyVersions/").map_or(key, |(key, _)| key);
            key_call(cloud, &call, &format!("{ring}/cryptoKeys/{key}"), action)
        }
    }
}

type Rows = crate::store::Collection<Value>;

fn existing(rows: &Rows, what: &str, name: &str) -> Result<Value, ApiError> {
    rows.get(name).ok_or_else(|| ApiError::not_found(format!("{what} {name} not found.")))
}

fn policy(cloud: &Cloud, call: &Call, name: &str, action: &str) -> Answer {
    let resource = format!("//cloudkms.googleapis.com/{name}");
    match action {
        "getIamPolicy" => Ok(Reply::Json(policies::get(cloud, &resource))),
        "setIamPolicy" => policies::set(cloud, &resource, &call.body["policy"]).map(Reply::Json),
        "testIamPermissions" => Ok(Reply::Json(json!({"permissions": call.body["permissions"]}))),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn check_id(id: &str, field: &str) -> Result<(), ApiError> {
    let fits = (1..=63).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if fits {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid {field} '{id}': it must match [a-zA-Z0-9_-]{{1,63}}.")))
}

fn create_ring(cloud: &Cloud, call: &Call) -> Answer {
    let id = call.required("keyRingId")?;
    check_id(id, "keyRingId")?;
    let name = call.located("keyRings", id);
    let ring = json!({"name": name, "createTime": clock::now()});
    Cloud::create(&cloud.store.key_rings, &name, ring.clone(), || {
        ApiError::exists(format!("KeyRing {name} already exists."))
    })?;
    Ok(Reply::Json(ring))
}

fn key_call(cloud: &Cloud, call: &Call, key: &str, action: &str) -> Answer {
    match action {
        "create" => create_key(cloud, call),
        "list" => {
            let prefix = format!("{}/cryptoKeys/", call.located("keyRings", call.variable("keyRing")));
            let keys = cloud.store.crypto_keys.list(&prefix).into_iter();
            let keys = keys.map(|(name, body)| shown(cloud, &name, body)).collect();
            page(call, "cryptoKeys", keys).map(Reply::Json)
        }
        "get" => known_key(cloud, key).map(Reply::Json),
        "patch" => {
            let mask = call.required("updateMask")?;
            let changed = cloud.store.crypto_keys.change::<ApiError>(key, |body| {
                apply_mask(body, &call.body, mask);
                Ok(())
            })?;
            let changed =
                changed.ok_or_else(|| ApiError::not_found(format!("CryptoKey {key} not found.")))?;
            Ok(Reply::Json(shown(cloud, key, changed)))
        }
        "encrypt" => encrypt(cloud, call, key),
        "decrypt" => decrypt(cloud, call, key),
        "updatePrimaryVersion" => {
            let id = call.text("cryptoKeyVersionId").unwrap_or_default();
            let name = format!("{key}/cryptoKeyVersions/{id}");
            enabled(&existing(&cloud.store.key_versions, "CryptoKeyVersion", &name)?)?;
            cloud.store.crypto_keys.change::<ApiError>(key, |body| {
                body["primary"] = json!({"name": name});
                Ok(())
            })?;
            known_key(cloud, key).map(Reply::Json)
        }
        "getIamPolicy" | "setIamPolicy" | "testIamPermissions" => {
            known_key(cloud, key)?;
            policy(cloud, call, key, action)
        }
        action => match action.strip_prefix("cryptoKeyVersions.") {
            Some(action) => version_call(cloud, call, key, action),
            None => Err(ApiError::unimplemented(call.id)),
        },
    }
}

/// A key as it is shown: with its primary version as that is now.
fn shown(cloud: &Cloud, key: &str, mut body: Value) -> Value {
    body["name"] = key.into();
    let primary = text(&body, "primary.name").and_then(|name| cloud.store.key_versions.get(name));
    if let Some(primary) = primary {
        body["primary"] = primary;
    }
    body
}

fn known_key(cloud: &Cloud, key: &str) -> Result<Value, ApiError> {
    existing(&cloud.store.crypto_keys, "CryptoKey", key).map(|body| shown(cloud, key, body))
}

fn create_key(cloud: &Cloud, call: &Call) -> Answer {
    let id = call.required("cryptoKeyId")?;
    check_id(id, "cryptoKeyId")?;
    let key = format!("{}/cryptoKeys/{id}", call.located("keyRings", call.variable("keyRing")));
    if call.text("purpose") != Some("ENCRYPT_DECRYPT") {
        return Err(ApiError::invalid("The local cloud has keys of purpose ENCRYPT_DECRYPT only."));
    }
    let mut body = call.body.clone();
    fill(
        &mut body,
        json!({
            "createTime": clock::now(),
            "destroyScheduledDuration": "2592000s",
            "versionTemplate": {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"},
        }),
    );
    body["name"] = key.as_str().into();
    Cloud::create(&cloud.store.crypto_keys, &key, body, || {
        ApiError::exists(format!("CryptoKey {key} already exists."))
    })?;
    if call.query("skipInitialVersionCreation") != Some("true") {
        let version = add_version(cloud, &key)?;
        cloud.store.crypto_keys.change::<ApiError>(&key, |body| {
            body["primary"] = json!({"name": version["name"]});
            Ok(())
        })?;
    }
    known_key(cloud, &key).map(Reply::Json)
}

fn add_version(cloud: &Cloud, key: &str) -> Result<Value, ApiError> {
    loop {
        let number = cloud.store.key_versions.list(&format!("{key}/cryptoKeyVersions/")).len() + 1;
        let name = format!("{key}/cryptoKeyVersions/{number}");
        let material = STANDARD.encode(rand::random::<[u8; 32]>());
        // The material first: a version without one must never be seen.
        if cloud.store.key_material.create(&name, material.into())? {
            let now = clock::now();
            let version = json!({
                "name": name, "state": "ENABLED", "createTime": now, "generateTime": now,
                "protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION",
            });
            cloud.store.key_versions.put(&name, version.clone())?;
            return Ok(version);
        }
    }
}

fn version_call(cloud: &Cloud, call: &Call, key: &str, action: &str) -> Answer {
    known_key(cloud, key)?;
    let prefix = format!("{key}/cryptoKeyVersions/");
    let name = format!("{prefix}{}", call.variable("cryptoKeyVersion"));
    let change = |change: &dyn Fn(&mut Value) -> Result<(), ApiError>| {
        let changed = cloud.store.key_versions.change::<ApiError>(&name, |version| change(version))?;
        changed
            .map(Reply::Json)
            .ok_or_else(|| ApiError::not_found(format!("CryptoKeyVersion {name} not found.")))
    };
    match action {
        "create" => add_version(cloud, key).map(Reply::Json),
        "get" => existing(&cloud.store.key_versions, "CryptoKeyVersion", &name).map(Reply::Json),
        "list" => {
            let mut versions = cloud.store.key_versions.list(&prefix);
            versions.sort_by_key(|(name, _)| (name.len(), name.clone()));
            let versions = versions.into_iter().map(|(_, body)| body).collect();
            page(call, "cryptoKeyVersions", versions).map(Reply::Json)
        }
        "patch" => change(&|version| {
            let wanted = call.text("state").unwrap_or_default();
            let now = text(version, "state").unwrap_or_default();
            if !["ENABLED", "DISABLED"].contains(&wanted) || !["ENABLED", "DISABLED"].contains(&now) {
                return Err(ApiError::precondition(format!(
                    "{name} cannot go from state {now} to state {wanted}."
                )));
            }
            version["state"] = wanted.into();
            Ok(())
        }),
        "destroy" => change(&|version| {
            version["state"] = "DESTROY_SCHEDULED".into();
            version["destroyTime"] = clock::now().into();
            Ok(())
        }),
        "restore" => change(&|version| {
            if version["state"] != "DESTROY_SCHEDULED" {
                return Err(ApiError::precondition(format!("{name} is not scheduled for destruction.")));
            }
            version["state"] = "DISABLED".into();
            crate::common::json::remove(version, "destroyTime");
            Ok(())
        }),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn enabled(version: &Value) -> Result<(), ApiError> {
    match text(version, "state") {
        Some("ENABLED") => Ok(()),
        state => Err(ApiError::precondition(format!(
            "{} is not enabled, current state is: {}.",
            text(version, "name").unwrap_or_default(),
            state.unwrap_or_default()
        ))),
    }
}

/// The bytes at a field of the body, whose checksum must fit if there is one.
fn bytes(call: &Call, field: &str) -> Result<Vec<u8>, ApiError> {
    let given = call.text(field).unwrap_or_default();
    let bytes = STANDARD
        .decode(given)
        .or_else(|_| URL_SAFE.decode(given))
        .map_err(|_| ApiError::invalid(format!("Invalid value at '{field}' (TYPE_BYTES), {given}")))?;
    if bytes.len() > LARGEST {
        return Err(ApiError::invalid(format!("{field} is larger than {LARGEST} bytes.")));
    }
    let sum = &call.body[format!("{field}Crc32c")];
    let sum = sum.as_str().map_or_else(|| sum.to_string(), str::to_owned);
    if sum != "null" && sum != crc32c::crc32c(&bytes).to_string() {
        return Err(ApiError::invalid(format!("The checksum in field {field}_crc32c did not match.")));
    }
    Ok(bytes)
}

fn cipher(cloud: &Cloud, version: &str) -> Result<XChaCha20Poly1305, ApiError> {
    let material = cloud.store.key_material.get(version);
    let material = material.as_ref().and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    let missing = || ApiError::internal(format!("the material of {version} is missing"));
    XChaCha20Poly1305::new_from_slice(&material.ok_or_else(missing)?).map_err(|_| missing())
}

fn encrypt(cloud: &Cloud, call: &Call, key: &str) -> Answer {
    let primary = known_key(cloud, key)?;
    let named = call.variable("cryptoKey").split_once("/cryptoKeyVersions/").map(|(_, number)| number);
    let version = match (named, text(&primary, "primary.name")) {
        (Some(number), _) => format!("{key}/cryptoKeyVersions/{number}"),
        (None, Some(name)) => name.to_owned(),
        (None, None) => {
            return Err(ApiError::precondition(format!("{key} does not have a primary version.")));
        }
    };
    enabled(&existing(&cloud.store.key_versions, "CryptoKeyVersion", &version)?)?;
    let (plain, data) = (bytes(call, "plaintext")?, bytes(call, "additionalAuthenticatedData")?);
    if plain.is_empty() {
        return Err(ApiError::invalid("Required field 'plaintext' is empty."));
    }
    let number: u32 = version.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let sealed = cipher(cloud, &version)?
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: &plain, aad: &data })
        .map_err(|_| ApiError::internal("encryption failed"))?;
    let ciphertext = [number.to_be_bytes().as_slice(), &nonce, &sealed].concat();
    Ok(Reply::Json(json!({
        "name": version,
        "ciphertext": STANDARD.encode(&ciphertext),
        "ciphertextCrc32c": crc32c::crc32c(&ciphertext).to_string(),
        "verifiedPlaintextCrc32c": call.body.get("plaintextCrc32c").is_some(),
        "verifiedAdditionalAuthenticatedDataCrc32c":
            call.body.get("additionalAuthenticatedDataCrc32c").is_some(),
        "protectionLevel": "SOFTWARE",
    })))
}

fn decrypt(cloud: &Cloud, call: &Call, key: &str) -> Answer {
    let current = known_key(cloud, key)?;
    let (ciphertext, data) = (bytes(call, "ciphertext")?, bytes(call, "additionalAuthenticatedData")?);
    let wrong =
        || ApiError::invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.");
    let (number, rest) = ciphertext.split_at_checked(NUMBER_BYTES).ok_or_else(wrong)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or_else(wrong)?;
    let number = u32::from_be_bytes(number.try_into().map_err(|_| wrong())?);
    let name = format!("{key}/cryptoKeyVersions/{number}");
    enabled(&cloud.store.key_versions.get(&name).ok_or_else(wrong)?)?;
    let plain = cipher(cloud, &name)?
        .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &data })
        .map_err(|_| wrong())?;
    Ok(Reply::Json(json!({
        "plaintext": STANDARD.encode(&plain),
        "plaintextCrc32c": crc32c::crc32c(&plain).to_string(),
        "usedPrimary": text(&current, "primary.name") == Some(name.as_str()),
        "protectionLevel": "SOFTWARE",
    })))
}
