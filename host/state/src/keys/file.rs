//! The key file: 32 bytes in base64 that only their owner may read.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_engine::StoreError;
use zeroize::Zeroizing;

use crate::files;
use crate::seal::{self, Key};

/// Reads the key, and makes it if there is none.
pub(super) fn read_or_create(path: &Path) -> Result<Key, StoreError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    if let Some(parent) = path.parent() {
        files::create_directory(parent)?;
        keep_out_of_git(parent, path)?;
    }
    let key = seal::random_key();
    let content = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
    // Never over an existing one: another run may have made it a moment ago.
    let written = files::private().create_new(true).open(path).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()
    });
    match written {
        Ok(()) => files::sync_parent(path).map(|()| key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| StoreError::Key(format!("{} came and went", path.display())))
        }
        Err(error) => Err(files::failed("write", path)(error)),
    }
}

/// Reads the key, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<Key>, StoreError> {
    let Some(content) = files::read(path)?.map(Zeroizing::new) else { return Ok(None) };
    let name = path.display();
    let metadata = fs::metadata(path).map_err(files::failed("read", path))?;
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

/// The state may be kept in git, sealed as it is; its key may not.
fn keep_out_of_git(directory: &Path, key_file: &Path) -> Result<(), StoreError> {
    let (path, Some(name)) = (directory.join(".gitignore"), key_file.file_name()) else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    fs::write(&path, format!("/{}\n", name.display())).map_err(files::failed("write", &path))
}
