//! The plain types of the object store.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ObjectError;

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

impl Conditions {
    /// Checks the conditions against the live object, if there is one.
    pub(super) fn check(&self, live: Option<&Object>) -> Result<(), ObjectError> {
        let generation = live.map_or(0, |object| object.generation);
        let metageneration = live.map_or(0, |object| object.metageneration);
        let holds = self.generation_match.is_none_or(|wanted| wanted == generation)
            && self.generation_not_match.is_none_or(|unwanted| unwanted != generation)
            && self.metageneration_match.is_none_or(|wanted| wanted == metageneration)
            && self.metageneration_not_match.is_none_or(|unwanted| unwanted != metageneration);
        if holds { Ok(()) } else { Err(ObjectError::ConditionFailed) }
    }
}

impl ByteRange {
    /// The first offset and the length that this means for `size` bytes.
    pub(super) fn resolve(self, size: u64) -> Result<(u64, u64), ObjectError> {
        match self {
            Self::From(first, last) => {
                let last = last.unwrap_or(u64::MAX).min(size.saturating_sub(1));
                if first >= size || last < first {
                    return Err(ObjectError::Range { size });
                }
                Ok((first, last - first + 1))
            }
            Self::Last(0) => Err(ObjectError::Range { size }),
            Self::Last(count) => Ok((size.saturating_sub(count), size.min(count))),
        }
    }
}
