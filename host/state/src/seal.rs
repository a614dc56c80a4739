//! Sealing the secret parts of a JSON document.
//!
//! Wherever a document has `{"$secret": X}`, the sealed one has `{"$sealed": "v1:…"}`: the nonce and the
//! ciphertext of the whole object, in base64. A `{"$sealed": …}` that was in the document before (the
//! author's data may look like anything) is sealed as well, so opening gives back exactly what was there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Map, Value as Json};
use zeroize::Zeroizing;

const SECRET: &str = "$secret";
const SEALED: &str = "$sealed";
const PREFIX: &str = "v1:";
const NONCE_BYTES: usize = 24;

/// A key of XChaCha20-Poly1305.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// What cannot be opened, and why, as a clause.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("a sealed value is not in the form that this version writes")]
    Form,
    #[error("a sealed value does not fit the key: it was sealed with another one, or was changed")]
    Key,
    #[error("there is no key for a sealed value")]
    NoKey,
}

/// A new random key.
pub(crate) fn random_key() -> Key {
    Zeroizing::new(rand::random())
}

/// Seals bytes. `purpose` must be given again to open them, so that one ciphertext cannot stand in for
/// another.
pub(crate) fn seal_bytes(key: &Key, purpose: &str, plain: &[u8]) -> Option<String> {
    // 192 random bits never repeat in practice: no counter has to be kept.
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let payload = Payload { msg: plain, aad: purpose.as_bytes() };
    let sealed = cipher(key).encrypt(XNonce::from_slice(&nonce), payload).ok()?;
    Some(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

/// Opens what [`seal_bytes`] sealed.
pub(crate) fn open_bytes(key: &Key, purpose: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let bytes = STANDARD.decode(sealed).map_err(|_| OpenError::Form)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Form)?;
    let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
    let plain = cipher(key).decrypt(XNonce::from_slice(nonce), payload).map_err(|_| OpenError::Key)?;
    Ok(Zeroizing::new(plain))
}

/// Seals every secret of a document. `None` when the cipher refuses, which takes a secret of 256 GiB.
pub(crate) fn seal(key: &Key, document: Json) -> Option<Json> {
    Some(match document {
        Json::Object(object) if mark(&object).is_some_and(|mark| mark == SECRET || mark == SEALED) => {
            let plain = Zeroizing::new(Json::Object(object).to_string());
            Json::Object(Map::from_iter([(
                SEALED.to_owned(),
                Json::String(format!("{PREFIX}{}", seal_bytes(key, SECRET, plain.as_bytes())?)),
            )]))
        }
        Json::Object(object) => Json::Object(
            object.into_iter().map(|(name, value)| Some((name, seal(key, value)?))).collect::<Option<_>>()?,
        ),
        Json::Array(items) => {
            Json::Array(items.into_iter().map(|item| seal(key, item)).collect::<Option<_>>()?)
        }
        scalar => scalar,
    })
}

/// Opens every secret of a sealed document with the first of `keys` that fits.
pub(crate) fn open(keys: &[Key], document: Json) -> Result<Json, OpenError> {
    Ok(match document {
        Json::Object(mut object) if mark(&object) == Some(SEALED) => {
            let Some(Json::String(sealed)) = object.remove(SEALED) else { return Err(OpenError::Form) };
            let sealed = sealed.strip_prefix(PREFIX).ok_or(OpenError::Form)?;
            let mut opened = Err(OpenError::NoKey);
            for key in keys {
                opened = open_bytes(key, SECRET, sealed);
                if opened.is_ok() {
                    break;
                }
            }
            serde_json::from_slice(&opened?).map_err(|_| OpenError::Form)?
        }
        Json::Object(object) => Json::Object(
            object
                .into_iter()
                .map(|(name, value)| Ok((name, open(keys, value)?)))
                .collect::<Result<_, OpenError>>()?,
        ),
        Json::Array(items) => {
            Json::Array(items.into_iter().map(|item| open(keys, item)).collect::<Result<_, _>>()?)
        }
        scalar => scalar,
    })
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_slice().into())
}

/// The only key of an object with one entry.
fn mark(object: &Map<String, Json>) -> Option<&str> {
    let mut names = object.keys();
    names.next().filter(|_| names.next().is_none()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf =
            prop_oneof![Just(Json::Null), any::<i64>().prop_map(Json::from), ".*".prop_map(Json::from)];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let name = prop_oneof![Just("$secret"), Just("$sealed"), Just("$map"), Just("a")];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                prop::collection::btree_map(name, inner, 0..3)
                    .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_document_opens_as_it_was(document in any_json()) {
            let key = random_key();
            let sealed = seal(&key, document.clone()).unwrap();
            let opened = open(&[random_key(), key], sealed);
            prop_assert_eq!(opened, Ok(document));
        }
    }

    #[test]
    fn nothing_of_a_secret_stays_readable() {
        let sealed =
            seal(&random_key(), json!({"a": [{"$secret": {"user": "root"}}], "b": "plain"})).unwrap();
        let text = sealed.to_string();
        assert!(!text.contains("root") && !text.contains("user"), "{text}");
        assert_eq!(sealed["b"], "plain");
    }

    #[test]
    fn another_key_and_a_changed_text_are_refused() {
        let key = random_key();
        let sealed = seal(&key, json!({"$secret": "x"})).unwrap();
        assert_eq!(open(&[random_key()], sealed.clone()), Err(OpenError::Key));
        assert_eq!(open(&[], sealed), Err(OpenError::NoKey));
        for wrong in [json!({"$sealed": 7}), json!({"$sealed": "v2:AAAA"}), json!({"$sealed": "v1:AAAA"})] {
            assert_eq!(open(std::slice::from_ref(&key), wrong), Err(OpenError::Form));
        }
    }
}
