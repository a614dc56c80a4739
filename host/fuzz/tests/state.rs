//! State files: a damaged journal or snapshot is a state that once was, or is refused.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::PathBuf;

use mlflow_host_engine::{
    Deferral, Entry, Holder, Loaded, Outcome, Recorded, Request, RequestAction, Run, State, StateTarget,
    Store as _, StoreError, Target,
};
use mlflow_host_fuzz::campaign;
use mlflow_host_graph::Value;
use mlflow_host_state::{DirectoryStore, KeySource};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const SECRET: &str = "hunter2";

/// A store, and all states that have been in it.
struct Bench {
    runtime: Runtime,
    root: TempDir,
    earlier: Vec<State>,
}

impl Bench {
    /// A store whose journal tells of everything that can happen to a resource.
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let state = State::new("dev", target(), "ab1cd".to_owned());
        let mut bench = Self { runtime, root: tempfile::tempdir().unwrap(), earlier: vec![state] };
        let entries: Vec<Entry> = [bench.earlier[0].genesis()].into_iter().chain(history()).collect();
        for entry in entries {
            bench.append(entry);
        }
        bench
    }

    fn store(&self) -> DirectoryStore {
        let key_file = self.root.path().join("key");
        let keys = KeySource { passphrase: None, key_file, kms_key: None, kms: None };
        DirectoryStore::new(self.root.path(), "dev", &target(), keys)
    }

    fn append(&mut self, entry: Entry) {
        let store = self.store();
        self.runtime.block_on(async {
            let _guard = store.lock(&holder()).await.unwrap();
            store.append(std::slice::from_ref(&entry)).await.unwrap();
        });
        let mut state = self.earlier.last().unwrap().clone();
        state.apply(entry);
        self.earlier.push(state);
    }

    /// Puts everything into the snapshot.
    fn compact(&self) {
        let store = self.store();
        self.runtime.block_on(async {
            let _guard = store.lock(&holder()).await.unwrap();
            store.compact(self.earlier.last().unwrap()).await.unwrap();
        });
    }

    fn journal(&self) -> PathBuf {
        self.store().path().join("journal.jsonl")
    }

    fn snapshot(&self) -> PathBuf {
        self.store().path().join("snapshot.json")
    }

    fn load(&self) -> Result<Option<Loaded>, StoreError> {
        self.runtime.block_on(self.store().load())
    }

    /// Reads what is there now, and makes sure that it has been there before, or is refused.
    fn was_or_is_refused(&self, bytes: &[u8]) {
        if let Ok(Some(loaded)) = self.load() {
            assert!(self.earlier.contains(&loaded.state), "{}", String::from_utf8_lossy(bytes));
        }
    }

    /// Reads what is there now, which may be anything, and makes sure that a refusal quotes no secret.
    fn is_read_or_refused(&self) {
        let words = match self.load() {
            Ok(loaded) => loaded.map(|loaded| loaded.notices.join("\n")).unwrap_or_default(),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!words.contains(SECRET), "{words}");
    }
}

fn target() -> StateTarget {
    StateTarget { cloud: "local".to_owned(), project: "demo".to_owned() }
}

fn holder() -> Holder {
    Holder {
        command: "up".to_owned(),
        by: "ada@engine".to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
        process: 7,
    }
}

fn secret() -> Value {
    Value::Map([("password".to_owned(), Value::from(SECRET).into_secret())].into())
}

fn request(id: &str, action: RequestAction) -> Entry {
    let urn = "sqladmin.googleapis.com/User::mlflow".parse().unwrap();
    let target = Target {
        urn,
        inputs: secret(),
        identity: None,
        recorded: None,
        changed: vec![],
        record: Default::default(),
    };
    Entry::Intent { request: Request { id: id.to_owned(), action, targets: vec![target] } }
}

