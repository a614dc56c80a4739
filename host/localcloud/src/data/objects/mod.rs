//! Cloud Storage's data plane: objects on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The objects of one local cloud, by bucket. The bucket itself is the control plane's resource:
/// a bucket without objects needs no call here.
#[derive(Debug)]
pub(crate) struct Objects {}

/// A stored object's description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    /// The bucket's name.
    pub(crate) bucket: String,
    /// The object's name, any UTF-8.
    pub(crate) name: String,
    /// Content version: grows with every write.
    pub(crate) generation: i64,
    /// Description version: from 1, grows with every patch.
    pub(crate) metageneration: i64,
    /// Length of the content in bytes.
    pub(crate) size: u64,
    /// MD5 of the content, base64.
    pub(crate) md5: String,
    /// CRC-32C of the content, big-endian, base64.
    pub(crate) crc32c: String,
    /// What the client says about the content.
    pub(crate) attributes: Attributes,
    /// When this generation was written.
    pub(crate) created: Timestamp,
    /// When the description last changed.
    pub(crate) updated: Timestamp,
}

/// What a client may say about an object, and change without writing its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attributes {
    /// Media type.
    pub(crate) content_type: Option<String>,
    /// Content-Encoding header.
    pub(crate) content_encoding: Option<String>,
    /// Content-Disposition header.
    pub(crate) content_disposition: Option<String>,
    /// Content-Language header.
    pub(crate) content_language: Option<String>,
    /// Cache-Control header.
    pub(crate) cache_control: Option<String>,
    /// Custom time.
    pub(crate) custom_time: Option<String>,
    /// Storage class, for example `STANDARD`.
    pub(crate) storage_class: Option<String>,
    /// Custom metadata.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// An object about to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewObject {
    /// The object's name.
    pub(crate) name: String,
    /// What the client says about it.
    pub(crate) attributes: Attributes,
    /// Content MD5 that must match, base64.
    pub(crate) md5: Option<String>,
    /// Content CRC-32C that must match, base64.
    pub(crate) crc32c: Option<String>,
    /// What must hold at the moment of the write.
    pub(crate) conditions: Conditions,
}

/// What must hold of the live object for an operation to happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conditions {
    /// The generation must be this; 0 means that there must be no object.
    pub(crate) generation_match: Option<i64>,
    /// The generation must not be this; 0 means that there must be an object.
    pub(crate) generation_not_match: Option<i64>,
    /// The metageneration must be this.
    pub(crate) metageneration_match: Option<i64>,
    /// The metageneration must not be this.
    pub(crate) metageneration_not_match: Option<i64>,
}

/// How far a resumable upload has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Upload {
    /// Bytes kept so far; the client goes on from there.
    Incomplete {
        /// Number of bytes from the start.
        received: u64,
    },
    /// The object is written.
    Complete(Box<Object>),
}

/// Which part of an object's content is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// From the first offset to the last, inclusive; `None` means to the end.
    From(u64, Option<u64>),
    /// The last so many bytes.
    Last(u64),
}

