//! What the caller knows about kinds.

use mlflow_host_graph::{Diagnostic, Kind, PropertyPath, Role};
use serde_json::Value as Json;

/// Stands, in the properties that a [`Catalogue`] checks, for a value that is not known yet. No program
/// can send it: it is made of the characters that mark a token.
pub const OPAQUE: &str = "\u{E000}\u{E001}";

/// Whether a value is not known yet.
pub fn is_opaque(value: &Json) -> bool {
    value.as_str() == Some(OPAQUE)
}

/// The kinds that may be declared, and what they may hold.
pub trait Catalogue: Send + Sync {
    /// Everything that is wrong with a declaration, unknown kind included. Values for which
    /// [`is_opaque`] holds are not known yet and fit everywhere. The subject is filled in by the caller.
    fn check(&self, kind: &Kind, properties: &Json, role: Role) -> Vec<Diagnostic>;

    /// What is wrong with an attribute that a program refers to, at the path where it goes astray. The subject
    /// is filled in by the caller.
    fn check_attribute(&self, kind: &Kind, path: &PropertyPath) -> Option<Diagnostic>;
}
