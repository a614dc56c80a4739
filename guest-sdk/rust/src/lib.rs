//! Write mlflow-host stacks in Rust.
//!
//! A stack is a function that declares resources. It runs once, in a sandbox, before any call to the
//! cloud; what it may know is its configuration. What it cannot know yet, such as the address of a
//! service, is an [`Output`]: it can be put into any property and any string.
//!
//! ```
//! use mlflow_host_sdk::{Result, config, kinds::standard::RandomId, output, stack};
//!
//! stack!(run);
//!
//! fn run() -> Result<()> {
//!     let id = RandomId::new().length(4).declare("id");
//!     output("name", format!("{}-{}", config::stack().name, id.result()));
//!     Ok(())
//! }
//! ```
//!
//! A declaration never fails on the spot: the host remembers what is wrong with it, and reports all
//! problems of a run together when the run ends.
//!
//! Compiled for another target than Wasm, the crate talks to a fake host in the same thread: see
//! [`testing`].

pub mod assets;
mod author;
pub mod config;
mod contract;
mod error;
pub mod functions;
mod input;
pub mod kinds;
pub mod log;
mod output;
mod program;
mod resource;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

#[doc(hidden)]
pub use contract::private as __private;
pub use error::{Error, Result};
pub use input::{Any, Input, List, Map, Message};
pub use output::{Output, output};
pub use resource::{Component, Dependency, Handle, Kind, Resource, component};
