//! Messages for the person who runs the stack.

use crate::contract;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Shown when asked for.
    Debug,
    /// Good to know.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

/// Writes a message.
pub fn write(level: Level, message: impl AsRef<str>) {
    contract::log(level, message.as_ref());
}

/// Writes a message that is shown when asked for.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message);
}

/// Writes a message that is good to know.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message);
}

/// Writes a message that is worth a look.
pub fn warning(message: impl AsRef<str>) {
    write(Level::Warning, message);
}
