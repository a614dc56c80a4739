//! Whole outputs of commands that need no cloud.

// The lint lets tests unwrap; it does not know that all of this is only for tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod bench;
mod cloud;
mod commands;
mod config;
mod guest;
mod life;
mod own_kinds;
mod policies;
mod programs;
mod signals;
mod state;
