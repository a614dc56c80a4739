//! The data planes: what makes the local cloud do real work.
//!
//! | module | stands for | really is |
//! |---|---|---|
//! | [`postgres`] | Cloud SQL for PostgreSQL | a PostgreSQL cluster per instance, on its own loopback address |
//! | [`objects`] | Cloud Storage | object contents and metadata on disk |
//! | [`images`] | Cloud Build, Artifact Registry | Dockerfile steps as processes, layers cached by content |
//! | [`containers`] | Cloud Run services and jobs | an image started as a process group |
//! | [`addresses`], [`ports`] | VPC addresses, the container port | stable loopback addresses and ports |
//!
//! Nothing here knows an HTTP route or a REST body: plain types in, plain types out, so that the
//! control plane alone decides how Google words things. Every module keeps its state under a
//! directory given by the caller, and every process it starts is recorded there
//! ([`process::Processes`]), so a later run can find and end what a crash left behind.

pub(crate) mod addresses;
pub(crate) mod containers;
pub(crate) mod file;
pub(crate) mod images;
pub(crate) mod objects;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod sandbox;
pub(crate) mod table;
