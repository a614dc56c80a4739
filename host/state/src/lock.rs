//! One run at a time: a file with an advisory lock, and the holder's name in it.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use mlflow_host_engine::{Guard, Holder, StoreError};

use crate::files::{failed, private};

/// The operating system releases the lock with the last handle, however the process ends.
#[derive(Debug)]
struct FileGuard {
    file: File,
}

impl Guard for FileGuard {}

impl Drop for FileGuard {
    fn drop(&mut self) {
        // A file that says nobody holds it is a courtesy to readers; the lock itself needs nothing.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, "the lock file keeps its last holder");
        }
    }
}

/// Takes the lock of a file, or says who holds it.
pub(crate) fn take(path: &Path, holder: &Holder) -> Result<Box<dyn Guard>, StoreError> {
    let mut file =
        private().read(true).create(true).truncate(false).open(path).map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
        Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
    }
    let content = serde_json::to_vec(holder).map_err(|error| failed("write", path)(error.into()))?;
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&content));
    written.map_err(failed("write", path))?;
    Ok(Box::new(FileGuard { file }))
}

/// Who holds the lock of a file.
pub(crate) fn holder(path: &Path) -> Result<Option<Holder>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read(&mut file))),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

fn held(file: &mut File) -> StoreError {
    let Holder { command, by, since, process } = read(file);
    StoreError::Locked { command, by, since, process }
}

fn read(file: &mut File) -> Holder {
    let mut content = String::new();
    let read = file.read_to_string(&mut content).ok();
    // Between taking the lock and writing the name there is a moment without a name.
    read.and_then(|_| serde_json::from_str(&content).ok()).unwrap_or_else(|| Holder {
        command: "a run".to_owned(),
        by: "somebody".to_owned(),
        since: "just now".to_owned(),
        process: 0,
    })
}
