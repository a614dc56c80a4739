//! The SDKs, as they are packed into this crate.

use std::fs;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::{Language, LanguageError};

/// The directory of a project that holds its SDK.
pub(crate) const DIRECTORY: &str = "sdk";

fn packed(language: Language) -> &'static [u8] {
    match language {
        Language::Rust => include_bytes!(concat!(env!("OUT_DIR"), "/rust.tar.gz")),
        Language::Python => include_bytes!(concat!(env!("OUT_DIR"), "/python.tar.gz")),
        Language::TypeScript => include_bytes!(concat!(env!("OUT_DIR"), "/typescript.tar.gz")),
        Language::Go => include_bytes!(concat!(env!("OUT_DIR"), "/go.tar.gz")),
        Language::C => include_bytes!(concat!(env!("OUT_DIR"), "/c.tar.gz")),
    }
}

/// Writes the SDK into a directory, as a whole or not at all.
pub(crate) fn unpack(language: Language, directory: &Path) -> Result<(), LanguageError> {
    let part = directory.with_extension(format!("{}.part", std::process::id()));
    let write = || {
        tar::Archive::new(GzDecoder::new(packed(language))).unpack(&part)?;
        fs::rename(&part, directory)
    };
    write().map_err(|error| {
        // What is left of it is in nobody's way, and the first error matters more.
        let _ = fs::remove_dir_all(&part);
        LanguageError::disk(directory)(error)
    })
}

/// Sees to it that a project has its SDK: one that was removed is written anew.
pub(crate) fn ensure(language: Language, project: &Path) -> Result<(), LanguageError> {
    let directory = project.join(DIRECTORY);
    if directory.exists() { Ok(()) } else { unpack(language, &directory) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sdk_is_there_without_what_only_its_development_needs() {
        let directory = tempfile::tempdir().unwrap();
        let expected = [
            (Language::Rust, "wit/stack.wit"),
            (Language::Python, "mlflow_host/testing.py"),
            (Language::TypeScript, "kinds/run.d.ts"),
            (Language::Go, "kinds/run/run.go"),
            (Language::C, "mlflow_host.h"),
        ];
        for (language, file) in expected {
            let project = directory.path().join(language.word());
            fs::create_dir(&project).unwrap();
            ensure(language, &project).unwrap();
            let sdk = project.join(DIRECTORY);
            assert!(sdk.join(file).is_file(), "{language}: {file}");
            assert!(sdk.join("README.md").is_file(), "{language}");
            assert!(!sdk.join("tests").exists() && !sdk.join("test").exists(), "{language}");
        }
    }

    #[test]
    fn an_sdk_that_is_there_is_left_alone() {
        let project = tempfile::tempdir().unwrap();
        let sdk = project.path().join(DIRECTORY);
        fs::create_dir(&sdk).unwrap();
        ensure(Language::Go, project.path()).unwrap();
        assert_eq!(fs::read_dir(sdk).unwrap().count(), 0);
    }
}
