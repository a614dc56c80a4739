//! Files that a stack refers to: a directory beside it, packed the same way every time.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a string is not an [`AssetDigest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an asset digest: it is `sha256:` and 64 hexadecimal digits.")]
pub struct AssetError(String);

/// The content of an asset, named by `sha256:` and 64 lower-case hexadecimal digits. The digest is of the
/// archive before compression, so that another compressor does not look like another content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetDigest(String);

impl AssetDigest {
    /// The 64 hexadecimal digits.
    pub fn hexadecimal(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }
}

impl FromStr for AssetDigest {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match text.strip_prefix("sha256:") {
            Some(digits) if digits.len() == 64 && digits.bytes().all(is_digit) => Ok(Self(text.to_owned())),
            _ => Err(AssetError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for AssetDigest {
    type Error = AssetError;

    fn try_from(text: String) -> Result<Self, AssetError> {
        text.parse()
    }
}

impl From<AssetDigest> for String {
    fn from(digest: AssetDigest) -> Self {
        digest.0
    }
}

impl fmt::Display for AssetDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One file of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetFile {
    /// Path inside the directory, with `/` between its parts.
    pub path: String,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Whether the file may be executed.
    pub executable: bool,
}

/// A directory that a stack asked for. Its digest depends on names, contents and executable bits only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Digest of the archive before compression.
    pub digest: AssetDigest,
    /// The directory, as the host found it.
    pub directory: PathBuf,
    /// The files in it, in order of their paths.
    pub files: Vec<AssetFile>,
    /// The deterministic `.tar.gz` of the files. Not kept in plans.
    #[serde(skip)]
    pub archive: Vec<u8>,
}
