//! The Google Cloud provider: carries out what the engine plans, over Google's REST APIs.
//!
//! - [`GcpProvider`] implements the engine's [`Provider`](mlflow_host_engine::Provider). What it knows of
//!   kinds comes from `mlflow-host-gcp-api`'s table; `kinds/` holds code for the odd ones only.
//! - `resolve` and `compare` are pure; `machine` takes one request from being sent to being done; `work`
//!   turns the table into calls; `client` sends them, within a budget and with retries by a table (`retry`).
//! - [`credentials`]: where tokens come from.
//! - [`Bucket`] and [`KeyManagement`] are for the host's own use: shared state, and the keys that seal it.
//!
//! The crate imports `engine`, `graph` and `gcp-api`. The local cloud is reached like Google: over HTTP, at
//! another address ([`Endpoints::Prefix`]).

mod budget;
mod calls;
mod client;
mod compare;
mod config;
pub mod credentials;
mod declared;
mod deferral;
mod error;
#[cfg(feature = "failpoints")]
mod failpoint;
mod handle;
mod key_management;
mod kinds;
mod machine;
mod observe;
mod operations;
mod ownership;
mod provider;
mod readiness;
mod resolve;
mod retry;
mod run_facts;
mod session;
mod storage;
mod transport;
mod tree;
mod variables;
mod work;

#[cfg(test)]
mod tests;

pub use config::{Assets, Credentials, Endpoints, GcpConfig, NoAssets};
pub use key_management::KeyManagement;
pub use provider::GcpProvider;
pub use storage::{Bucket, Created, StorageError};
