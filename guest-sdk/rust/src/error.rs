//! Why a stack gives up.

/// The result of a stack's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence for the person who runs the stack. Every standard error turns into one with `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// An error with this message: say what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

// `Error` itself is no `std::error::Error`: the two would make this conversion ambiguous.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
