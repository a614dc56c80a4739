use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_graph::{Urn, Value};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use mlflow_host_engine::{Deferral, Outcome, Recorded, Request, RequestAction, Run, Target};

const SECRET: &str = "correct horse/battery+staple";

fn target() -> StateTarget {
    StateTarget { cloud: "local".to_owned(), project: "demo".to_owned() }
}

fn store(root: &TempDir) -> DirectoryStore {
    keyed(root, None)
}

fn keyed(root: &TempDir, passphrase: Option<&str>) -> DirectoryStore {
    let passphrase = passphrase.map(|text| Zeroizing::new(text.to_owned()));
    let keys = KeySource { passphrase, key_file: root.path().join("key"), kms_key: None, kms: None };
    DirectoryStore::new(root.path(), "dev", &target(), keys)
}

fn holder() -> Holder {
    Holder {
        command: "up".to_owned(),
        by: "ada@engine".to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
        process: 7,
    }
}

fn new_state() -> State {
    State::new("dev", target(), "ab1cd".to_owned())
}

fn secret_map(value: Value) -> Value {
    Value::Map([("password".to_owned(), value)].into())
}

fn request(id: &str, action: RequestAction, inputs: Value) -> Request {
    let urn: Urn = "sqladmin.googleapis.com/User::mlflow".parse().unwrap();
    let target =
        Target { urn, inputs, identity: None, recorded: None, changed: vec![], record: Default::default() };
    Request { id: id.to_owned(), action, targets: vec![target] }
}

/// A run that makes a resource with a secret, and sets an output that looks like a sealed value.
fn entries() -> Vec<Entry> {
    let secret = || secret_map(Value::from(SECRET).into_secret());
    vec![
        new_state().genesis(),
        Entry::Begin {
            run: Run {
                id: "run".to_owned(),
                command: "up".to_owned(),
                started: "2026-01-01T00:00:00Z".to_owned(),
                by: "ada@engine".to_owned(),
                program: None,
            },
        },
        Entry::Intent { request: request("one", RequestAction::Create, secret()) },
        Entry::Started { request: "one".to_owned(), handle: json!({"$sealed": "v1:not really"}) },
        Entry::Done {
            request: "one".to_owned(),
            outcomes: vec![Outcome { identity: "users/mlflow".to_owned(), outputs: secret() }],
        },
        Entry::Outputs { outputs: Value::from(json!({"$sealed": "v1:AAAA"})) },
        Entry::End { run: "run".to_owned(), counts: BTreeMap::new() },
    ]
}

fn replayed(entries: &[Entry]) -> State {
    let mut state = new_state();
    entries.iter().for_each(|entry| state.apply(entry.clone()));
    state
}

async fn loaded(store: &DirectoryStore) -> State {
    store.load().await.unwrap().unwrap().state
}

#[tokio::test]
async fn what_is_appended_is_loaded_again() {
    let root = TempDir::new().unwrap();
    let entries = entries();
    assert!(store(&root).load().await.unwrap().is_none());
    assert!(!store(&root).path().exists(), "reading must not write");
    let first = store(&root);
    first.append(&entries[..3]).await.unwrap();
    first.append(&entries[3..5]).await.unwrap();
    store(&root).append(&entries[5..]).await.unwrap();

    let found = store(&root).load().await.unwrap().unwrap();
    assert_eq!(found.state, replayed(&entries));
    assert!(found.notices.is_empty());
}

#[tokio::test]
async fn a_snapshot_replaces_the_journal() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries[..5]).await.unwrap();
    writer.compact(&replayed(&entries[..5])).await.unwrap();
    assert!(!writer.path().join("journal.jsonl").exists());
    assert_eq!(loaded(&store(&root)).await, replayed(&entries[..5]));
    writer.append(&entries[5..]).await.unwrap();
    assert_eq!(loaded(&store(&root)).await, replayed(&entries));

    // Killed after the snapshot was written and before the journal was set aside.
    fs::copy(writer.path().join("journal.previous.jsonl"), root.path().join("before")).unwrap();
    writer.compact(&replayed(&entries)).await.unwrap();
    let all = [
        fs::read(root.path().join("before")).unwrap(),
        fs::read(writer.path().join("journal.previous.jsonl")).unwrap(),
    ];
    fs::write(writer.path().join("journal.jsonl"), all.concat()).unwrap();
    assert_eq!(loaded(&store(&root)).await, replayed(&entries));
}

