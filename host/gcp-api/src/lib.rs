//! Google's API description as data, and checks against it. No input or output, no Google client.
//!
//! - [`description`]: what Google publishes (methods, schemas, enums), generated into `data/` by
//!   `scripts/generate-gcp-api`; never edited by hand.
//! - [`validate`]: bodies and query strings against that description.
//! - [`kinds`]: what Google does not publish (what replaces, what is secret, how an operation is
//!   awaited), one hand-kept entry per resource kind in `kinds/*.toml`.
//! - [`template`]: the `{variable}` templates that both use.
//!
//! The crate imports no other crate of this workspace. The local cloud may use `description` and
//! `validate`, never `kinds`: an emulator that shares the client's hand-written table could only
//! agree with its mistakes.

pub mod description;
pub mod kinds;
pub mod template;
pub mod validate;

mod nearest;
