//! Identifiers that the server makes up: numbers, etags, fingerprints, suffixes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The number of a project: twelve digits, the same for the same id on every machine.
pub(crate) fn project_number(project: &str) -> String {
    let digest = Sha256::digest(project.as_bytes());
    let value = digest[..8].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    (100_000_000_000 + value % 900_000_000_000).to_string()
}

/// A numeric id of up to nineteen digits, as Compute Engine and IAM give them.
pub(crate) fn number() -> String {
    rand::rng().random_range(1_000_000_000_000_000_000_u64..9_000_000_000_000_000_000).to_string()
}

/// A random UUID.
pub(crate) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A new etag: base64 that differs at each call, and reads the same in both base64 alphabets, as
/// gcloud sends back in the one what it got in the other.
pub(crate) fn etag() -> String {
    STANDARD.encode(&uuid::Uuid::new_v4().as_bytes()[..9]).replace(['+', '/'], "x")
}

/// `length` random lower-case letters and digits.
pub(crate) fn suffix(length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz0123456789";
    let mut random = rand::rng();
    (0..length).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}

/// The fingerprint of `content`: the same for equal content.
pub(crate) fn fingerprint(content: &Value) -> String {
    let digest = Sha256::digest(content.to_string().as_bytes());
    STANDARD.encode(&digest[..8])
}

/// The fingerprint of labels; Google's own constant when there are none.
pub(crate) fn label_fingerprint(labels: &Value) -> String {
    match labels.as_object() {
        Some(labels) if !labels.is_empty() => fingerprint(&Value::Object(labels.clone())),
        _ => "42WmSpB8rSM=".to_owned(),
    }
}

/// Lower-case hexadecimal digits derived from `content`, `length` of them (64 at most).
pub(crate) fn digest(content: &str, length: usize) -> String {
    let mut text = hex::encode(Sha256::digest(content.as_bytes()));
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_deterministic_and_of_google_length() {
        assert_eq!(project_number("demo"), project_number("demo"));
        assert_ne!(project_number("demo"), project_number("demp"));
        assert_eq!(project_number("demo").len(), 12);
    }

    #[test]
    fn label_fingerprints_follow_the_labels() {
        assert_eq!(label_fingerprint(&Value::Null), "42WmSpB8rSM=");
        assert_eq!(label_fingerprint(&json!({})), "42WmSpB8rSM=");
        assert_ne!(label_fingerprint(&json!({"a": "b"})), label_fingerprint(&json!({"a": "c"})));
    }
}