/// An object's content being read.
pub(crate) struct Reader {
    /// The object it belongs to.
    pub(crate) object: Object,
    /// Offset of the first byte.
    pub(crate) first: u64,
    /// Number of bytes that follow.
    pub(crate) length: u64,
    /// The bytes, in pieces.
    pub(crate) content: BoxStream<'static, std::io::Result<Bytes>>,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery {
    /// Names must begin with this.
    pub(crate) prefix: String,
    /// Names that hold this after the prefix are folded into prefixes.
    pub(crate) delimiter: Option<String>,
    /// Where the previous page ended.
    pub(crate) page_token: Option<String>,
    /// Entries (items and prefixes together) per page; Cloud Storage's default is 1000.
    pub(crate) max_results: Option<usize>,
    /// Names from here on (inclusive).
    pub(crate) start_offset: Option<String>,
    /// Names before this one.
    pub(crate) end_offset: Option<String>,
    /// An object whose name is a prefix ending in the delimiter is listed as an item too.
    pub(crate) include_trailing_delimiter: bool,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Page {
    /// Objects, by name.
    pub(crate) items: Vec<Object>,
    /// Folded names, sorted.
    pub(crate) prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub(crate) next_page_token: Option<String>,
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
}

impl Objects {
    /// Opens the objects below `directory`.
    pub(crate) async fn open(directory: PathBuf) -> Result<Self, ObjectError> {
        let _ = directory;
        todo!()
    }
    /// Writes an object from a stream.
    pub(crate) async fn insert<E: std::fmt::Display>(
        &self,
        bucket: &str,
        object: NewObject,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Object, ObjectError> {
        let _ = (bucket, object, &content);
        todo!()
    }
    /// Begins a resumable upload; returns its session id (URL-safe).
    pub(crate) async fn begin_upload(&self, bucket: &str, object: NewObject) -> Result<String, ObjectError> {
        let _ = (bucket, object);
        todo!()
    }
    /// Appends a chunk at `offset`. `total` is the whole length where known: when it is reached the
    /// object is written. What arrived before a broken stream is kept.
    pub(crate) async fn append<E: std::fmt::Display>(
        &self,
        session: &str,
        offset: u64,
        total: Option<u64>,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Upload, ObjectError> {
        let _ = (session, offset, total, &content);
        todo!()
    }
    /// How far an upload has come.
    pub(crate) async fn upload(&self, session: &str) -> Result<Upload, ObjectError> {
        let _ = session;
        todo!()
    }
    /// The bucket an upload goes to.
    pub(crate) async fn upload_bucket(&self, session: &str) -> Result<String, ObjectError> {
        let _ = session;
        todo!()
    }
    /// Cancels an upload and drops its bytes.
    pub(crate) async fn cancel_upload(&self, session: &str) -> Result<(), ObjectError> {
        let _ = session;
        todo!()
    }
    /// An object's description.
    pub(crate) fn get(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
    ) -> Result<Object, ObjectError> {
        let _ = (bucket, name, generation);
        todo!()
    }
    /// Opens an object's content, whole or in part.
    pub(crate) async fn read(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        range: Option<ByteRange>,
    ) -> Result<Reader, ObjectError> {
        let _ = (bucket, name, generation, range);
        todo!()
    }
    /// Lists a bucket.
    pub(crate) fn list(&self, bucket: &str, query: &ListQuery) -> Result<Page, ObjectError> {
        let _ = (bucket, query);
        todo!()
    }
    /// Changes the description.
    pub(crate) async fn patch(
        &self,
        bucket: &str,
        name: &str,
        conditions: Conditions,
        change: impl FnOnce(&mut Attributes) + Send,
    ) -> Result<Object, ObjectError> {
        let _ = (bucket, name, conditions, &change);
        todo!()
    }
    /// Deletes an object.
    pub(crate) async fn delete(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: Conditions,
    ) -> Result<(), ObjectError> {
        let _ = (bucket, name, generation, conditions);
        todo!()
    }
    /// Copies `source` (bucket, name) to `target` (bucket, name); `attributes` replace the source's where given.
    pub(crate) async fn copy(
        &self,
        source: (&str, &str),
        target: (&str, &str),
        attributes: Option<Attributes>,
        conditions: Conditions,
    ) -> Result<Object, ObjectError> {
        let _ = (source, target, attributes, conditions);
        todo!()
    }
    /// True when the bucket holds no object.
    pub(crate) fn is_empty(&self, bucket: &str) -> bool {
        let _ = bucket;
        todo!()
    }
    /// Deletes all objects of a bucket and its directory.
    pub(crate) async fn delete_all(&self, bucket: &str) -> Result<(), ObjectError> {
        let _ = bucket;
        todo!()
    }
}
