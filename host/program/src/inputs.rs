//! All that a program can know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// All that a program can know. Its graph depends on this, the program and the files it asks for, and on
/// nothing else.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// The stack's name, e.g., `dev`.
    pub stack: String,
    /// The project's id.
    pub project: String,
    /// The region, e.g., `europe-west1`.
    pub region: String,
    /// The configuration. Strings reach the program as they are, anything else as its JSON text.
    pub config: BTreeMap<String, Json>,
    /// The names of the secrets that are set. Their values stay outside.
    pub secret_keys: BTreeSet<String>,
    /// The directory that the stack's files lie in.
    pub assets_root: PathBuf,
    /// Files and directories that do not go along with a stack, though they may lie beside it: its state with the
    /// key, and what its secrets are read from.
    pub private: Vec<PathBuf>,
}

impl Inputs {
    /// What identifies a run: the same for the same program (its SHA-256, hexadecimal) and inputs, wherever the
    /// files lie.
    pub(crate) fn digest(&self, program: &str) -> [u8; 32] {
        let known = serde_json::json!([
            self.stack,
            self.project,
            self.region,
            self.config,
            self.secret_keys,
            program,
        ]);
        Sha256::digest(known.to_string()).into()
    }
}
