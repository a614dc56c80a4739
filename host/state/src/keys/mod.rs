//! The data key that seals secrets, and what it is wrapped with.
//!
//! `keys.json` beside a state holds the data key, wrapped. While keys are being changed it holds two: the
//! new one, and the previous one that some of the state may still be sealed with. Whoever is interrupted
//! there can read everything and begin the change again.

mod file;
mod passphrase;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_engine::StoreError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::seal::{self, Key};
use passphrase::Costs;

const FORMAT: u32 = 1;
const PURPOSE: &str = "data key";

/// A service that wraps keys with one that it never gives away, e.g., Cloud KMS.
#[async_trait]
pub trait KeyService: Send + Sync + fmt::Debug {
    /// Wraps bytes with a key. The error is a clause.
    async fn wrap(&self, key: &str, plain: &[u8]) -> Result<Vec<u8>, String>;

    /// Opens what [`KeyService::wrap`] wrapped. The error is a clause.
    async fn unwrap(&self, key: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, String>;
}

/// What there is to wrap data keys with and to open them again. A state remembers which it was made with;
/// a new state takes the first that is there: the key of Cloud KMS, the passphrase, the key file.
#[derive(Debug, Clone)]
pub struct KeySource {
    /// A passphrase, as the user gave it in `MLFLOW_HOST_PASSPHRASE`.
    pub passphrase: Option<Zeroizing<String>>,
    /// The key file: made on first use, with mode 0600.
    pub key_file: PathBuf,
    /// The full name of a key of Cloud KMS.
    pub kms_key: Option<String>,
    /// How Cloud KMS is reached, when it can be.
    pub kms: Option<Arc<dyn KeyService>>,
}

/// What a data key is to be wrapped with.
#[derive(Clone, PartialEq, Eq)]
pub enum Wrap {
    /// The key file.
    KeyFile,
    /// A passphrase.
    Passphrase(Zeroizing<String>),
    /// A key of Cloud KMS, by its full name.
    CloudKms(String),
}

impl fmt::Debug for Wrap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KeyFile => "the key file",
            Self::Passphrase(_) => "a passphrase",
            Self::CloudKms(key) => key,
        })
    }
}

/// `keys.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Keys {
    format: u32,
    #[serde(flatten)]
    current: Wrapped,
    /// The key before, while a change is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Wrapped>,
}

/// One data key.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wrapped {
    #[serde(flatten)]
    wrapping: Wrapping,
    /// The sealed data key.
    wrapped: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "wrapping", rename_all = "kebab-case")]
enum Wrapping {
    KeyFile,
    /// Argon2id, with the costs of the day on which it was made.
    Passphrase(Costs),
    CloudKms {
        /// The key's full name.
        key: String,
    },
}

/// The data keys of a state, opened.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    /// The one that seals first.
    pub(crate) keys: Vec<Key>,
    /// Whether a change of keys did not come to its end.
    pub(crate) is_changing: bool,
    /// As it is stored.
    pub(crate) stored: Keys,
    /// The key that seals, as it is stored.
    first: Wrapped,
}

impl Keys {
    /// Reads `keys.json`; `place` is for messages.
    pub(crate) fn read(place: &str, content: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| damaged(place, &format!("it cannot be read ({error})"));
        let Head { format } = serde_json::from_slice(content).map_err(unreadable)?;
        if format > FORMAT {
            let place = place.to_owned();
            return Err(StoreError::NewerFormat { place, found: format, supported: FORMAT });
        }
        serde_json::from_slice(content).map_err(unreadable)
    }

    /// As it is stored.
    pub(crate) fn text(&self) -> Result<String, StoreError> {
        serde_json::to_string_pretty(self).map_err(|error| StoreError::Key(error.to_string()))
    }
}

impl KeyRing {
    /// This key, with the one before it beside it.
    pub(crate) fn beside(mut self, previous: &Self) -> Self {
        self.stored.previous = Some(previous.first.clone());
        self.keys.extend(previous.keys.iter().cloned());
        self.is_changing = true;
        self
    }

    /// The key that seals, and no other.
    pub(crate) fn first_alone(mut self) -> Self {
        self.stored = Keys { format: FORMAT, current: self.first.clone(), previous: None };
        self.keys.truncate(1);
        self.is_changing = false;
        self
    }
}

impl KeySource {
    /// Opens the data keys of a state.
    pub(crate) async fn open(&self, place: &str, content: &[u8]) -> Result<KeyRing, StoreError> {
        let stored = Keys::read(place, content)?;
        let current = self.unwrap(place, &stored.current).await;
        let Some(previous) = &stored.previous else {
            let first = stored.current.clone();
            return Ok(KeyRing { keys: vec![current?], is_changing: false, stored, first });
        };
        // Whoever began the change had both; one is enough to go on.
        let (keys, first) = match (current, self.unwrap(place, previous).await) {
            (Ok(current), Ok(previous)) => (vec![current, previous], &stored.current),
            (Ok(key), Err(_)) => (vec![key], &stored.current),
            (Err(_), Ok(key)) => (vec![key], previous),
            (Err(error), Err(_)) => return Err(error),
        };
        let first = first.clone();
        Ok(KeyRing { keys, is_changing: true, stored, first })
    }

