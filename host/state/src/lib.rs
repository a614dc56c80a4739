//! Where the state of a stack is kept: a directory on disk, or a bucket of Cloud Storage for a team. Secrets
//! are sealed.
//!
//! ```text
//! ROOT/key                            the key file, mode 0600 (unless a passphrase is used)
//! ROOT/STACK@CLOUD-PROJECT/
//!   journal.jsonl                     one entry a line, since the snapshot
//!   snapshot.json                     the state at the last compaction
//!   journal.previous.jsonl            the entries that the snapshot has taken in
//!   snapshot.previous.json            the snapshot before
//!   keys.json                         the data key, wrapped by the key file or the passphrase
//!   lock                              who is at work
//! ```
//!
//! - [`DirectoryStore`] implements the engine's `Store` on such a directory.
//! - [`BucketStore`] does so on objects, which it reaches through [`ObjectAccess`]; it has a leased lock whose
//!   fencing tokens keep out whoever has lost it (see `bucket/layout.rs`).
//! - [`StateStore`] is what both can besides: export, change keys, go back to a snapshot, …
//! - [`KeySource`] says what the data key is wrapped with: a key file, a passphrase, or a [`KeyService`].
//!
//! Any prefix of a journal is a valid state. A line at the end that was cut off while it was written is
//! dropped and said; damage anywhere else is refused, with the way back.
//!
//! The crate imports `graph` and `engine`, and nothing about any cloud.

mod bucket;
mod clock;
mod directory;
mod document;
mod envelope;
mod export;
mod files;
mod journal;
mod keys;
mod lock;
mod manage;
mod replay;
mod seal;

pub use bucket::BucketStore;
pub use bucket::objects::{Object, ObjectAccess, ObjectError, Precondition};
pub use clock::{Clock, SystemClock};
pub use directory::DirectoryStore;
pub use export::import;
pub use keys::{KeyService, KeySource, Wrap};
pub use manage::{StateStore, replace};
