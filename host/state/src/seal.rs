//! Sealing the secret parts of a JSON document.
//!
//! Wherever a document has `{"$secret": X}`, the sealed one has `{"$sealed": "v1:…"}`: the nonce and the
//! ciphertext of the whole object, in base64. A `{"$sealed": …}` that was in the document before (the
//! author's data may look like anything) is sealed as well, so opening gives back exactly what was there.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
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

/// Seals every secret of a document, which is JSON without white space, as `serde_json` writes it. `None` when
/// the cipher refuses, which takes a secret of 256 GiB.
pub(crate) fn seal(key: &Key, document: Zeroizing<String>) -> Option<String> {
    let mut sealed = String::new();
    let mut rest = document.as_str();
    while let Some(found) = next_marked(rest, &[SECRET, SEALED]) {
        let object = seal_bytes(key, SECRET, rest[found.object.clone()].as_bytes())?;
        sealed.push_str(&rest[..found.object.start]);
        sealed.push_str(&format!("{{\"{SEALED}\":\"{PREFIX}{object}\"}}"));
        rest = &rest[found.object.end..];
    }
    sealed.push_str(rest);
    Some(sealed)
}

/// Opens every secret of a document that [`seal`] gave, with the first of `keys` that fits. `None` when there is
/// nothing to open.
pub(crate) fn open(keys: &[Key], document: &str) -> Result<Option<Zeroizing<String>>, OpenError> {
    let mut opened = Zeroizing::new(String::new());
    let mut rest = document;
    while let Some(found) = next_marked(rest, &[SEALED]) {
        let sealed = rest[found.value.clone()].strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let sealed = sealed.and_then(|text| text.strip_prefix(PREFIX)).ok_or(OpenError::Form)?;
        let mut plain = Err(OpenError::NoKey);
        for key in keys {
            plain = open_bytes(key, SECRET, sealed);
            if plain.is_ok() {
                break;
            }
        }
        opened.push_str(&rest[..found.object.start]);
        opened.push_str(std::str::from_utf8(&plain?).map_err(|_| OpenError::Form)?);
        rest = &rest[found.object.end..];
    }
    if rest.len() == document.len() {
        return Ok(None);
    }
    opened.push_str(rest);
    Ok(Some(opened))
}

/// Where in a text an object with a single key is.
struct Marked {
    /// The whole object.
    object: Range<usize>,
    /// The value of its key.
    value: Range<usize>,
}

/// The first object whose only key is one of `marks`.
///
/// It is found as text, and nothing else of the document is looked at: states have hundreds of thousands of
/// values and few secrets. That is exact: within a string a quotation mark follows a backslash, so `{"` with a
/// name after it can only be the beginning of an object.
fn next_marked(text: &str, marks: &[&str]) -> Option<Marked> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("{\"$se")?;
        let key =
            |mark: &&str| text[start + 2..].strip_prefix(*mark)?.starts_with("\":").then_some(mark.len());
        if let Some(length) = marks.iter().find_map(key) {
            let value = start + length + 4;
            let end = value + value_length(&text[value..])?;
            if text[end..].starts_with('}') {
                return Some(Marked { object: start..end + 1, value: value..end });
            }
        }
        from = start + 1;
    }
}

/// The length of the JSON value that a text begins with.
fn value_length(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'}' | b']' | b',' if depth == 0 => return Some(position),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_slice().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

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

    fn sealed(key: &Key, document: &Json) -> String {
        seal(key, Zeroizing::new(document.to_string())).unwrap()
    }

    fn opened(keys: &[Key], text: &str) -> Result<Json, OpenError> {
        let plain = open(keys, text)?;
        Ok(serde_json::from_str(plain.as_ref().map_or(text, |plain| plain)).unwrap())
    }

    proptest! {
        #[test]
        fn every_document_opens_as_it_was(document in any_json()) {
            let key = random_key();
            let sealed = sealed(&key, &document);
            prop_assert_eq!(opened(&[random_key(), key], &sealed), Ok(document));
        }
    }

    #[test]
    fn nothing_of_a_secret_stays_readable() {
        let document =
            json!({"a": [{"$secret": {"user": "ro\"ot}"}}], "b": "plain", "c": {"$secret": "root"}});
        let text = sealed(&random_key(), &document);
        let json: Json = serde_json::from_str(&text).unwrap();
        for place in [&json["a"][0], &json["c"]] {
            assert_eq!(place.as_object().unwrap().keys().collect::<Vec<_>>(), ["$sealed"], "{text}");
        }
        assert!(!text.contains("root") && !text.contains("user"), "{text}");
        assert_eq!(json["b"], "plain");
    }

    #[test]
    fn what_only_looks_like_a_secret_stays_as_it_is() {
        let document = json!({
            "text": "{\"$secret\":1}", "brace": "{", "$secret": 1, "$secrets": {"$secrets": 2},
            "two": {"$secret": "x", "more": 1}, "empty": {"$sealed": "", "more": [{}]},
        });
        let text = sealed(&random_key(), &document);
        assert_eq!(text, document.to_string());
        assert_eq!(open(&[], &text), Ok(None));
    }

    #[test]
    fn another_key_and_a_changed_text_are_refused() {
        let key = random_key();
        let sealed = sealed(&key, &json!({"$secret": "x"}));
        assert_eq!(open(&[random_key()], &sealed), Err(OpenError::Key));
        assert_eq!(open(&[], &sealed), Err(OpenError::NoKey));
        for wrong in [json!({"$sealed": 7}), json!({"$sealed": "v2:AAAA"}), json!({"$sealed": "v1:AAAA"})] {
            assert_eq!(open(std::slice::from_ref(&key), &wrong.to_string()), Err(OpenError::Form));
        }
    }
}
