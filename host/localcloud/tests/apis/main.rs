//! Google's APIs as the local cloud serves them, called over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot be had here fails the test, helpers included"
)]

mod support;

mod admin;
mod builds_and_run;
mod faults;
mod iam;
mod kms;
mod networks;
mod recordings;
mod regular;
mod requests;
mod restart;
mod secrets;
mod sql;
mod storage;
mod usage;
