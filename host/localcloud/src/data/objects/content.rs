//! Bytes in and out of files, in pieces, with the checksums that Cloud Storage reports.

use std::io::{Read, SeekFrom};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::{NewObject, ObjectError};
use crate::data::file::{self, Context, FileError};

/// Bytes read from disk at once.
const PIECE: usize = 256 * 1024;

/// Both checksums of some content, running.
#[derive(Default)]
pub(super) struct Checksums {
    md5: Md5,
    crc32c: u32,
    size: u64,
}

/// Checksums of complete content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) md5: String,
    pub(super) crc32c: String,
    pub(super) size: u64,
}

impl Checksums {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.md5.update(piece);
        self.crc32c = crc32c::crc32c_append(self.crc32c, piece);
        self.size += piece.len() as u64;
    }

    /// Bytes seen so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn finish(self) -> Summary {
        Summary {
            md5: STANDARD.encode(self.md5.finalize()),
            crc32c: STANDARD.encode(self.crc32c.to_be_bytes()),
            size: self.size,
        }
    }
}

impl Summary {
    /// Of a whole file.
    pub(super) async fn of_file(path: &Path) -> Result<Self, FileError> {
        let path = path.to_path_buf();
        file::blocking(move || {
            let mut input = std::fs::File::open(&path).context("read", &path)?;
            let mut checksums = Checksums::default();
            let mut piece = vec![0; PIECE];
            loop {
                match input.read(&mut piece).context("read", &path)? {
                    0 => return Ok(checksums.finish()),
                    count => checksums.update(&piece[..count]),
                }
            }
        })
        .await
    }

    /// Compares with what the client announced.
    pub(super) fn check(&self, announced: &NewObject) -> Result<(), ObjectError> {
        for (algorithm, expected, actual) in
            [("CRC32C", &announced.crc32c, &self.crc32c), ("MD5", &announced.md5, &self.md5)]
        {
            if let Some(expected) = expected
                && expected != actual
            {
                return Err(ObjectError::Hash {
                    algorithm,
                    expected: expected.clone(),
                    actual: actual.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Appends a stream to the end of the file `path`, leaving out its first `skip` bytes; stops with
/// an error at `limit` bytes of file. Keeps what arrived before an error, on disk for good.
pub(super) async fn append<E: std::fmt::Display>(
    path: &Path,
    content: impl Stream<Item = Result<Bytes, E>> + Send,
    mut skip: u64,
    limit: Option<u64>,
    checksums: &mut Checksums,
) -> Result<(), ObjectError> {
    let mut output =
        tokio::fs::OpenOptions::new().create(true).append(true).open(path).await.context("open", path)?;
    let mut length = output.metadata().await.context("read", path)?.len();
    let mut result = Ok(());
    futures::pin_mut!(content);
    while let Some(piece) = content.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                result = Err(ObjectError::Stream(error.to_string()));
                break;
            }
        };
        let skipped = skip.min(piece.len() as u64);
        skip -= skipped;
        let piece = &piece[usize::try_from(skipped).unwrap_or(piece.len())..];
        length += piece.len() as u64;
        if let Some(expected) = limit.filter(|limit| length > *limit) {
            result = Err(ObjectError::Length { expected, actual: length });
            break;
        }
        checksums.update(piece);
        output.write_all(piece).await.context("write", path)?;
    }
    output.flush().await.context("write", path)?;
    output.sync_data().await.context("flush", path)?;
    result
}

/// Reads `length` bytes of `path` from `first` on. The file stays readable while it is deleted.
pub(super) async fn read(
    path: &Path,
    first: u64,
    length: u64,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>, FileError> {
    let mut input = tokio::fs::File::open(path).await.context("read", path)?;
    input.seek(SeekFrom::Start(first)).await.context("read", path)?;
    let pieces = futures::stream::try_unfold(input.take(length), |mut input| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        match input.read_buf(&mut piece).await? {
            0 if input.limit() > 0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            0 => Ok(None),
            _ => Ok(Some((piece.freeze(), input))),
        }
    });
    Ok(pieces.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_written_as_cloud_storage_writes_them() {
        let mut checksums = Checksums::default();
        checksums.update(b"hello ");
        checksums.update(b"world");
        insta::assert_debug_snapshot!(checksums.finish(), @r#"
        Summary {
            md5: "XrY7u+Ae7tCTyyK7j1rNww==",
            crc32c: "yZRlqg==",
            size: 11,
        }
        "#);
    }
}