#[tokio::test]
async fn a_journal_cut_anywhere_is_a_state_and_can_be_written_on() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries).await.unwrap();
    let journal = writer.path().join("journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    let ends: Vec<_> = whole
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(position, _)| position + 1)
        .collect();
    // Every byte of the last three entries, and every entry's end.
    for length in (ends[3]..whole.len()).chain(ends.iter().copied()) {
        fs::write(&journal, &whole[..length]).unwrap();
        let good = ends.iter().filter(|end| **end <= length).count();
        let torn = store(&root);
        let found = torn.load().await.unwrap().unwrap();
        assert_eq!(found.state, replayed(&entries[..good]), "cut at {length}");
        assert_eq!(found.notices.len(), usize::from(!ends.contains(&length)), "cut at {length}");
        torn.append(&entries[good..]).await.unwrap();
        assert_eq!(loaded(&store(&root)).await, replayed(&entries), "written on at {length}");
    }
    fs::write(&journal, &whole[..ends[0] - 1]).unwrap();
    assert!(store(&root).load().await.unwrap().is_none());
}

#[tokio::test]
async fn a_flipped_bit_before_the_end_is_refused_with_the_way_back() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries).await.unwrap();
    let journal = writer.path().join("journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let third = second + whole[second..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for position in second..third - 1 {
        let mut flipped = whole.clone();
        flipped[position] ^= 1;
        fs::write(&journal, &flipped).unwrap();
        let error = store(&root).load().await.unwrap_err();
        let StoreError::Damaged { what, restore, .. } = error else { panic!("{error}") };
        assert!(what.starts_with("line 2: "), "{what}");
        assert!(restore.contains("head -n 1 journal.jsonl"), "{restore}");
    }
    assert!(matches!(writer.append(&entries[6..]).await, Ok(())), "a writer goes on where it was");
}

#[tokio::test]
async fn the_commands_that_an_error_names_bring_the_state_back() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries[..3]).await.unwrap();
    writer.compact(&replayed(&entries[..3])).await.unwrap();
    for (from, to) in [(3, 5), (5, 7)] {
        writer.append(&entries[from..to]).await.unwrap();
        let snapshot = writer.path().join("snapshot.json");
        let kept = fs::read(&snapshot).unwrap();
        let mut damaged = kept.clone();
        damaged[40] ^= 1;
        fs::write(&snapshot, &damaged).unwrap();
        let error = store(&root).load().await.unwrap_err();
        let StoreError::Damaged { restore, .. } = error else { panic!("{error}") };
        let command = restore.split('`').nth(1).unwrap();
        let status =
            std::process::Command::new("sh").arg("-c").arg(command).current_dir(writer.path()).status();
        assert!(status.unwrap().success(), "{restore}");
        assert_eq!(loaded(&store(&root)).await, replayed(&entries[..to]));
        let again = store(&root);
        again.load().await.unwrap();
        again.compact(&replayed(&entries[..to])).await.unwrap();
        writer.load().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_newer_or_of_somebody_else_is_refused() {
    let root = TempDir::new().unwrap();
    let writer = store(&root);
    let Entry::Genesis { format, stack, target: own, seed } = new_state().genesis() else { panic!() };
    let newer = Entry::Genesis { format: format + 1, stack: stack.clone(), target: own, seed: seed.clone() };
    writer.append(&[newer]).await.unwrap();
    assert!(matches!(store(&root).load().await, Err(StoreError::NewerFormat { found: 2, supported: 1, .. })));

    fs::remove_file(writer.path().join("journal.jsonl")).unwrap();
    let other = StateTarget { project: "other".to_owned(), ..target() };
    store(&root).append(&[Entry::Genesis { format, stack, target: other, seed }]).await.unwrap();
    let error = store(&root).load().await.unwrap_err().to_string();
    assert!(error.contains("stack `dev` on cloud `local`, project `other`, not to stack `dev`"), "{error}");
}

#[tokio::test]
async fn one_run_holds_the_lock_and_says_who_it_is() {
    let root = TempDir::new().unwrap();
    let guard = store(&root).lock(&holder()).await.unwrap();
    let Err(error) = store(&root).lock(&holder()).await else { panic!("locked twice") };
    assert_eq!(
        error.to_string(),
        "another run holds the lock on this stack: up by ada@engine, since 2026-01-01T00:00:00Z (process 7). \
         Wait for it to end."
    );
    drop(guard);
    store(&root).lock(&holder()).await.unwrap();
}

#[tokio::test]
async fn no_file_holds_a_secret_in_the_clear() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries[..5]).await.unwrap();
    writer.compact(&replayed(&entries[..5])).await.unwrap();
    writer.append(&entries[2..5]).await.unwrap();
    let shapes = [
        SECRET.to_owned(),
        STANDARD.encode(SECRET),
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(SECRET),
        "correct%20horse%2Fbattery%2Bstaple".to_owned(),
        "correct+horse%2Fbattery%2Bstaple".to_owned(),
        hex::encode(SECRET),
        serde_json::to_string(SECRET).unwrap(),
    ];
    let files =
        [root.path(), writer.path()].into_iter().flat_map(|directory| fs::read_dir(directory).unwrap());
    let mut seen = 0;
    for file in files.map(|file| file.unwrap()).filter(|file| file.file_type().unwrap().is_file()) {
        seen += 1;
        let content = fs::read(file.path()).unwrap();
        for shape in &shapes {
            let found = content.windows(shape.len()).any(|window| window == shape.as_bytes());
            assert!(!found, "{} holds {shape}", file.path().display());
        }
    }
    assert!(seen >= 5, "{seen} files");
}

