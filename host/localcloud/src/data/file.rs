//! Whole files, written so that a crash leaves either the old content or the new.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file operation that failed, with the path it concerned.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub(crate) struct FileError {
    /// What was tried, as a verb: "read", "write", "create".
    pub(crate) action: &'static str,
    /// The file or directory.
    pub(crate) path: PathBuf,
    /// The system's answer.
    pub(crate) source: io::Error,
}

/// Adds the action and the path to an [`io::Error`].
pub(crate) trait Context<T> {
    /// Names what was being done to `path`.
    fn context(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|source| FileError { action, path: path.to_path_buf(), source })
    }
}

/// Runs blocking file work away from the asynchronous threads.
pub(crate) async fn blocking<T, E, F>(work: F) -> Result<T, E>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<FileError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(E::from(FileError {
            action: "finish work on",
            path: PathBuf::from("a background thread"),
            source: io::Error::other(error),
        })),
    }
}

/// Replaces `path` with `content`: temporary file beside it, flush to disk, rename.
pub(crate) fn write_atomic(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).context("create", parent)?;
    let mut temporary =
        tempfile::Builder::new().prefix(".new-").tempfile_in(parent).context("create a file in", parent)?;
    temporary.write_all(content).context("write", path)?;
    temporary.as_file().sync_all().context("flush", path)?;
    temporary.persist(path).map_err(|error| error.error).context("replace", path)?;
    sync_directory(parent)
}

/// Makes a rename or a deletion inside `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), FileError> {
    std::fs::File::open(directory).and_then(|handle| handle.sync_all()).context("flush", directory)
}

/// [`write_atomic`] for a value as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let content = serde_json::to_vec_pretty(value).map_err(io::Error::other).context("encode", path)?;
    write_atomic(path, &content)
}

/// Reads a JSON file; `None` when there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    match std::fs::read(path) {
        Ok(content) => serde_json::from_slice(&content)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            .context("understand", path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("read", path),
    }
}

/// Deletes a file; its absence is success.
pub(crate) fn remove_file(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("delete", path),
        _ => Ok(()),
    }
}

/// Deletes a directory with all it holds; its absence is success.
pub(crate) fn remove_directory(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("delete", path),
        _ => Ok(()),
    }
}

/// The last `count` lines of a log file, oldest first; empty when there is none.
pub(crate) fn tail(path: &Path, count: usize) -> Vec<String> {
    use std::io::{Read, Seek, SeekFrom};
    /// Enough for `count` lines of any sensible length, and little enough to read at once.
    const WINDOW: u64 = 64 * 1024;
    let Ok(mut log) = std::fs::File::open(path) else {
        return Vec::new();
    };
    let length = log.metadata().map_or(0, |metadata| metadata.len());
    let mut content = Vec::new();
    if log.seek(SeekFrom::Start(length.saturating_sub(WINDOW))).is_err()
        || log.read_to_end(&mut content).is_err()
    {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&content);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(ToString::to_string).collect()
}