    /// Makes a data key, wrapped with the best there is.
    pub(crate) async fn create(&self) -> Result<KeyRing, StoreError> {
        let wrap = match (&self.kms_key, &self.passphrase) {
            (Some(key), _) => Wrap::CloudKms(key.clone()),
            (None, Some(passphrase)) => Wrap::Passphrase(passphrase.clone()),
            (None, None) => Wrap::KeyFile,
        };
        self.create_with(&wrap).await
    }

    /// Makes a data key, wrapped as it is said.
    pub(crate) async fn create_with(&self, wrap: &Wrap) -> Result<KeyRing, StoreError> {
        let key = seal::random_key();
        let seal = |wrapping_key: &Key| {
            seal::seal_bytes(wrapping_key, PURPOSE, key.as_slice())
                .ok_or_else(|| StoreError::Key("the data key cannot be wrapped".to_owned()))
        };
        let (wrapping, wrapped) = match wrap {
            Wrap::KeyFile => (Wrapping::KeyFile, seal(&file::read_or_create(&self.key_file)?)?),
            Wrap::Passphrase(passphrase) => {
                let costs = Costs::of_today();
                let wrapped = seal(&costs.derive(passphrase)?)?;
                (Wrapping::Passphrase(costs), wrapped)
            }
            Wrap::CloudKms(name) => {
                let wrapped =
                    self.service(name)?.wrap(name, key.as_slice()).await.map_err(StoreError::Key)?;
                (Wrapping::CloudKms { key: name.clone() }, STANDARD.encode(wrapped))
            }
        };
        let current = Wrapped { wrapping, wrapped };
        let stored = Keys { format: FORMAT, current: current.clone(), previous: None };
        Ok(KeyRing { keys: vec![key], is_changing: false, stored, first: current })
    }

    /// What a state's data key is wrapped with, made new: for a change that keeps the manner.
    pub(crate) fn same_wrap(&self, stored: &Keys) -> Result<Wrap, StoreError> {
        Ok(match &stored.current.wrapping {
            Wrapping::KeyFile => Wrap::KeyFile,
            Wrapping::CloudKms { key } => Wrap::CloudKms(key.clone()),
            Wrapping::Passphrase(_) => Wrap::Passphrase(self.passphrase()?.clone()),
        })
    }

    async fn unwrap(&self, place: &str, wrapped: &Wrapped) -> Result<Key, StoreError> {
        let plain = match &wrapped.wrapping {
            Wrapping::KeyFile => {
                let file = &self.key_file;
                let key = file::read(file)?.ok_or_else(|| {
                    StoreError::Key(format!(
                        "the key file {0} is missing, and without it they are lost; put {0} back from your \
                         copy",
                        file.display()
                    ))
                })?;
                seal::open_bytes(&key, PURPOSE, &wrapped.wrapped).map_err(|_| {
                    StoreError::Key(format!(
                        "the key file {} is not the one that they were sealed with; put that one back",
                        file.display()
                    ))
                })?
            }
            Wrapping::Passphrase(costs) => {
                let key = costs.derive(self.passphrase()?)?;
                seal::open_bytes(&key, PURPOSE, &wrapped.wrapped).map_err(|_| {
                    StoreError::Key(
                        "the passphrase in MLFLOW_HOST_PASSPHRASE is not the one that they were sealed with"
                            .to_owned(),
                    )
                })?
            }
            Wrapping::CloudKms { key } => {
                let bytes = STANDARD
                    .decode(&wrapped.wrapped)
                    .map_err(|_| damaged(place, "the wrapped key is not base64"))?;
                self.service(key)?.unwrap(key, &bytes).await.map_err(StoreError::Key)?
            }
        };
        let key =
            plain.as_slice().try_into().map_err(|_| damaged(place, "the data key has a wrong length"))?;
        Ok(Zeroizing::new(key))
    }

    fn passphrase(&self) -> Result<&Zeroizing<String>, StoreError> {
        self.passphrase.as_ref().ok_or_else(|| {
            StoreError::Key("they were sealed with a passphrase; set MLFLOW_HOST_PASSPHRASE to it".to_owned())
        })
    }

    fn service(&self, key: &str) -> Result<&Arc<dyn KeyService>, StoreError> {
        self.kms.as_ref().ok_or_else(|| {
            StoreError::Key(format!(
                "their data key is wrapped with {key}, and Cloud KMS is not reached here"
            ))
        })
    }
}

fn damaged(place: &str, what: &str) -> StoreError {
    StoreError::Damaged {
        place: place.to_owned(),
        what: what.to_owned(),
        restore: format!("Put {place} back from a copy: nothing else opens the secrets."),
    }
}
