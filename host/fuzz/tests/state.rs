//! State files: a damaged journal is a state that once was, or is refused.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;

use mlflow_host_engine::{Entry, Run, State, StateTarget, Store as _};
use mlflow_host_fuzz::campaign;
use mlflow_host_graph::Value;
use mlflow_host_state::{DirectoryStore, KeySource};

#[test]
fn a_damaged_journal_is_an_earlier_state_or_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let root = tempfile::tempdir().unwrap();
    let target = StateTarget { cloud: "local".to_owned(), project: "demo".to_owned() };
    let keys = || KeySource { passphrase: None, key_file: root.path().join("key"), kms_key: None, kms: None };
    let open = || DirectoryStore::new(root.path(), "dev", &target, keys());

    let mut state = State::new("dev", target.clone(), "ab1cd".to_owned());
    let genesis = state.genesis();
    let begin = |id: &str| Entry::Begin {
        run: Run { id: id.to_owned(), command: "up".to_owned(), ..Run::default() },
    };
    let secret = Value::Map([("password".to_owned(), Value::from("hunter2").into_secret())].into());
    let entries = [begin("1"), Entry::Outputs { outputs: secret }, begin("2"), begin("3")];
    let mut earlier = vec![state.clone()];
    let journal = runtime.block_on(async {
        let store = open();
        let holder = mlflow_host_engine::Holder {
            command: "up".to_owned(),
            by: "ada@engine".to_owned(),
            since: "2026-01-01T00:00:00Z".to_owned(),
            process: 7,
        };
        let _guard = store.lock(&holder).await.unwrap();
        store.append(std::slice::from_ref(&genesis)).await.unwrap();
        state.apply(genesis);
        earlier.push(state.clone());
        for entry in entries {
            store.append(std::slice::from_ref(&entry)).await.unwrap();
            state.apply(entry);
            earlier.push(state.clone());
        }
        store.path().join("journal.jsonl")
    });
    let seed = fs::read(&journal).unwrap();
    campaign(&[seed], 400, |bytes| {
        fs::write(&journal, bytes).unwrap();
        if let Ok(Some(loaded)) = runtime.block_on(open().load()) {
            assert!(earlier.contains(&loaded.state), "{}", String::from_utf8_lossy(bytes));
        }
    });
}
