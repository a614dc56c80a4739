//! A key from a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_engine::StoreError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::Key;

/// What Argon2id was asked to spend, and its salt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Costs {
    /// 16 bytes, base64.
    salt: String,
    memory_kibibytes: u32,
    iterations: u32,
    lanes: u32,
}

impl Costs {
    /// What is right today, with a new salt.
    pub(super) fn of_today() -> Self {
        Self {
            salt: STANDARD.encode(rand::random::<[u8; 16]>()),
            memory_kibibytes: Params::DEFAULT_M_COST,
            iterations: Params::DEFAULT_T_COST,
            lanes: Params::DEFAULT_P_COST,
        }
    }

    /// The key that a passphrase yields.
    pub(super) fn derive(&self, passphrase: &str) -> Result<Key, StoreError> {
        let refused = |what: &dyn std::fmt::Display| StoreError::Key(format!("keys.json is wrong: {what}"));
        let salt = STANDARD.decode(&self.salt).map_err(|error| refused(&error))?;
        let parameters = Params::new(self.memory_kibibytes, self.iterations, self.lanes, Some(32))
            .map_err(|error| refused(&error))?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_into(passphrase.as_bytes(), &salt, key.as_mut_slice())
            .map_err(|error| refused(&error))?;
        Ok(key)
    }
}