fn history() -> Vec<Entry> {
    let begin = |id: &str| Entry::Begin {
        run: Run { id: id.to_owned(), command: "up".to_owned(), ..Run::default() },
    };
    let outcome = || vec![Outcome { identity: "users/mlflow".to_owned(), outputs: secret() }];
    let recorded = Recorded {
        urn: "std/Value::x".parse().unwrap(),
        identity: String::new(),
        inputs: secret(),
        outputs: Value::Null,
        hints: Default::default(),
        unsettled: false,
        deferred: None,
    };
    let deferral = Deferral { reason: "held".to_owned(), retry_at: "2026-01-01T00:00:00Z".to_owned() };
    vec![
        begin("1"),
        request("one", RequestAction::Create),
        Entry::Started { request: "one".to_owned(), handle: json!({"name": "operations/7"}) },
        Entry::Done { request: "one".to_owned(), outcomes: outcome() },
        Entry::Set { resources: vec![recorded] },
        Entry::Outputs { outputs: secret() },
        begin("2"),
        request("two", RequestAction::Delete),
        Entry::Deferred { request: "two".to_owned(), deferral },
        request("three", RequestAction::Update),
        Entry::Failed { request: "three".to_owned(), message: "no".to_owned(), left: outcome() },
        request("four", RequestAction::Update),
    ]
}

/// The documents of a file, one a line, out of what their checksums stand on.
fn documents(file: &[u8], field: &str) -> Vec<u8> {
    let text = std::str::from_utf8(file).unwrap();
    let document = |line: &str| {
        let (_, rest) = line.split_once(&format!(",\"{field}\":")).unwrap();
        rest.strip_suffix('}').unwrap().to_owned()
    };
    text.lines().map(document).collect::<Vec<_>>().join("\n").into_bytes()
}

/// Documents with numbers and with checksums that fit (`host/state/src/envelope.rs`).
fn sealed(documents: &[u8], field: &str, first: u64) -> Vec<u8> {
    let line = |(sequence, document): (u64, &[u8])| {
        let digest = Sha256::new().chain_update(sequence.to_le_bytes()).chain_update(document).finalize();
        let checksum: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let start = format!("{{\"sequence\":{sequence},\"checksum\":\"{checksum}\",\"{field}\":");
        [start.as_bytes(), document, b"}\n"].concat()
    };
    (first..).zip(documents.split(|byte| *byte == b'\n')).flat_map(line).collect()
}

#[test]
fn a_damaged_journal_is_an_earlier_state_or_refused() {
    let bench = Bench::new();
    let journal = bench.journal();
    campaign(&[fs::read(&journal).unwrap()], 400, |bytes| {
        fs::write(&journal, bytes).unwrap();
        bench.was_or_is_refused(bytes);
    });
}

#[test]
fn a_damaged_snapshot_is_the_state_or_refused() {
    let mut bench = Bench::new();
    bench.compact();
    // What follows the snapshot stays as it is.
    bench.append(Entry::Outputs { outputs: Value::Null });
    let snapshot = bench.snapshot();
    campaign(&[fs::read(&snapshot).unwrap()], 400, |bytes| {
        fs::write(&snapshot, bytes).unwrap();
        bench.was_or_is_refused(bytes);
    });
}

#[test]
fn a_journal_that_somebody_made_is_read_or_refused() {
    let bench = Bench::new();
    let journal = bench.journal();
    let file = fs::read(&journal).unwrap();
    let seed = documents(&file, "entry");
    assert_eq!(sealed(&seed, "entry", 1), file, "the checksums fit");
    campaign(&[seed], 1000, |bytes| {
        fs::write(&journal, sealed(bytes, "entry", 1)).unwrap();
        bench.is_read_or_refused();
    });
}

#[test]
fn a_snapshot_that_somebody_made_is_read_or_refused() {
    let bench = Bench::new();
    bench.compact();
    let (snapshot, serial) = (bench.snapshot(), bench.earlier.last().unwrap().serial);
    let file = fs::read(&snapshot).unwrap();
    let seed = documents(&file, "state");
    assert_eq!(sealed(&seed, "state", serial), file, "the checksums fit");
    campaign(&[seed], 1000, |bytes| {
        fs::write(&snapshot, sealed(bytes, "state", serial)).unwrap();
        bench.is_read_or_refused();
    });
}
