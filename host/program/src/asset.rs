//! Directories that go with a stack, packed the same way on every machine.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use flate2::{Compression, GzBuilder};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use mlflow_host_graph::{Asset, AssetFile};
use sha2::{Digest as _, Sha256};

use crate::Inputs;

/// More than any image needs, and little enough to hold in memory.
const MAXIMUM_BYTES: u64 = 256 << 20;
const MAXIMUM_FILES: usize = 20_000;

/// Packs the directory at `path` beside the stack, without what is private and what the `ignore` patterns match.
///
/// The digest is that of the archive before compression, so that it stays when the compressor changes.
///
/// # Errors
/// A sentence; also when it is not done by `end`, which is looked at all the while.
pub(crate) fn pack(
    inputs: &Inputs,
    path: &str,
    ignore: &[String],
    end: Option<Instant>,
) -> Result<Asset, String> {
    let directory = inside(&inputs.assets_root, path)?;
    // What is not there holds nothing.
    let private: Vec<PathBuf> = inputs.private.iter().filter_map(|path| path.canonicalize().ok()).collect();
    if private.iter().any(|private| directory.starts_with(private)) {
        return Err(format!("`{path}` holds the stack's state or a secret, which do not go along with it."));
    }
    let mut listing =
        Listing { root: &directory, ignored: patterns(&directory, ignore)?, private, end, found: Vec::new() };
    listing.add(&directory)?;
    let mut found = listing.found;
    found.sort();
    let mut archive = tar::Builder::new(Vec::new());
    let mut files = Vec::new();
    let mut bytes = 0;
    for name in found {
        let failed = |error: io::Error| format!("`{path}/{name}` cannot be read: {error}.");
        let file = directory.join(&name);
        let size = fs::metadata(&file).map_err(failed)?.len();
        bytes += size;
        if bytes > MAXIMUM_BYTES {
            return Err(format!("`{path}` holds more than {} MiB.", MAXIMUM_BYTES >> 20));
        }
        let mut content = Vec::new();
        // What has grown meanwhile is packed as it was.
        let opened = fs::File::open(&file).map_err(failed)?;
        Until { inner: opened.take(size), end }.read_to_end(&mut content).map_err(failed)?;
        let executable = is_executable(&file).map_err(failed)?;
        add(&mut archive, &name, Until { inner: content.as_slice(), end }, content.len(), executable)
            .map_err(failed)?;
        let sha256 = digest(&content, end).map_err(failed)?;
        files.push(AssetFile { path: name, sha256, executable });
    }
    let failed = |error: io::Error| format!("`{path}` cannot be packed: {error}.");
    let archive = archive.into_inner().map_err(failed)?;
    let digest = format!("sha256:{}", digest(&archive, end).map_err(failed)?);
    Ok(Asset {
        digest: digest.parse().map_err(|error| format!("{error}"))?,
        directory,
        files,
        archive: compress(&archive, end).map_err(failed)?,
    })
}

/// What is read until a moment, and not after it.
struct Until<R> {
    inner: R,
    end: Option<Instant>,
}

impl<R: Read> Read for Until<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        in_time(self.end)?;
        // A large buffer takes as long as a large file.
        let length = buffer.len().min(1 << 20);
        self.inner.read(&mut buffer[..length])
    }
}

fn in_time(end: Option<Instant>) -> io::Result<()> {
    match end {
        Some(end) if Instant::now() >= end => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the time that a program may run is over"))
        }
        _ => Ok(()),
    }
}

/// SHA-256, in hexadecimal.
fn digest(content: &[u8], end: Option<Instant>) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut Until { inner: content, end }, &mut digest)?;
    Ok(hex::encode(digest.finalize()))
}

/// The directory at `path`, which must not leave `root`, not even through a link.
fn inside(root: &Path, path: &str) -> Result<PathBuf, String> {
    let relative = Path::new(path);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.is_empty() || !relative.components().all(plain) {
        return Err(format!(
            "`{path}` is not below the stack's own directory: give a relative path without `..`."
        ));
    }
    let missing = |error: io::Error| format!("`{path}` cannot be found beside the stack: {error}.");
    // The parent of a bare file name is the empty path, which stands for the current directory.
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let root = root.canonicalize().map_err(missing)?;
    let directory = root.join(relative).canonicalize().map_err(missing)?;
    if !directory.starts_with(&root) {
        return Err(format!("`{path}` is a link that leads out of the stack's own directory."));
    }
    if !directory.is_dir() {
        return Err(format!("`{path}` is not a directory."));
    }
    Ok(directory)
}

