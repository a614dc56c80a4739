//! The data key that seals secrets, and what it is wrapped with.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_engine::StoreError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::files;
use crate::seal::{self, Key};

const FORMAT: u32 = 1;
const PURPOSE: &str = "data key";

/// What wraps the data key. A state remembers which of the two it was made with; a passphrase is used
/// for a new state when there is one.
#[derive(Debug, Clone)]
pub struct KeySource {
    /// A passphrase, as the user gave it in `MLFLOW_HOST_PASSPHRASE`.
    pub passphrase: Option<Zeroizing<String>>,
    /// The key file: made on first use, with mode 0600.
    pub key_file: PathBuf,
}

/// `keys.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Keys {
    format: u32,
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
    Passphrase {
        salt: String,
        memory_kibibytes: u32,
        iterations: u32,
        lanes: u32,
    },
}

impl KeySource {
    /// The data key of a directory, if it has one.
    ///
    /// # Errors
    /// When it has one that this source does not open.
    pub(crate) fn open(&self, directory: &Path) -> Result<Option<Key>, StoreError> {
        let path = directory.join("keys.json");
        let Some(content) = files::read(&path)? else { return Ok(None) };
        let keys = read_keys(&path, &content)?;
        let wrapping_key = match &keys.wrapping {
            Wrapping::KeyFile => self.read_key_file()?.ok_or_else(|| {
                StoreError::Key(format!(
                    "the key file {0} is missing, and without it they are lost; put {0} back from your copy",
                    self.key_file.display()
                ))
            })?,
            Wrapping::Passphrase { .. } => {
                let passphrase = self.passphrase.as_ref().ok_or_else(|| {
                    StoreError::Key(
                        "they were sealed with a passphrase; set MLFLOW_HOST_PASSPHRASE to it".to_owned(),
                    )
                })?;
                derive(passphrase, &keys.wrapping)?
            }
        };
        let plain = seal::open_bytes(&wrapping_key, PURPOSE, &keys.wrapped)
            .map_err(|_| StoreError::Key(self.does_not_fit(&keys.wrapping)))?;
        let key =
            plain.as_slice().try_into().map_err(|_| damaged(&path, "the data key has a wrong length"))?;
        Ok(Some(Zeroizing::new(key)))
    }

    /// Makes the data key of a directory.
    pub(crate) fn create(&self, directory: &Path) -> Result<Key, StoreError> {
        let (wrapping, wrapping_key) = match &self.passphrase {
            None => (Wrapping::KeyFile, self.read_or_create_key_file()?),
            Some(passphrase) => {
                let wrapping = Wrapping::Passphrase {
                    salt: STANDARD.encode(rand::random::<[u8; 16]>()),
                    memory_kibibytes: Params::DEFAULT_M_COST,
                    iterations: Params::DEFAULT_T_COST,
                    lanes: Params::DEFAULT_P_COST,
                };
                let key = derive(passphrase, &wrapping)?;
                (wrapping, key)
            }
        };
        let key = seal::random_key();
        let wrapped = seal::seal_bytes(&wrapping_key, PURPOSE, key.as_slice())
            .ok_or_else(|| StoreError::Key("the data key cannot be wrapped".to_owned()))?;
        let content = serde_json::to_vec_pretty(&Keys { format: FORMAT, wrapping, wrapped })
            .map_err(|error| StoreError::Key(error.to_string()))?;
        files::replace(&directory.join("keys.json"), &content)?;
        Ok(key)
    }

    fn does_not_fit(&self, wrapping: &Wrapping) -> String {
        match wrapping {
            Wrapping::KeyFile => format!(
                "the key file {} is not the one that they were sealed with; put that one back",
                self.key_file.display()
            ),
            Wrapping::Passphrase { .. } => {
                "the passphrase in MLFLOW_HOST_PASSPHRASE is not the one that they were sealed with"
                    .to_owned()
            }
        }
    }

    fn read_or_create_key_file(&self) -> Result<Key, StoreError> {
        if let Some(key) = self.read_key_file()? {
            return Ok(key);
        }
        if let Some(parent) = self.key_file.parent() {
            files::create_directory(parent)?;
            keep_out_of_git(parent, &self.key_file)?;
        }
        let key = seal::random_key();
        let content = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
        // Never over an existing one: another run may have made it a moment ago.
        let written = files::private().create_new(true).open(&self.key_file).and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => files::sync_parent(&self.key_file).map(|()| key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self
                .read_key_file()?
                .ok_or_else(|| StoreError::Key(format!("{} came and went", self.key_file.display()))),
            Err(error) => Err(files::failed("write", &self.key_file)(error)),
        }
    }

    fn read_key_file(&self) -> Result<Option<Key>, StoreError> {
        let Some(content) = files::read(&self.key_file)?.map(Zeroizing::new) else { return Ok(None) };
        let name = self.key_file.display();
        let metadata = fs::metadata(&self.key_file).map_err(files::failed("read", &self.key_file))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Key(format!(
                "others may read the key file {name} (its mode is {mode:04o}); run `chmod 600 {name}`"
            )));
        }
        let decoded = STANDARD.decode(content.trim_ascii()).ok().map(Zeroizing::new);
        match decoded.as_ref().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()) {
            Some(key) => Ok(Some(Zeroizing::new(key))),
            None => Err(StoreError::Key(format!(
                "the key file {name} is not 32 bytes in base64; put the right one back from your copy"
            ))),
        }
    }
}

fn read_keys(path: &Path, content: &[u8]) -> Result<Keys, StoreError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let unreadable = |error: serde_json::Error| damaged(path, &format!("it cannot be read ({error})"));
    let Head { format } = serde_json::from_slice(content).map_err(unreadable)?;
    if format > FORMAT {
        let place = path.display().to_string();
        return Err(StoreError::NewerFormat { place, found: format, supported: FORMAT });
    }
    serde_json::from_slice(content).map_err(unreadable)
}

fn damaged(path: &Path, what: &str) -> StoreError {
    StoreError::Damaged {
        place: path.display().to_string(),
        what: what.to_owned(),
        restore: format!("Put {} back from a copy: nothing else opens the secrets.", path.display()),
    }
}

fn derive(passphrase: &str, wrapping: &Wrapping) -> Result<Key, StoreError> {
    let refused = |what: &dyn std::fmt::Display| StoreError::Key(format!("keys.json is wrong: {what}"));
    let Wrapping::Passphrase { salt, memory_kibibytes, iterations, lanes } = wrapping else {
        return Err(refused(&"no passphrase was used"));
    };
    let salt = STANDARD.decode(salt).map_err(|error| refused(&error))?;
    let parameters =
        Params::new(*memory_kibibytes, *iterations, *lanes, Some(32)).map_err(|error| refused(&error))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(passphrase.as_bytes(), &salt, key.as_mut_slice())
        .map_err(|error| refused(&error))?;
    Ok(key)
}

/// The state may be kept in git, sealed as it is; its key may not.
fn keep_out_of_git(directory: &Path, key_file: &Path) -> Result<(), StoreError> {
    let (path, Some(name)) = (directory.join(".gitignore"), key_file.file_name()) else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    fs::write(&path, format!("/{}\n", name.display())).map_err(files::failed("write", &path))
}
