//! The request log: recent entries in memory, all of them in `requests.jsonl`, and counters.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::target::Mode;
use crate::data::file::{Context as _, FileError};

/// Entries kept in memory.
const RECENT: usize = 5000;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    /// Which one it is since the start of the process, from 1; the journal sets it.
    pub(crate) number: u64,
    /// When it was answered.
    pub(crate) time: String,
    /// HTTP method.
    pub(crate) method: String,
    /// The API's host.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: String,
    /// Full method id, if it found one.
    pub(crate) id: Option<&'static str>,
    /// HTTP status; absent when the connection was dropped on request.
    pub(crate) status: Option<u16>,
    /// `host`, `prefix` or `root`.
    pub(crate) via: &'static str,
    /// Whether it may change something.
    pub(crate) mutating: bool,
    /// How it, or the answer to it, breaks Google's description of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) violation: Option<Violation>,
}

/// What is wrong with a request or its answer by Google's description of the API: no such method,
/// parameter, field, type or value.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Violation(pub(crate) String);

/// Numbers of requests.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counters {
    /// All requests to APIs.
    pub(crate) total: u64,
    /// Those that may change something. Root paths are not counted here: they are what running
    /// containers do with their buckets, not what a deployment does.
    pub(crate) mutating: u64,
    /// Those that break Google's description of the API, or whose answer does.
    pub(crate) violations: u64,
    /// Requests by method id.
    pub(crate) requests_by_method: BTreeMap<&'static str, u64>,
    /// Mutating requests by method id.
    pub(crate) by_method: BTreeMap<&'static str, u64>,
}

/// The request log.
#[derive(Debug)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    recent: VecDeque<Entry>,
    counters: Counters,
    file: File,
}

impl Journal {
    /// Opens the log in `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self, FileError> {
        let path = directory.join("requests.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path).context("open", &path)?;
        let inner = Inner { recent: VecDeque::new(), counters: Counters::default(), file };
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Adds a request.
    pub(crate) fn record(&self, mut entry: Entry) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.counters.total += 1;
        entry.number = inner.counters.total;
        inner.counters.violations += u64::from(entry.violation.is_some());
        *inner.counters.requests_by_method.entry(entry.id.unwrap_or("unknown")).or_default() += 1;
        if entry.mutating && entry.via != Mode::Root.name() {
            inner.counters.mutating += 1;
            *inner.counters.by_method.entry(entry.id.unwrap_or("unknown")).or_default() += 1;
        }
        if let Ok(mut line) = serde_json::to_vec(&entry) {
            line.push(b'\n');
            if let Err(error) = inner.file.write_all(&line) {
                tracing::warn!(%error, "cannot write the request log");
            }
        }
        if inner.recent.len() == RECENT {
            inner.recent.pop_front();
        }
        inner.recent.push_back(entry);
    }

    /// Recent requests after number `after`, oldest first.
    pub(crate) fn recent(&self, after: u64) -> Vec<Entry> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.recent.iter().filter(|entry| entry.number > after).cloned().collect()
    }

    /// The counters since the start of the process.
    pub(crate) fn counters(&self) -> Counters {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).counters.clone()
    }
}

/// Whether a request may change something. Some of Google's reads are POSTs.
pub(crate) fn is_mutating(method: &str, id: Option<&str>) -> bool {
    const READS: [&str; 4] = ["getIamPolicy", "testIamPermissions", "wait", "list"];
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
        && !id.and_then(|id| id.rsplit('.').next()).is_some_and(|verb| READS.contains(&verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_by_post_are_reads() {
        assert!(!is_mutating("POST", Some("cloudresourcemanager.projects.getIamPolicy")));
        assert!(!is_mutating("POST", Some("compute.globalOperations.wait")));
        assert!(is_mutating("POST", Some("compute.networks.insert")));
        assert!(!is_mutating("GET", None));
        assert!(is_mutating("DELETE", None));
    }
}
