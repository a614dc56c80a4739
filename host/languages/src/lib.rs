//! Stacks in each language that has an SDK: new projects, and their way to a program.
//!
//! The SDKs are part of this crate, packed when it is compiled; a project gets its own copy, so that it keeps
//! compiling as it did. Compilers come from the machine where one expects them (Rust, Go, Python, Node.js), or are
//! installed as pinned into a directory that is named by what is pinned.
//!
//! Of this workspace the crate imports nothing; it knows the contract as the text in `wit/`. What a project's own `wit/`
//! adds to it is put into the project as `bindings/`, in its language.

mod bindings;
mod build;
mod error;
mod language;
mod project;
mod sdk;
mod tools;
mod world;

pub use build::{build, missing};
pub use error::LanguageError;
pub use language::Language;
pub use project::{create, test_command};
pub use tools::Tools;
