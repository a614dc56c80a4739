//! Loads a stack, runs it once in a sandbox, and hands back the graph that it declared. Runs the policies that
//! judge a plan in the same sandbox.
//!
//! This is the only crate that knows Wasm. A stack gets nothing but the contract in `wit/`: its
//! configuration, the files beside it, and a place for messages. Language runtimes that insist on WASI
//! get an empty one, with frozen clocks and randomness that is the same on every run. The same program
//! and the same [`Inputs`] therefore give the same [`Graph`](mlflow_host_graph::Graph), to the byte.
//!
//! Of this workspace the crate imports `graph` only; what kinds there are it learns from the caller's
//! [`Catalogue`].

mod asset;
mod catalogue;
mod collect;
mod compose;
mod error;
mod host;
mod inputs;
mod logs;
mod module;
mod policy;
mod sandbox;

pub use catalogue::{Catalogue, OPAQUE, is_opaque};
pub use collect::Limits;
pub use compose::compose;
pub use error::{Failure, ProgramError, World};
pub use host::{LARGEST_PROGRAM, Outcome, ProgramHost, ProgramHostConfig};
pub use inputs::Inputs;
pub use logs::{Level, LogLine};
pub use policy::{Review, Violation};
