//! The build context: a source archive, unpacked safely, and what COPY takes from it.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use sha2::{Digest, Sha256};

use super::ImageError;
use crate::data::file::{Context as _, FileError};

/// An unpacked context.
#[derive(Debug)]
pub(super) struct Context {
    root: PathBuf,
    ignored: Gitignore,
}

/// One thing that COPY will make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Where it is.
    source: PathBuf,
    /// Where it goes, relative to the image's root.
    target: PathBuf,
    kind: ItemKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ItemKind {
    Directory,
    Link(PathBuf),
    File { executable: bool },
}

/// Unpacks a gzipped tar archive. An entry that would land outside, or is neither file, directory
/// nor link, refuses the whole archive.
pub(super) fn unpack(archive: &Path, directory: &Path) -> Result<(), ImageError> {
    let input = std::fs::File::open(archive).context("read", archive)?;
    let refuse = |message: String| ImageError::Archive(message);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(input));
    tar.set_preserve_mtime(false);
    let entries = tar.entries().map_err(|error| refuse(error.to_string()))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| refuse(error.to_string()))?;
        let path = entry.path().map_err(|error| refuse(error.to_string()))?.into_owned();
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            return Err(refuse(format!("{} is neither file, directory nor symbolic link", path.display())));
        }
        let unpacked =
            entry.unpack_in(directory).map_err(|error| refuse(format!("{}: {error}", path.display())))?;
        if !unpacked {
            return Err(refuse(format!("{} leads out of the archive", path.display())));
        }
    }
    Ok(())
}

impl Context {
    /// The context in `root`, without what its `.dockerignore` leaves out.
    pub(super) fn open(root: PathBuf) -> Result<Self, ImageError> {
        let mut builder = GitignoreBuilder::new(&root);
        let path = root.join(".dockerignore");
        if path.is_file() {
            let patterns = std::fs::read_to_string(&path).context("read", &path)?;
            for pattern in patterns.lines().map(str::trim) {
                if pattern.is_empty() || pattern.starts_with('#') {
                    continue;
                }
                // Unlike Git's, these patterns all begin at the context's root.
                let (negation, rest) = match pattern.strip_prefix('!') {
                    Some(rest) => ("!", rest),
                    None => ("", pattern),
                };
                let rooted = rest.trim_start_matches("./").trim_matches('/');
                builder
                    .add_line(None, &format!("{negation}/{rooted}"))
                    .map_err(|error| ImageError::Archive(format!(".dockerignore: {error}")))?;
            }
        }
        let ignored =
            builder.build().map_err(|error| ImageError::Archive(format!(".dockerignore: {error}")))?;
        Ok(Self { root, ignored })
    }

    /// A file of the context as text, for example the Dockerfile.
    pub(super) fn read(&self, path: &str) -> Result<String, ImageError> {
        let relative = normalise(Path::new(path)).ok_or_else(|| ImageError::NoDockerfile(path.to_owned()))?;
        std::fs::read_to_string(self.root.join(relative)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ImageError::NoDockerfile(path.to_owned()),
            _ => ImageError::from(FileError { action: "read", path: PathBuf::from(path), source: error }),
        })
    }

    /// What `COPY sources destination` makes in an image whose root is `image`. `destination` is
    /// absolute within the image. The error is a sentence.
    pub(super) fn select(
        &self,
        sources: &[String],
        destination: &str,
        image: &Path,
    ) -> Result<Vec<Item>, String> {
        let mut found = Vec::new();
        for source in sources {
            let matches = self.matches(source)?;
            if matches.is_empty() {
                return Err(format!("COPY finds no {source} in the build context"));
            }
            found.extend(matches);
        }
        let target = normalise(Path::new(destination))
            .ok_or_else(|| format!("COPY destination {destination} leads out of the image"))?;
        let into_directory = destination.ends_with('/')
            || destination.ends_with("/.")
            || found.len() > 1
            || image.join(&target).is_dir();
        let mut items = Vec::new();
        for relative in found {
            let source = self.root.join(&relative);
            if source.is_dir() && !source.is_symlink() {
                // A directory's content is copied, not the directory.
                items.push(Item {
                    source: source.clone(),
                    target: target.clone(),
                    kind: ItemKind::Directory,
                });
                self.walk(&relative, &relative, &target, &mut items)?;
            } else {
                let name = relative.file_name().map(PathBuf::from).unwrap_or_default();
                let target = if into_directory { target.join(name) } else { target.clone() };
                items.push(item(source, target)?);
            }
        }
        Ok(items)
    }

    fn matches(&self, source: &str) -> Result<Vec<PathBuf>, String> {
        let relative = normalise(Path::new(source))
            .ok_or_else(|| format!("COPY source {source} leads out of the build context"))?;
        if !source.contains(['*', '?', '[']) {
            let there = self.has(&relative) && !self.is_ignored(&relative);
            return Ok(if there { vec![relative] } else { Vec::new() });
        }
        let glob = GlobBuilder::new(&relative.to_string_lossy())
            .literal_separator(true)
            .build()
            .map_err(|error| format!("COPY source {source}: {error}"))?
            .compile_matcher();
        let mut paths = Vec::new();
        self.every(Path::new(""), &mut paths)?;
        paths.retain(|path| glob.is_match(path) && !self.is_ignored(path));
        Ok(paths)
    }

    /// True when the path exists without passing through a link, which may lead anywhere.
    fn has(&self, relative: &Path) -> bool {
        let parents_are_real = relative
            .ancestors()
            .skip(1)
            .all(|parent| !self.root.join(parent).is_symlink() || parent.as_os_str().is_empty());
        parents_are_real && self.root.join(relative).symlink_metadata().is_ok()
    }

    fn is_ignored(&self, relative: &Path) -> bool {
        if relative.as_os_str().is_empty() {
            return false;
        }
        let is_directory = self.root.join(relative).is_dir();
        self.ignored.matched_path_or_any_parents(relative, is_directory).is_ignore()
    }

    fn every(&self, directory: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
        for name in sorted_names(&self.root.join(directory))? {
            let path = directory.join(name);
            let full = self.root.join(&path);
            paths.push(path.clone());
            if full.is_dir() && !full.is_symlink() {
                self.every(&path, paths)?;
            }
        }
        Ok(())
    }

    fn walk(&self, directory: &Path, top: &Path, target: &Path, items: &mut Vec<Item>) -> Result<(), String> {
        for name in sorted_names(&self.root.join(directory))? {
            let path = directory.join(name);
            let source = self.root.join(&path);
            let is_directory = source.is_dir() && !source.is_symlink();
            // A negated pattern may bring back a file of an ignored directory.
            if !self.is_ignored(&path) {
                let below = path.strip_prefix(top).unwrap_or(&path);
                items.push(item(source, target.join(below))?);
            }
            if is_directory {
                self.walk(&path, top, target, items)?;
            }
        }
        Ok(())
    }
}

