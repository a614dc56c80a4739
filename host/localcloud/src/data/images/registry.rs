//! Artifact Registry's tags: which image a name means.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ImageError, ImageManifest, Images, RegistryEntry};

/// One image path, `HOST/PROJECT/REPOSITORY/IMAGE`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository {
    /// When each image was pushed, by digest.
    images: BTreeMap<String, Timestamp>,
    /// Digest by tag.
    tags: BTreeMap<String, String>,
}

impl Images {
    /// Puts an image under `repository` (`HOST/PROJECT/REPOSITORY/IMAGE`) with a tag, which moves
    /// there if another image had it.
    pub(crate) async fn push(&self, repository: &str, tag: &str, digest: &str) -> Result<(), ImageError> {
        if self.manifest(digest)?.is_none() {
            return Err(ImageError::NotFound(digest.to_owned()));
        }
        self.registry
            .update(|rows| {
                let entry = rows.entry(repository.to_owned()).or_default();
                entry.images.entry(digest.to_owned()).or_insert_with(Timestamp::now);
                entry.tags.insert(tag.to_owned(), digest.to_owned());
                Ok(())
            })
            .await
    }

    /// The image behind `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@sha256:…`.
    pub(crate) async fn resolve(&self, reference: &str) -> Result<ImageManifest, ImageError> {
        let missing = || ImageError::NotFound(reference.to_owned());
        let (repository, digest, tag) = split(reference);
        let row = self.registry.get(repository).await.ok_or_else(missing)?;
        let digest = match digest {
            Some(digest) => Some(digest).filter(|digest| row.images.contains_key(*digest)),
            None => row.tags.get(tag).map(String::as_str),
        };
        let digest = digest.ok_or_else(missing)?;
        self.manifest(digest)?.ok_or_else(missing)
    }

    /// The images of every repository whose path is `prefix` or lies below it.
    pub(crate) async fn list(&self, prefix: &str) -> BTreeMap<String, Vec<RegistryEntry>> {
        self.registry
            .rows()
            .await
            .into_iter()
            .filter(|(path, _)| lies_below(path, prefix))
            .map(|(path, row)| (path, entries(&row)))
            .collect()
    }

    /// The digests of the tags of `repository` (`HOST/PROJECT/REPOSITORY/IMAGE`).
    pub(crate) async fn tags(&self, repository: &str) -> Result<BTreeMap<String, String>, ImageError> {
        let row = self.registry.get(repository).await;
        row.map(|row| row.tags.clone()).ok_or_else(|| ImageError::NotFound(repository.to_owned()))
    }

    /// Removes a tag.
    pub(crate) async fn delete_tag(&self, repository: &str, tag: &str) -> Result<(), ImageError> {
        self.registry
            .update(|rows| {
                rows.get_mut(repository)
                    .and_then(|row| row.tags.remove(tag))
                    .map(drop)
                    .ok_or_else(|| ImageError::NotFound(format!("{repository}:{tag}")))
            })
            .await
    }

    /// Removes an image with its tags from a repository.
    pub(crate) async fn delete_image(&self, repository: &str, digest: &str) -> Result<(), ImageError> {
        self.registry
            .update(|rows| {
                let missing = || ImageError::NotFound(format!("{repository}@{digest}"));
                let row = rows.get_mut(repository).ok_or_else(missing)?;
                row.images.remove(digest).ok_or_else(missing)?;
                row.tags.retain(|_, tagged| tagged != digest);
                if row.images.is_empty() {
                    rows.remove(repository);
                }
                Ok(())
            })
            .await
    }

    /// Removes every repository whose path is `prefix` or lies below it.
    pub(crate) async fn delete_below(&self, prefix: &str) -> Result<(), ImageError> {
        self.registry
            .update(|rows| {
                rows.retain(|path, _| !lies_below(path, prefix));
                Ok(())
            })
            .await
    }
}

/// Repository, digest and tag of a reference. A colon before a slash is a port's.
fn split(reference: &str) -> (&str, Option<&str>, &str) {
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, digest, tag),
        _ => (name, digest, "latest"),
    }
}

fn lies_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    prefix.is_empty()
        || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn entries(row: &Repository) -> Vec<RegistryEntry> {
    row.images
        .iter()
        .map(|(digest, uploaded)| RegistryEntry {
            digest: digest.clone(),
            tags: row
                .tags
                .iter()
                .filter(|(_, tagged)| *tagged == digest)
                .map(|(tag, _)| tag.clone())
                .collect(),
            uploaded: *uploaded,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split() {
        assert_eq!(split("h/p/r/i"), ("h/p/r/i", None, "latest"));
        assert_eq!(split("h:5000/p/r/i:v1"), ("h:5000/p/r/i", None, "v1"));
        assert_eq!(split("h/p/i:v1@sha256:ab"), ("h/p/i", Some("sha256:ab"), "v1"));
        assert!(lies_below("h/p/repo/image", "h/p/repo/"));
        assert!(!lies_below("h/p/repository/image", "h/p/repo"));
    }
}