#[tokio::test]
async fn a_key_file_is_private_and_necessary() {
    let root = TempDir::new().unwrap();
    let (entries, key) = (entries(), root.path().join("key"));
    store(&root).append(&entries).await.unwrap();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(root.path().join(".gitignore")).unwrap(), "/key\n");
    let said = async || store(&root).load().await.unwrap_err().to_string();

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(said().await.contains(&format!("its mode is 0640); run `chmod 600 {}`", key.display())));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let kept = fs::read(&key).unwrap();
    fs::write(&key, STANDARD.encode([7; 32])).unwrap();
    assert!(said().await.contains("is not the one that they were sealed with"));
    fs::write(&key, "short").unwrap();
    assert!(said().await.contains("is not 32 bytes in base64"));
    fs::remove_file(&key).unwrap();
    assert!(said().await.contains("is missing"));
    assert!(store(&root).append(&entries[..1]).await.is_err(), "a lost key is never made anew");

    files::replace(&key, &kept).unwrap();
    fs::remove_file(store(&root).path().join("keys.json")).unwrap();
    assert!(said().await.contains("keys.json is missing"));
}

#[tokio::test]
async fn a_passphrase_opens_what_it_sealed_and_nothing_else_does() {
    let root = TempDir::new().unwrap();
    let entries = entries();
    keyed(&root, Some("sesame")).append(&entries).await.unwrap();
    assert!(!root.path().join("key").exists());
    assert_eq!(loaded(&keyed(&root, Some("sesame"))).await, replayed(&entries));
    let said = async |passphrase| keyed(&root, passphrase).load().await.unwrap_err().to_string();
    assert_eq!(
        said(Some("Sesame")).await,
        "the secrets of the state cannot be read: the passphrase in MLFLOW_HOST_PASSPHRASE is not the one \
         that they were sealed with."
    );
    assert_eq!(
        said(None).await,
        "the secrets of the state cannot be read: they were sealed with a passphrase; set \
         MLFLOW_HOST_PASSPHRASE to it."
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|it| json!(it).into()),
        ".*".prop_map(Value::String)
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let name = prop_oneof![Just("$sealed"), Just("$secret"), Just("$map"), Just("a"), Just("b")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            prop::collection::btree_map(name.prop_map(str::to_owned), inner.clone(), 0..3)
                .prop_map(|map| Value::Map(map.into_iter().collect())),
            inner.prop_map(Value::into_secret),
        ]
    })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let id = || "[ab]";
    let action =
        prop_oneof![Just(RequestAction::Create), Just(RequestAction::Update), Just(RequestAction::Delete)];
    prop_oneof![
        (id(), action, any_value())
            .prop_map(|(id, action, inputs)| Entry::Intent { request: request(&id, action, inputs) }),
        (id(), any_value()).prop_map(|(id, outputs)| Entry::Done {
            request: id,
            outcomes: vec![Outcome { identity: "x".to_owned(), outputs }],
        }),
        (id(), any_value()).prop_map(|(id, outputs)| Entry::Failed {
            request: id,
            message: "no".to_owned(),
            left: vec![Outcome { identity: "x".to_owned(), outputs }],
        }),
        id().prop_map(|request| Entry::Deferred {
            request,
            deferral: Deferral { reason: "held".to_owned(), retry_at: "2026-01-01T00:00:00Z".to_owned() },
        }),
        any_value().prop_map(|inputs| Entry::Set {
            resources: vec![Recorded {
                urn: "std/Value::x".parse().unwrap(),
                identity: String::new(),
                inputs,
                outputs: Value::Null,
                hints: Default::default(),
                unsettled: false,
                deferred: None,
            }],
        }),
        any_value().prop_map(|outputs| Entry::Outputs { outputs }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_history_loads_as_it_was_lived(
        entries in prop::collection::vec(any_entry(), 0..12),
        batch in 1usize..4,
        compacted in 0usize..12,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let root = TempDir::new().unwrap();
            let writer = store(&root);
            let mut state = new_state();
            let all: Vec<_> = std::iter::once(state.genesis()).chain(entries).collect();
            for (index, batch) in all.chunks(batch).enumerate() {
                writer.append(batch).await.unwrap();
                batch.iter().for_each(|entry| state.apply(entry.clone()));
                if index == compacted {
                    writer.compact(&state).await.unwrap();
                }
            }
            let found = store(&root).load().await.unwrap().unwrap();
            prop_assert_eq!(found.state, state);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn damage_comes_back_from_the_previous_snapshot() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    assert!(writer.restore().await.is_err(), "there is nothing yet");
    for (from, to) in [(0, 3), (3, 5)] {
        writer.append(&entries[from..to]).await.unwrap();
        writer.compact(&replayed(&entries[..to])).await.unwrap();
    }
    writer.append(&entries[5..]).await.unwrap();
    let snapshot = writer.path().join("snapshot.json");
    let mut damaged = fs::read(&snapshot).unwrap();
    damaged[40] ^= 1;
    fs::write(&snapshot, &damaged).unwrap();
    assert_eq!(store(&root).restore().await.unwrap(), Vec::<String>::new());
    assert_eq!(loaded(&store(&root)).await, replayed(&entries));
    assert_eq!(fs::read(snapshot.with_added_extension("damaged")).unwrap(), damaged);

    // A damaged line, and what follows it, is left out and said.
    let journal = writer.path().join("journal.jsonl");
    let mut damaged = fs::read(&journal).unwrap();
    let last = damaged.len() - 20;
    damaged[last] ^= 1;
    fs::write(&journal, &damaged).unwrap();
    assert_eq!(store(&root).restore().await.unwrap().len(), 1);
    assert_eq!(loaded(&store(&root)).await, replayed(&entries[..6]));
}

#[tokio::test]
async fn changed_keys_leave_nothing_for_the_old_ones() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries[..5]).await.unwrap();
    writer.compact(&replayed(&entries[..5])).await.unwrap();
    writer.append(&entries[5..]).await.unwrap();
    let old = writer.ring().await.unwrap().unwrap().keys[0].clone();
    let wrap = Wrap::Passphrase(Zeroizing::new("sesame".to_owned()));
    writer.rekey(&replayed(&entries), Some(wrap)).await.unwrap();
    assert!(store(&root).load().await.is_err());
    assert_eq!(loaded(&keyed(&root, Some("sesame"))).await, replayed(&entries));
    let files =
        fs::read_dir(writer.path()).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let mut sealed = 0;
    for piece in
        files.flat_map(|text| text.split("\"$sealed\":\"").skip(1).map(str::to_owned).collect::<Vec<_>>())
    {
        sealed += 1;
        let piece = json!({"$sealed": piece.split('"').next().unwrap()}).to_string();
        assert_eq!(crate::seal::open(std::slice::from_ref(&old), &piece), Err(crate::seal::OpenError::Key));
    }
    assert!(sealed >= 2, "{sealed}");
    writer.append(&entries[2..5]).await.unwrap();
}

