//! The way into a stack.

use std::panic;

use crate::Result;
use crate::log::{self, Level};

/// Names the function that declares the stack: `stack!(run)` for `fn run() -> Result<()>`.
#[cfg(feature = "stack")]
#[macro_export]
macro_rules! stack {
    ($run:path) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Program;
            impl $crate::__private::Guest for Program {
                fn run() -> ::std::result::Result<(), ::std::string::String> {
                    $crate::__private::start($run)
                }
            }
    $crate::__private::export!(Program with_types_in $crate::__private::bindings);
        };
        // Used from tests only, outside Wasm.
        #[cfg(not(target_family = "wasm"))]
        #[allow(dead_code)]
        const _: fn() -> $crate::Result<()> = $run;
    };
}

/// Runs a stack so that a panic reaches the host as words, not only as a trap.
#[doc(hidden)]
pub fn start(run: fn() -> Result<()>) -> std::result::Result<(), String> {
    panic::set_hook(Box::new(|panic| log::write(Level::Error, panic.to_string())));
    run().map_err(|error| error.message().to_owned())
}
