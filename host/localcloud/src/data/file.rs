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

/// `name` as one path component: percent-encoded where a character is not plainly safe, so that no
/// name can leave its directory or hide there.
pub(crate) fn component(name: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    let encoded = utf8_percent_encode(name, SAFE).to_string();
    match encoded.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => encoded,
    }
}

/// The name behind a [`component`].
pub(crate) fn from_component(component: &str) -> String {
    percent_encoding::percent_decode_str(component).decode_utf8_lossy().into_owned()
}

/// The names in `directory` that end in `suffix`, without it, sorted.
pub(crate) fn names_with_suffix(directory: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).context("list", directory)? {
        let name = entry.context("list", directory)?.file_name();
        if let Some(name) = name.to_string_lossy().strip_suffix(suffix) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_stays_in_its_directory_and_reads_back() {
        for name in ["..", ".", ".hidden", "a/b", "project:instance", "ü", "%2F", "plain-1.2_x"] {
            let encoded = component(name);
            assert!(!encoded.contains('/') && !encoded.starts_with('.'), "{encoded}");
            assert_eq!(from_component(&encoded), name);
        }
        assert_eq!(component("project:instance"), "project%3Ainstance");
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert_eq!(tail(&path, 2), Vec::<String>::new());
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&path, 2), ["two", "three"]);
    }
}
