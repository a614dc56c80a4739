//! The languages, and how a project shows its own.

use std::fmt;
use std::path::Path;

use crate::LanguageError;

/// A language that stacks are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, by Cargo.
    Rust,
    /// Python 3.11.
    Python,
    /// TypeScript and JavaScript.
    TypeScript,
    /// Go.
    Go,
    /// C11.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Python, Self::TypeScript, Self::Go, Self::C];

    /// The word on the command line, e.g., `typescript`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::TypeScript => "typescript",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// The files of which a project has one.
    fn entries(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["Cargo.toml"],
            Self::Python => &["main.py"],
            Self::TypeScript => &["main.ts", "main.js"],
            Self::Go => &["go.mod"],
            Self::C => &["main.c"],
        }
    }

    /// The language of the project in a directory.
    ///
    /// # Errors
    /// When there is no project, or more than one language could be meant.
    pub fn of(directory: &Path) -> Result<Self, LanguageError> {
        let mut found = Self::ALL
            .into_iter()
            .filter(|language| language.entries().iter().any(|entry| directory.join(entry).is_file()));
        let first = found.next().ok_or_else(|| LanguageError::NoProject(directory.to_owned()))?;
        match found.next() {
            Some(second) => Err(LanguageError::Ambiguous { directory: directory.to_owned(), first, second }),
            None => Ok(first),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::TypeScript => "TypeScript",
            Self::Go => "Go",
            Self::C => "C",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_project_shows_its_language_by_its_entry() {
        let directory = tempfile::tempdir().unwrap();
        let nothing = Language::of(directory.path()).unwrap_err();
        assert!(nothing.to_string().contains("holds no stack"), "{nothing}");
        fs::write(directory.path().join("main.c"), "").unwrap();
        assert_eq!(Language::of(directory.path()).unwrap(), Language::C);
        fs::write(directory.path().join("go.mod"), "").unwrap();
        let two = Language::of(directory.path()).unwrap_err();
        assert!(two.to_string().contains("in Go or in C"), "{two}");
    }
}
