//! Bindings of the components that a stack uses: what its own world imports besides the contract, in its language.
//!
//! They are written into the project, where its editor finds them, each time it is compiled. Those for Python and
//! TypeScript are made by the tools that compile these (`build/`).

mod c;
mod go;

use std::fs;
use std::path::Path;

pub(crate) use c::c;
pub(crate) use go::go;

use crate::LanguageError;

/// The directory of a project that holds them.
pub(crate) const DIRECTORY: &str = "bindings";

/// Writes a file unless it is there as it should be, so that tools which look at times do not start anew.
pub(crate) fn write(file: &Path, content: &[u8]) -> Result<(), LanguageError> {
    if fs::read(file).is_ok_and(|present| present == content) {
        return Ok(());
    }
    file.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(file, content))
        .map_err(LanguageError::disk(file))
}