/// The content of the items, as one digest: names, kinds and bytes, no times.
pub(super) fn digest(items: &[Item]) -> Result<String, FileError> {
    let mut whole = Sha256::new();
    for item in items {
        let mut one = Sha256::new();
        one.update(item.target.as_os_str().as_encoded_bytes());
        match &item.kind {
            ItemKind::Directory => one.update(b"\0directory"),
            ItemKind::Link(link) => {
                one.update(b"\0link\0");
                one.update(link.as_os_str().as_encoded_bytes());
            }
            ItemKind::File { executable } => {
                one.update([0, u8::from(*executable)]);
                let mut input = std::fs::File::open(&item.source).context("read", &item.source)?;
                let mut piece = vec![0; 256 * 1024];
                loop {
                    match input.read(&mut piece).context("read", &item.source)? {
                        0 => break,
                        count => one.update(&piece[..count]),
                    }
                }
            }
        }
        whole.update(one.finalize());
    }
    Ok(hex::encode(whole.finalize()))
}

/// Copies the items into the directory that stands for the image's root.
pub(super) fn copy(items: &[Item], image: &Path) -> Result<(), FileError> {
    for item in items {
        let target = inside(image, &item.target)?;
        match &item.kind {
            ItemKind::Directory => std::fs::create_dir_all(&target).context("create", &target)?,
            ItemKind::Link(link) => {
                let _ = std::fs::remove_file(&target);
                std::os::unix::fs::symlink(link, &target).context("create", &target)?;
            }
            ItemKind::File { executable } => {
                let _ = std::fs::remove_file(&target);
                std::fs::copy(&item.source, &target).context("create", &target)?;
                let mode = if *executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode))
                    .context("set the permissions of", &target)?;
            }
        }
    }
    Ok(())
}

/// `path` inside `image`, its parents made. A link on the way could lead out, so it is refused.
pub(super) fn inside(image: &Path, path: &Path) -> Result<PathBuf, FileError> {
    let mut full = image.to_path_buf();
    let relative = path.strip_prefix("/").unwrap_or(path);
    let parents = relative.parent().unwrap_or(Path::new(""));
    for component in parents.components() {
        full.push(component);
        if full.is_symlink() || !matches!(component, Component::Normal(_)) {
            return Err(std::io::Error::other("a symbolic link lies on the way"))
                .context("write through", &full);
        }
    }
    std::fs::create_dir_all(&full).context("create", &full)?;
    match relative.file_name() {
        Some(name) => Ok(full.join(name)),
        None => Ok(full),
    }
}

/// A path without `.`, a leading `/` or `..`; `None` when it leads upwards out of its root.
pub(super) fn normalise(path: &Path) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::ParentDir => {
                if !result.pop() {
                    return None;
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(result)
}

fn item(source: PathBuf, target: PathBuf) -> Result<Item, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", source.display());
    let metadata = source.symlink_metadata().map_err(unreadable)?;
    let kind = if metadata.is_symlink() {
        ItemKind::Link(std::fs::read_link(&source).map_err(unreadable)?)
    } else if metadata.is_dir() {
        ItemKind::Directory
    } else {
        ItemKind::File { executable: metadata.permissions().mode() & 0o100 != 0 }
    };
    Ok(Item { source, target, kind })
}

fn sorted_names(directory: &Path) -> Result<Vec<std::ffi::OsString>, String> {
    let unreadable = |error: std::io::Error| format!("cannot list {}: {error}", directory.display());
    let mut names = std::fs::read_dir(directory)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.file_name()).map_err(unreadable))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}
