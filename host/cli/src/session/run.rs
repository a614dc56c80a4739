//! Who runs what, and with which keys.

use jiff::Timestamp;
use mlflow_host_engine::{Holder, Run};
use mlflow_host_state::{DirectoryStore, KeySource};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::clouds;
use crate::config::StackConfig;

/// A passphrase that wraps the data key of new states and opens those that were made with one.
const PASSPHRASE_VARIABLE: &str = "MLFLOW_HOST_PASSPHRASE";

/// Where the state of a stack is kept. What is recorded of a local cloud holds for that one alone, and not
/// for the one that stands in its place after a reset: each has a directory of its own.
pub(super) fn store(config: &StackConfig) -> DirectoryStore {
    let root = match clouds::identity(config) {
        Some(identity) => config.state_directory.join(format!("local-{identity}")),
        None => config.state_directory.clone(),
    };
    DirectoryStore::new(&root, &config.stack, &config.state_target(), key_source(config))
}

/// What the secrets of a state are sealed with.
fn key_source(config: &StackConfig) -> KeySource {
    KeySource {
        passphrase: std::env::var(PASSPHRASE_VARIABLE)
            .ok()
            .filter(|passphrase| !passphrase.is_empty())
            .map(Zeroizing::new),
        key_file: config.state_directory.join("key"),
    }
}

/// Who holds the lock from now on.
pub(super) fn holder(command: &str) -> Holder {
    Holder { command: command.to_owned(), by: by(), since: now(), process: std::process::id() }
}

/// A run that begins now.
pub(super) fn begin(command: &str, program: Option<String>) -> Run {
    Run { id: Uuid::new_v4().to_string(), command: command.to_owned(), started: now(), by: by(), program }
}

/// To the second: nobody cares for more.
fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// `user@host`, as far as the system says.
fn by() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|variable| std::env::var(variable).ok());
    let host = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|path| std::fs::read_to_string(path).ok());
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", host.as_deref().map_or("localhost", str::trim))
}
