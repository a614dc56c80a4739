//! Cloud Storage's data plane: objects on disk.
//!
//! An object is two files under its bucket's directory, both named by the hash of the object's
//! name, for a name may be any text: `HASH.GENERATION` holds the content, and `HASH.json` the
//! description, whose atomic replacement is the moment at which a write happens. Content that no
//! description mentions is what a crash left, and goes when the store is opened. Descriptions are
//! held in memory too, in order of names, for listing.

mod content;
mod listing;
mod model;
#[cfg(test)]
mod tests;
mod uploads;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::file::{self, Context, FileError};
use content::{Checksums, Summary};
pub(crate) use model::{
    Attributes, ByteRange, Conditions, ListQuery, NewObject, Object, Page, Reader, Upload,
};

/// The objects of one local cloud, by bucket. The bucket itself is the control plane's resource:
/// a bucket without objects needs no call here.
#[derive(Debug)]
pub(crate) struct Objects {
    directory: PathBuf,
    buckets: Mutex<BTreeMap<String, BTreeMap<String, Object>>>,
    /// Held while a description changes, so that conditions hold when they are acted on.
    writing: tokio::sync::Mutex<()>,
    /// One per upload session that received something, so that chunks never interleave.
    sessions: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// Why an object operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    /// There is no such object (or not of that generation).
    #[error("No such object: {bucket}/{name}")]
    NotFound {
        /// The bucket.
        bucket: String,
        /// The object.
        name: String,
    },
    /// A condition does not hold.
    #[error("At least one of the pre-conditions you specified did not hold.")]
    ConditionFailed,
    /// The range lies beyond the end.
    #[error("The requested range is not satisfiable: the object has {size} bytes")]
    Range {
        /// Length of the content.
        size: u64,
    },
    /// The content is not what the client announced.
    #[error(
        "Provided {algorithm} hash \"{expected}\" doesn't match calculated {algorithm} hash \"{actual}\"."
    )]
    Hash {
        /// `MD5` or `CRC32C`.
        algorithm: &'static str,
        /// What the client announced.
        expected: String,
        /// What arrived.
        actual: String,
    },
    /// There is no such upload session, or it has expired or was cancelled.
    #[error("no upload session {0}: begin the upload again")]
    NoSession(String),
    /// A chunk begins beyond what has been received.
    #[error("the chunk begins at byte {offset}, but only {received} bytes have been received")]
    Gap {
        /// Where the chunk begins.
        offset: u64,
        /// What is there.
        received: u64,
    },
    /// More or fewer bytes than announced.
    #[error("{actual} bytes arrived where {expected} were announced")]
    Length {
        /// The announced total.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// The page token is not one of ours.
    #[error("Invalid page token: {0}")]
    PageToken(String),
    /// The client's stream broke.
    #[error("the content broke off: {0}")]
    Stream(String),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Objects {
    /// Opens the objects below `directory`.
    pub(crate) async fn open(directory: PathBuf) -> Result<Self, ObjectError> {
        let root = directory.clone();
        let buckets = file::blocking::<_, FileError, _>(move || {
            for part in ["buckets", "uploads", "incoming"] {
                let path = root.join(part);
                std::fs::create_dir_all(&path).context("create", &path)?;
            }
            // Nothing comes in while the store is closed.
            for name in file::names_with_suffix(&root.join("incoming"), "")? {
                file::remove_file(&root.join("incoming").join(name))?;
            }
            load(&root.join("buckets"))
        })
        .await?;
        let objects = Self {
            directory,
            buckets: Mutex::new(buckets),
            writing: tokio::sync::Mutex::default(),
            sessions: Mutex::default(),
        };
        objects.expire_uploads().await?;
        Ok(objects)
    }

    /// Writes an object from a stream. Nothing is seen of it before it is complete.
    pub(crate) async fn insert<E: std::fmt::Display>(
        &self,
        bucket: &str,
        object: NewObject,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Object, ObjectError> {
        object.conditions.check(self.live(bucket, &object.name).as_ref())?;
        let incoming = self.incoming_path();
        let mut checksums = Checksums::default();
        let result = match content::append(&incoming, content, 0, None, &mut checksums).await {
            Ok(()) => self.commit(bucket, object, &incoming, checksums.finish()).await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            file::remove_file(&incoming)?;
        }
        result
    }

    /// An object's description.
    pub(crate) fn get(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
    ) -> Result<Object, ObjectError> {
        self.live(bucket, name)
            .filter(|object| generation.is_none_or(|wanted| wanted == object.generation))
            .ok_or_else(|| ObjectError::NotFound { bucket: bucket.to_owned(), name: name.to_owned() })
    }

    /// Opens an object's content, whole or in part.
    pub(crate) async fn read(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        range: Option<ByteRange>,
    ) -> Result<Reader, ObjectError> {
        let object = self.get(bucket, name, generation)?;
        let (first, length) = match range {
            Some(range) => range.resolve(object.size)?,
            None => (0, object.size),
        };
        let path = self.content_path(bucket, name, object.generation);
        let content = content::read(&path, first, length).await?;
        Ok(Reader { object, first, length, content })
    }

    /// Lists a bucket.
    pub(crate) fn list(&self, bucket: &str, query: &ListQuery) -> Result<Page, ObjectError> {
        match self.index().get(bucket) {
            Some(objects) => listing::list(objects, query),
            None => listing::list(&BTreeMap::new(), query),
        }
    }

    /// Changes the description.
    pub(crate) async fn patch(
        &self,
        bucket: &str,
        name: &str,
        conditions: Conditions,
        change: impl FnOnce(&mut Attributes) + Send,
    ) -> Result<Object, ObjectError> {
        let _writing = self.writing.lock().await;
        let mut object = self.get(bucket, name, None)?;
        conditions.check(Some(&object))?;
        change(&mut object.attributes);
        object.metageneration += 1;
        object.updated = Timestamp::now();
        self.describe(object.clone()).await?;
        Ok(object)
    }

    /// Deletes an object.
    pub(crate) async fn delete(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: Conditions,
    ) -> Result<(), ObjectError> {
        let _writing = self.writing.lock().await;
        let object = self.get(bucket, name, generation)?;
        conditions.check(Some(&object))?;
        file::remove_file(&self.description_path(bucket, name))?;
        file::sync_directory(&self.bucket_directory(bucket))?;
        if let Some(objects) = self.index().get_mut(bucket) {
            objects.remove(name);
        }
        file::remove_file(&self.content_path(bucket, name, object.generation))?;
        Ok(())
    }

    /// Copies `source` (bucket, name) to `target` (bucket, name); `attributes` replace the
    /// source's where given, and `conditions` are about the target.
    pub(crate) async fn copy(
        &self,
        source: (&str, &str),
        target: (&str, &str),
        attributes: Option<Attributes>,
        conditions: Conditions,
    ) -> Result<Object, ObjectError> {
        let reader = self.read(source.0, source.1, None, None).await?;
        let new = NewObject {
            name: target.1.to_owned(),
            attributes: attributes.unwrap_or(reader.object.attributes),
            md5: Some(reader.object.md5),
            crc32c: None,
            conditions,
        };
        self.insert(target.0, new, reader.content).await
    }

    /// True when the bucket holds no object.
    pub(crate) fn is_empty(&self, bucket: &str) -> bool {
        self.index().get(bucket).is_none_or(BTreeMap::is_empty)
    }

    /// Deletes all objects of a bucket and its directory.
    pub(crate) async fn delete_all(&self, bucket: &str) -> Result<(), ObjectError> {
        let _writing = self.writing.lock().await;
        let directory = self.bucket_directory(bucket);
        file::blocking::<_, FileError, _>(move || file::remove_directory(&directory)).await?;
        self.index().remove(bucket);
        Ok(())
    }

    /// Makes the file `content` the content of `object`: the conditions and announced checksums are
    /// verified, and generations never repeat.
    async fn commit(
        &self,
        bucket: &str,
        object: NewObject,
        content: &Path,
        summary: Summary,
    ) -> Result<Object, ObjectError> {
        summary.check(&object)?;
        let _writing = self.writing.lock().await;
        let previous = self.live(bucket, &object.name);
        object.conditions.check(previous.as_ref())?;
        let now = Timestamp::now();
        let floor = previous.as_ref().map_or(0, |previous| previous.generation);
        let written = Object {
            bucket: bucket.to_owned(),
            generation: now.as_microsecond().max(floor + 1),
            metageneration: 1,
            size: summary.size,
            md5: summary.md5,
            crc32c: summary.crc32c,
            attributes: object.attributes,
            created: now,
            updated: now,
            name: object.name,
        };
        let directory = self.bucket_directory(bucket);
        std::fs::create_dir_all(&directory).context("create", &directory)?;
        let path = self.content_path(bucket, &written.name, written.generation);
        std::fs::rename(content, &path).context("create", &path)?;
        self.describe(written.clone()).await?;
        if let Some(previous) = previous {
            file::remove_file(&self.content_path(bucket, &written.name, previous.generation))?;
        }
        Ok(written)
    }

    /// Writes a description, to disk first.
    async fn describe(&self, object: Object) -> Result<(), ObjectError> {
        let path = self.description_path(&object.bucket, &object.name);
        let description = object.clone();
        file::blocking::<_, FileError, _>(move || file::write_json(&path, &description)).await?;
        self.index().entry(object.bucket.clone()).or_default().insert(object.name.clone(), object);
        Ok(())
    }

    fn live(&self, bucket: &str, name: &str) -> Option<Object> {
        self.index().get(bucket)?.get(name).cloned()
    }

    /// The index is only ever replaced entry by entry, so a panic elsewhere leaves it whole.
    fn index(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Object>>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session_lock(&self, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sessions.entry(id.to_owned()).or_default())
    }

    fn forget_session_lock(&self, id: &str) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(id);
    }

    fn uploads_directory(&self) -> PathBuf {
        self.directory.join("uploads")
    }

    fn incoming_path(&self) -> PathBuf {
        let name = uuid::Uuid::new_v4().simple().to_string();
        self.directory.join("incoming").join(name)
    }

    fn bucket_directory(&self, bucket: &str) -> PathBuf {
        self.directory.join("buckets").join(file::component(bucket))
    }

    fn description_path(&self, bucket: &str, name: &str) -> PathBuf {
        self.bucket_directory(bucket).join(format!("{}.json", file_stem(name)))
    }

    fn content_path(&self, bucket: &str, name: &str, generation: i64) -> PathBuf {
        self.bucket_directory(bucket).join(format!("{}.{generation}", file_stem(name)))
    }
}

/// An object's name as a file name.
fn file_stem(name: &str) -> String {
    hex::encode(Sha256::digest(name))
}

/// Reads all descriptions, and deletes content that none mentions.
fn load(directory: &Path) -> Result<BTreeMap<String, BTreeMap<String, Object>>, FileError> {
    let mut buckets = BTreeMap::new();
    for encoded in file::names_with_suffix(directory, "")? {
        let bucket_directory = directory.join(&encoded);
        let mut objects = BTreeMap::new();
        let mut known = std::collections::HashSet::new();
        for stem in file::names_with_suffix(&bucket_directory, ".json")? {
            let path = bucket_directory.join(format!("{stem}.json"));
            if let Some(object) = file::read_json::<Object>(&path)? {
                known.insert(format!("{stem}.{}", object.generation));
                objects.insert(object.name.clone(), object);
            }
        }
        for name in file::names_with_suffix(&bucket_directory, "")? {
            if !name.ends_with(".json") && !known.contains(&name) {
                file::remove_file(&bucket_directory.join(name))?;
            }
        }
        buckets.insert(file::from_component(&encoded), objects);
    }
    Ok(buckets)
}
