//! The calls of the contract, to the host or, outside Wasm, to a fake one.

#[cfg(not(target_family = "wasm"))]
mod fake;
#[cfg(target_family = "wasm")]
mod host;

#[cfg(not(target_family = "wasm"))]
pub(crate) use fake::*;
#[cfg(not(target_family = "wasm"))]
pub use fake::{Declared, Recording};
#[cfg(target_family = "wasm")]
pub(crate) use host::*;

/// What [`stack!`](crate::stack) expands to needs these; nobody else does.
#[doc(hidden)]
pub mod private {
    #[cfg(all(target_family = "wasm", feature = "stack"))]
    pub use super::host::{Guest, bindings, export};
    pub use crate::program::start;
}

/// Stands for the value that a refused call would have given. The host accepts it in a run that fails
/// anyway.
pub(crate) const NOTHING: &str = "\u{E000}\u{E001}";
