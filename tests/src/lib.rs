//! What end-to-end tests share: a copy of the stacks, the host's binary, the local cloud behind it, and the
//! referees.
//!
//! The tests use the product from outside only, as a person or a script would: commands, their JSON events,
//! the local cloud's HTTP interface, files and processes. They import no crate of the host.

mod cloud;
mod database;
mod environment;
mod guest;
mod place;
mod processes;
mod referee;
mod run;
mod steps;
mod workbench;

pub use cloud::Cloud;
pub use database::{Database, Held};
pub use environment::{host, root};
pub use guest::guest;
pub use place::{PROJECT, Place};
pub use processes::processes_that_mention;
pub use referee::{gcloud, python, python_by_default};
pub use run::{Plan, Run};
pub use steps::{Steps, skip};
pub use workbench::Workbench;
