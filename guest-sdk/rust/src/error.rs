//! Why a stack gives up, and where.

use std::panic::Location;

/// The result of a stack's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence for the person who runs the stack, and the line that it comes from. Every standard error turns into one
/// with `?`. Errors are equal when their messages are.
#[derive(Debug, Clone)]
pub struct Error {
    message: String,
    place: &'static Location<'static>,
}

impl Error {
    /// An error with this message: say what to do.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: Location::caller() }
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line that it comes from, e.g., `src/lib.rs:12:34`.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message
    }
}

impl Eq for Error {}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

// `Error` itself is no `std::error::Error`: the two would make this conversion ambiguous.
impl<E: std::error::Error> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}
