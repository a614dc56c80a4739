//! Google Cloud on loopback: a control plane that answers like Google's APIs, and data planes that
//! really run PostgreSQL, buckets, image builds and containers.
//!
//! - [`LocalCloud`] serves one local cloud in this process until it is told to stop.
//! - [`Daemon`] keeps one running in a process of its own.
//! - [`requirements`] says what it needs of the machine, and whether that is there.
//! - `server`: HTTP, routing, validation, faults, request log, `/_local/`.
//! - `services`: one module per Google API.
//! - `common`: errors, operations, IAM policies, JSON.
//! - `store`: the control plane's memory on disk.
//! - `data`: the data planes, which know no HTTP route and no REST body.
//!
//! Of this workspace the crate imports `gcp-api` only, and of that never the table of kinds: an
//! emulator that shared the client's tables could only agree with the client's mistakes. It listens
//! on 127.0.0.0/8 and nowhere else.

mod cloud;
mod common;
mod daemon;
mod data;
mod lifecycle;
mod requirements;
mod server;
mod services;
mod store;

pub use common::latency::{Latency, UnknownLatency};
pub use daemon::{Daemon, DaemonError, Endpoint, Status};
pub use lifecycle::{LocalCloud, ServeError, ServeOptions};
pub use requirements::{Requirement, requirements};
