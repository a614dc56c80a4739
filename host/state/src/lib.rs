//! Where the state of a stack is kept: a directory on disk, with secrets sealed.
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
//! - [`KeySource`] says what the data key is wrapped with.
//!
//! Any prefix of a journal is a valid state. A line at the end that was cut off while it was written is
//! dropped and said; damage anywhere else is refused, with the way back.
//!
//! The crate imports `graph` and `engine`, and nothing about any cloud.

mod directory;
mod envelope;
mod files;
mod journal;
mod keys;
mod lock;
mod seal;

pub use directory::DirectoryStore;
pub use keys::KeySource;
