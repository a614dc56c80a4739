//! Layers on disk: each is made once, under the key of all that went into it, and never changed.
//!
//! A layer has a `root/` (the image's files, without Python) and, where it changed packages, a
//! `python/`: a virtual environment names itself in its scripts, so it is built where it stays, and
//! `layer.json`, written last, marks it complete. Layers that only change files share the
//! environment of an earlier one.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ImageError;
use crate::data::file::{self, Context, FileError};

/// The layers of one local cloud.
#[derive(Debug)]
pub(super) struct Layers {
    directory: PathBuf,
}

/// A complete layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer {
    /// Digest of all that went into it.
    pub(super) key: String,
    /// The instruction that made it.
    pub(super) instruction: String,
    /// The directory that stands for the image's `/`.
    pub(super) root: PathBuf,
    /// The virtual environment in force.
    pub(super) python: PathBuf,
}

/// A layer being made. Dropped unfinished, it is deleted.
#[derive(Debug)]
pub(super) struct Draft {
    directory: PathBuf,
    layer: Layer,
    parent_python: Option<PathBuf>,
    before: BTreeMap<PathBuf, Fingerprint>,
    finished: bool,
}

/// What changes about a file when it is written.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint {
    size: u64,
    modified: (i64, i64),
    mode: u32,
    inode: u64,
}

/// The key of a layer: its parent's key and everything that its making depends on.
pub(super) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

impl Layers {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The complete layer with this key.
    pub(super) fn find(&self, key: &str) -> Result<Option<Layer>, FileError> {
        let layer: Option<Layer> = file::read_json(&self.path(key).join("layer.json"))?;
        // The environment may be a deleted layer's.
        Ok(layer.filter(|layer| layer.root.is_dir() && layer.python.is_dir()))
    }

    /// Begins a layer: on top of `parent` with a copy of its files, else empty.
    ///
    /// With `own_python` it also gets an environment of its own: a copy of the parent's.
    pub(super) async fn begin(
        &self,
        key: &str,
        instruction: &str,
        parent: Option<&Layer>,
        own_python: bool,
    ) -> Result<Draft, ImageError> {
        let directory = self.path(key);
        file::remove_directory(&directory)?;
        let root = directory.join("root");
        std::fs::create_dir_all(&root).context("create", &root)?;
        let own = directory.join("python");
        let python = match parent {
            Some(parent) if !own_python => parent.python.clone(),
            _ => own.clone(),
        };
        let mut draft = Draft {
            layer: Layer {
                key: key.to_owned(),
                instruction: instruction.to_owned(),
                root: root.clone(),
                python,
            },
            parent_python: None,
            before: BTreeMap::new(),
            finished: false,
            directory,
        };
        if let Some(parent) = parent {
            copy_tree(&parent.root, &root).await?;
            if own_python {
                copy_tree(&parent.python, &own).await?;
                relocate(&parent.python, &own)?;
                draft.before = fingerprints(&own)?;
                draft.parent_python = Some(parent.python.clone());
            }
        }
        Ok(draft)
    }

    /// The environment of the only base layer.
    #[cfg(test)]
    pub(super) fn directory_of_base(&self) -> PathBuf {
        let names = file::names_with_suffix(&self.directory, "").unwrap();
        names
            .iter()
            .map(|name| self.directory.join(name))
            .find(|layer| {
                let layer: Layer = file::read_json(&layer.join("layer.json")).unwrap().unwrap();
                layer.instruction.starts_with("python:")
            })
            .unwrap()
            .join("python")
    }

    /// Directories are named by half of the key: scripts' first lines have a limited length.
    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(&key[..key.len().min(32)])
    }
}

impl Draft {
    /// Where the layer is made.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn root(&self) -> &Path {
        &self.layer.root
    }

    pub(super) fn python(&self) -> &Path {
        &self.layer.python
    }

    /// Completes the layer. An environment that did not change gives way to the parent's.
    pub(super) fn finish(mut self) -> Result<Layer, FileError> {
        if let Some(parent) = self.parent_python.take()
            && fingerprints(&self.layer.python)? == self.before
        {
            file::remove_directory(&self.layer.python)?;
            self.layer.python = parent;
        }
        file::write_json(&self.directory.join("layer.json"), &self.layer)?;
        self.finished = true;
        Ok(self.layer.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = file::remove_directory(&self.directory)
        {
            // Without its marker it is thrown away by the next build as well.
            tracing::warn!(%error, "an unfinished layer stays behind");
        }
    }
}

/// Copies the content of a directory, sharing blocks where the file system can.
pub(crate) async fn copy_tree(from: &Path, to: &Path) -> Result<(), FileError> {
    let output = tokio::process::Command::new("cp")
        .args(["-a", "--reflink=auto", "--"])
        .arg(from.join("."))
        .arg(to)
        .output()
        .await
        .context("copy", from)?;
    if output.status.success() {
        Ok(())
    } else {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(std::io::Error::other(message)).context("copy", from)
    }
}

/// Makes a copied environment name itself: the first lines of scripts, and its configuration.
fn relocate(from: &Path, to: &Path) -> Result<(), FileError> {
    let (old, new) = (from.to_string_lossy(), to.to_string_lossy());
    let bin = to.join("bin");
    let mut paths = vec![to.join("pyvenv.cfg")];
    for name in file::names_with_suffix(&bin, "")? {
        paths.push(bin.join(name));
    }
    for path in paths {
        let metadata = path.symlink_metadata().context("read", &path)?;
        if !metadata.is_file() {
            continue;
        }
        let Ok(text) = String::from_utf8(std::fs::read(&path).context("read", &path)?) else {
            continue;
        };
        if text.contains(&*old) {
            let mode = metadata.permissions().mode();
            std::fs::write(&path, text.replace(&*old, &new)).context("write", &path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
                .context("set the permissions of", &path)?;
        }
    }
    Ok(())
}

fn fingerprints(directory: &Path) -> Result<BTreeMap<PathBuf, Fingerprint>, FileError> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(current) = pending.pop() {
        for entry in std::fs::read_dir(&current).context("list", &current)? {
            let entry = entry.context("list", &current)?;
            let path = entry.path();
            let metadata = entry.metadata().context("read", &path)?;
            if metadata.is_dir() {
                pending.push(path.clone());
            }
            found.insert(
                path,
                Fingerprint {
                    size: metadata.size(),
                    modified: (metadata.mtime(), metadata.mtime_nsec()),
                    mode: metadata.mode(),
                    inode: metadata.ino(),
                },
            );
        }
    }
    Ok(found)
}