fn patterns(directory: &Path, ignore: &[String]) -> Result<Gitignore, String> {
    let mut builder = GitignoreBuilder::new(directory);
    for pattern in ignore {
        builder.add_line(None, pattern).map_err(|error| format!("`{pattern}` is not a pattern: {error}."))?;
    }
    builder.build().map_err(|error| format!("The patterns cannot be used: {error}."))
}

/// The files below a directory.
struct Listing<'a> {
    root: &'a Path,
    ignored: Gitignore,
    private: Vec<PathBuf>,
    end: Option<Instant>,
    /// Paths relative to the root.
    found: Vec<String>,
}

impl Listing<'_> {
    /// Adds all files below `directory`.
    fn add(&mut self, directory: &Path) -> Result<(), String> {
        let failed = |error: io::Error| format!("`{}` cannot be read: {error}.", self.shown(directory));
        let entries: Vec<_> = fs::read_dir(directory)
            .and_then(|entries| {
                let entry = |entry: fs::DirEntry| {
                    in_time(self.end)?;
                    Ok((entry.file_type()?, entry.path()))
                };
                entries.map(|found| found.and_then(entry)).collect()
            })
            .map_err(failed)?;
        for (kind, path) in entries {
            if self.private.contains(&path) || self.ignored.matched(&path, kind.is_dir()).is_ignore() {
                continue;
            }
            if kind.is_dir() {
                self.add(&path)?;
                continue;
            }
            if !kind.is_file() {
                let shown = self.shown(&path);
                return Err(format!("`{shown}` is a link or a special file, which cannot be packed."));
            }
            let parts: Option<Vec<&str>> = path
                .strip_prefix(self.root)
                .ok()
                .and_then(|path| path.components().map(|part| part.as_os_str().to_str()).collect());
            let Some(parts) = parts else {
                return Err(format!("`{}` has a name that is not UTF-8.", self.shown(&path)));
            };
            self.found.push(parts.join("/"));
            if self.found.len() > MAXIMUM_FILES {
                return Err(format!("There are more than {MAXIMUM_FILES} files."));
            }
        }
        Ok(())
    }

    fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(self.root).unwrap_or(path);
        if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(file)?.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> io::Result<bool> {
    Ok(false)
}

fn add(
    archive: &mut tar::Builder<Vec<u8>>,
    name: &str,
    content: impl Read,
    size: usize,
    executable: bool,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(if executable { 0o755 } else { 0o644 });
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, name, content)
}

