//! Encryption with a key of Cloud KMS, for whoever wraps a key of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::client::{Call, Client};
use crate::config::GcpConfig;
use crate::tree::json_text;

const KMS: &str = "cloudkms.googleapis.com";

/// Cloud KMS. Errors are clauses.
pub struct KeyManagement {
    client: Client,
}

impl KeyManagement {
    /// Asks nobody anything yet.
    pub fn new(config: &GcpConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Encrypts up to 64 KiB with a key (`projects/…/cryptoKeys/…`); `purpose` must be given again to
    /// decrypt.
    ///
    /// # Errors
    /// What Google said.
    pub async fn encrypt(&self, key: &str, plain: &[u8], purpose: &str) -> Result<Vec<u8>, String> {
        self.call(key, "encrypt", ("plaintext", "ciphertext"), plain, purpose).await
    }

    /// Decrypts what [`KeyManagement::encrypt`] encrypted.
    ///
    /// # Errors
    /// What Google said.
    pub async fn decrypt(&self, key: &str, encrypted: &[u8], purpose: &str) -> Result<Vec<u8>, String> {
        self.call(key, "decrypt", ("ciphertext", "plaintext"), encrypted, purpose).await
    }

    async fn call(
        &self,
        key: &str,
        action: &str,
        (given, wanted): (&str, &str),
        bytes: &[u8],
        purpose: &str,
    ) -> Result<Vec<u8>, String> {
        let mut body = json!({"additionalAuthenticatedData": STANDARD.encode(purpose)});
        body[given] = STANDARD.encode(bytes).into();
        body[format!("{given}Crc32c")] = crc32c::crc32c(bytes).to_string().into();
        let call = Call::new(KMS, "POST", format!("v1/{key}:{action}")).json(body).repeatable();
        let answer: Json = self.client.json(&call).await.map_err(|error| {
            format!("Cloud KMS does not {action} with {key} ({})", error.to_string().trim_end_matches('.'))
        })?;
        let bytes = STANDARD.decode(json_text(&answer, wanted)).ok();
        let sum = json_text(&answer, &format!("{wanted}Crc32c")).to_owned();
        bytes
            .filter(|bytes| sum == crc32c::crc32c(bytes).to_string())
            .ok_or_else(|| format!("the answer of Cloud KMS has arrived damaged; {action} it again"))
    }
}
