//! Files that go with a stack.

use serde_json::{Value as Json, json};

use crate::contract;
use crate::{Error, Output, Result};

/// A directory, packed by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The SHA-256 of its content, 64 hexadecimal digits: it changes when a file does.
    pub digest: String,
    /// The packed files, for a property that takes an archive.
    pub archive: Output,
    /// How many files there are.
    pub files: u64,
}

/// Packs a directory beside the stack's file.
///
/// # Errors
/// When the directory does not exist, or leads out of the stack's own directory.
#[track_caller]
pub fn directory(path: &str) -> Result<Directory> {
    directory_without(path, &[])
}

/// Packs a directory beside the stack's file, without what the patterns match; they are written as in a
/// `.gitignore` file.
///
/// # Errors
/// As for [`directory`].
#[track_caller]
pub fn directory_without(path: &str, ignore: &[&str]) -> Result<Directory> {
    let answer = match contract::directory(path, &json!({ "ignore": ignore }).to_string()) {
        Ok(answer) => answer,
        Err(message) => return Err(Error::new(message)),
    };
    let answer: Json = serde_json::from_str(&answer)?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    Ok(Directory {
        digest: text("digest").unwrap_or_default(),
        archive: Output::from_token(text("archive")),
        files: answer["files"].as_u64().unwrap_or_default(),
    })
}