fn compress(archive: &[u8], end: Option<Instant>) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    io::copy(&mut Until { inner: archive, end }, &mut encoder)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn pack(root: &Path, path: &str, ignore: &[String]) -> Result<Asset, String> {
        super::pack(&Inputs { assets_root: root.to_owned(), ..Inputs::default() }, path, ignore, None)
    }

    fn directory() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("image/app")).unwrap();
        fs::write(root.path().join("image/Dockerfile"), "FROM scratch\n").unwrap();
        fs::write(root.path().join("image/app/start"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(root.path().join("image/app/start"), fs::Permissions::from_mode(0o700)).unwrap();
        root
    }

    #[test]
    fn content_counts_and_nothing_else() {
        let (one, other) = (directory(), directory());
        let first = pack(one.path(), "image", &[]).unwrap();
        fs::File::open(other.path().join("image/Dockerfile"))
            .unwrap()
            .set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let second = pack(other.path(), "./image", &[]).unwrap();
        assert_eq!(first.digest, second.digest);
        assert_eq!(first.archive, second.archive);
        assert_eq!(first.files, second.files);
        assert_eq!(
            first.files.iter().map(|file| (file.path.as_str(), file.executable)).collect::<Vec<_>>(),
            [("Dockerfile", false), ("app/start", true)]
        );
        fs::write(other.path().join("image/Dockerfile"), "FROM busybox\n").unwrap();
        assert_ne!(pack(other.path(), "image", &[]).unwrap().digest, first.digest);
    }

    #[test]
    fn the_archive_unpacks_to_the_files() {
        let root = directory();
        let asset = pack(root.path(), "image", &[]).unwrap();
        let target = tempfile::tempdir().unwrap();
        tar::Archive::new(flate2::read::GzDecoder::new(asset.archive.as_slice()))
            .unpack(target.path())
            .unwrap();
        assert_eq!(fs::read_to_string(target.path().join("app/start")).unwrap(), "#!/bin/sh\n");
    }

    #[test]
    fn ignored_files_stay_out() {
        let root = directory();
        fs::create_dir(root.path().join("image/__pycache__")).unwrap();
        fs::write(root.path().join("image/__pycache__/x.pyc"), "x").unwrap();
        fs::write(root.path().join("image/notes.md"), "x").unwrap();
        let asset = pack(root.path(), "image", &["__pycache__/".to_owned(), "*.md".to_owned()]).unwrap();
        assert_eq!(asset.files.len(), 2);
    }

    #[test]
    fn an_empty_root_is_the_current_directory() {
        assert_eq!(
            pack(Path::new(""), "src", &[]).unwrap().digest,
            pack(Path::new("."), "src", &[]).unwrap().digest
        );
    }

    #[test]
    fn nothing_outside_is_read() {
        let root = directory();
        for path in ["/etc", "..", "image/../..", ""] {
            let message = pack(root.path(), path, &[]).unwrap_err();
            assert!(message.contains("not below the stack's own directory"), "{message}");
        }
        let message = pack(root.path(), "absent", &[]).unwrap_err();
        assert!(message.starts_with("`absent` cannot be found beside the stack: "), "{message}");
        let message = pack(root.path(), "image/Dockerfile", &[]).unwrap_err();
        assert_eq!(message, "`image/Dockerfile` is not a directory.");
        symlink("/", root.path().join("way-out")).unwrap();
        let message = pack(root.path(), "way-out", &[]).unwrap_err();
        assert_eq!(message, "`way-out` is a link that leads out of the stack's own directory.");
        symlink("/etc/passwd", root.path().join("image/passwd")).unwrap();
        let message = pack(root.path(), "image", &[]).unwrap_err();
        assert_eq!(message, "`passwd` is a link or a special file, which cannot be packed.");
    }

    #[test]
    fn every_step_looks_at_the_time() {
        let root = directory();
        let inputs = Inputs { assets_root: root.path().to_owned(), ..Inputs::default() };
        let over = Some(Instant::now());
        let message = super::pack(&inputs, "image", &[], over).unwrap_err();
        assert_eq!(message, "`.` cannot be read: the time that a program may run is over.");
        for result in [
            digest(b"content", over).map(drop),
            compress(b"content", over).map(drop),
            Until { inner: &b"content"[..], end: over }.read_to_end(&mut Vec::new()).map(drop),
        ] {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    /// The state has the key of all secrets in it, and an archive goes where the stack says.
    #[test]
    fn what_is_private_stays_out() {
        let root = directory();
        let without = pack(root.path(), ".", &[]).unwrap();
        fs::create_dir_all(root.path().join("kept/state")).unwrap();
        fs::write(root.path().join("kept/state/key"), "secret").unwrap();
        fs::write(root.path().join("image/token.txt"), "secret").unwrap();
        assert_eq!(pack(root.path(), ".", &[]).unwrap().files.len(), without.files.len() + 2);
        let private = ["kept", "image/token.txt", "absent"].map(|path| root.path().join(path)).to_vec();
        let inputs = Inputs { assets_root: root.path().to_owned(), private, ..Inputs::default() };
        assert_eq!(super::pack(&inputs, ".", &[], None).unwrap().digest, without.digest);
        for inside in ["kept", "kept/state"] {
            let message = super::pack(&inputs, inside, &[], None).unwrap_err();
            assert!(message.contains("which do not go along"), "{message}");
        }
    }
}
