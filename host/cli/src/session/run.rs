//! Who runs what, and when.

use jiff::Timestamp;
use mlflow_host_engine::{Holder, Run};
use uuid::Uuid;

/// Who holds the lock from now on.
pub(crate) fn holder(command: &str) -> Holder {
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