#[tokio::test]
async fn an_exported_state_is_sealed_checked_and_read_in_again() {
    let root = TempDir::new().unwrap();
    let (entries, writer) = (entries(), store(&root));
    writer.append(&entries).await.unwrap();
    let state = replayed(&entries);
    let text = writer.export(&state).await.unwrap();
    assert!(!text.contains(SECRET) && !text.contains("correct horse"), "{text}");
    let keys = || KeySource { passphrase: None, key_file: root.path().join("key"), kms_key: None, kms: None };
    let import = async |text: &str, stack: &str| {
        crate::import("kept.json", text.as_bytes(), stack, &target(), &keys()).await
    };
    assert_eq!(import(&text, "dev").await.unwrap(), state);
    let said = async |text: &str, stack: &str| import(text, stack).await.unwrap_err().to_string();
    assert!(said(&text.replace("users/mlflow", "users/root"), "dev").await.contains("it has been changed"));
    assert!(said(&text, "prod").await.contains("belongs to stack `dev`"));
    assert!(said("{}", "dev").await.contains("it is not an exported state"));
    assert!(said(&text.replacen("\"format\": 1", "\"format\": 9", 1), "dev").await.contains("has format 9"));

    // Open operations, and dependencies that lead nowhere.
    let open = State { open: replayed(&entries[..3]).open, ..state.clone() };
    assert!(said(&writer.export(&open).await.unwrap(), "dev").await.contains("1 operations were open"));
    let mut broken = state.clone();
    let one = broken.resources.values_mut().next().unwrap();
    one.hints.dependencies.insert("std/Value::gone".parse().unwrap());
    let text = writer.export(&broken).await.unwrap();
    assert!(said(&text, "dev").await.contains("depends on `std/Value::gone`, which is not recorded"));

    // Loading such a state says so.
    crate::replace(&writer, &broken).await.unwrap();
    let found = store(&root).load().await.unwrap().unwrap();
    assert_eq!(found.notices.len(), 1);
    assert!(found.notices[0].contains("state restore"), "{:?}", found.notices);
}
