//! What the local cloud needs of the machine.

use crate::data::{images, postgres};

/// Something that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is, e.g., `PostgreSQL`.
    pub name: &'static str,
    /// Which one was found; or what is wrong, with the command that helps.
    pub found: Result<String, String>,
}

/// Everything that has to be there, and whether it is.
pub async fn requirements() -> Vec<Requirement> {
    let server = postgres::server().map_err(|error| error.to_string());
    let python = images::python().await.map_err(|error| error.to_string());
    vec![Requirement { name: "PostgreSQL", found: server }, Requirement { name: "Python", found: python }]
}
