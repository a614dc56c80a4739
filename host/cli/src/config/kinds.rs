//! Kinds that a stack brings along: files of the form of the host's own table, each beside the discovery document of
//! its API unless the host has that.

use std::path::{Path, PathBuf};

use mlflow_host_gcp_api::kinds::{Kind, Kinds, OwnKindError, OwnKinds};

use super::document::Document;
use crate::failure::{Failure, Result};

const TABLE: &str = "kinds";

/// Reads the table `[kinds]`, and the files that it and the command line name.
pub(super) fn read(document: &Document, asked: &[PathBuf]) -> Result<Kinds> {
    document.check_keys(&[TABLE], &["files"])?;
    let named = document.texts(&[TABLE, "files"])?;
    let named = named.iter().map(|file| document.directory().join(file));
    load(&named.chain(asked.iter().cloned()).collect::<Vec<_>>())
}

/// The built-in kinds and those of the files.
///
/// # Errors
/// When a file or its document cannot be read, or they disagree.
pub(crate) fn load(files: &[PathBuf]) -> Result<Kinds> {
    let mut own = Vec::new();
    for file in files {
        own.extend(kinds_of(file)?);
    }
    Kinds::with(own).map_err(|error| Failure::new(format!("{}: {error}", list(files))))
}

fn kinds_of(file: &Path) -> Result<Vec<Kind>> {
    let wrong = |error: OwnKindError| {
        Failure::new(format!("{}: {error}", file.display()))
            .with_hint("docs/own-kinds.md says what such a file holds.")
    };
    let parsed = OwnKinds::parse(&text(file)?).map_err(wrong)?;
    let document = parsed.document.as_ref();
    let path = document.map(|document| file.parent().unwrap_or(Path::new("")).join(document));
    let document = path.as_deref().map(text).transpose()?;
    parsed.described_by(document.as_deref()).map_err(wrong)
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("Cannot read {}: {error}.", file.display())))
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}
