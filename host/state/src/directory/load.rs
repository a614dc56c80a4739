//! Reading: the snapshot, then the journal entries that follow it.

use std::path::Path;

use mlflow_host_engine::{Entry, Loaded, State, StateTarget, StoreError};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::append::Tail;
use super::{Place, locked, owner};
use crate::journal::{self, BadLine, Journal};
use crate::seal::{self, OpenError};
use crate::{envelope, files};

/// A reader without the lock may look while a run compacts; the files it sees are then from two moments.
const ATTEMPTS: usize = 5;

/// Why a document has no content.
enum Trouble {
    Sealed(OpenError),
    Store(StoreError),
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        Self::Sealed(error)
    }
}

impl Place {
    /// Reads the state, and remembers where the journal ends.
    pub(super) fn load(&self) -> Result<Option<Loaded>, StoreError> {
        let (snapshot, content) = self.read_files()?;
        let journal = journal::read(&content).map_err(|BadLine(line)| {
            self.damaged_line(line, "its checksum does not fit what it says".to_owned())
        })?;
        // Opened even when no value is sealed yet: a wrong key must show before anything is done.
        self.key()?;

        let mut state = snapshot.as_deref().map(|content| self.read_snapshot(content)).transpose()?;
        let mut previous = None;
        for (line, entry) in &journal.entries {
            let base = state.as_ref().map_or(0, |state| state.serial);
            let expected =
                previous.map_or_else(|| entry.sequence.min(base + 1), |sequence: u64| sequence + 1);
            if entry.sequence != expected {
                let what = format!("it holds entry {} where entry {expected} belongs", entry.sequence);
                return Err(self.damaged_line(*line, what));
            }
            previous = Some(expected);
            if expected > base {
                self.read_entry(*line, entry.document, &mut state)?;
            }
        }
        let notices = self.notices(&journal);
        let sequence = state.as_ref().map_or(0, |state| state.serial);
        *locked(&self.tail) = Some(Tail { length: journal.length, sequence, file: None });
        Ok(state.map(|state| Loaded { state, notices }))
    }

    fn read_files(&self) -> Result<(Option<Vec<u8>>, Vec<u8>), StoreError> {
        let mut snapshot = files::read(&self.snapshot())?;
        let mut attempt = 1;
        loop {
            let journal = files::read(&self.journal())?.unwrap_or_default();
            let again = files::read(&self.snapshot())?;
            if again == snapshot || attempt == ATTEMPTS {
                return Ok((again, journal));
            }
            snapshot = again;
            attempt += 1;
        }
    }

    fn read_snapshot(&self, content: &[u8]) -> Result<State, StoreError> {
        let path = self.snapshot();
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let envelope = envelope::unwrap("state", line)
            .ok_or_else(|| self.damaged_snapshot("its checksum does not fit what it says".to_owned()))?;
        let json: Json = serde_json::from_str(envelope.document)
            .map_err(|error| self.damaged_snapshot(format!("it is not JSON ({error})")))?;
        check_format(&path, &json)?;
        let state: State = self.understand(json, |what| self.damaged_snapshot(what))?;
        if state.serial != envelope.sequence {
            return Err(self.damaged_snapshot("its numbers contradict each other".to_owned()));
        }
        self.check_owner(&path, &state.stack, &state.target)?;
        Ok(state)
    }

    fn read_entry(&self, line: usize, document: &str, state: &mut Option<State>) -> Result<(), StoreError> {
        let json: Json = serde_json::from_str(document)
            .map_err(|error| self.damaged_line(line, format!("it is not JSON ({error})")))?;
        check_format(&self.journal(), &json)?;
        let entry: Entry = self.understand(json, |what| self.damaged_line(line, what))?;
        match (&entry, state.as_ref()) {
            (Entry::Genesis { stack, target, seed, .. }, None) => {
                self.check_owner(&self.journal(), stack, target)?;
                *state = Some(State::new(stack, target.clone(), seed.clone()));
            }
            (_, Some(_)) => {}
            (_, None) => {
                return Err(self.damaged_line(line, "it is not the beginning of a state".to_owned()));
            }
        }
        if let Some(state) = state {
            state.apply(entry);
        }
        Ok(())
    }

    /// Opens the secrets of a document and gives it its type.
    fn understand<T: DeserializeOwned>(
        &self,
        json: Json,
        damaged: impl Fn(String) -> StoreError,
    ) -> Result<T, StoreError> {
        let key = || match self.key() {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(Trouble::Store(StoreError::Key(format!(
                "{} is missing, and without it they are lost; put it back from your copy",
                self.path.join("keys.json").display()
            )))),
            Err(error) => Err(Trouble::Store(error)),
        };
        let opened = seal::open(&key, json).map_err(|trouble| match trouble {
            Trouble::Sealed(error) => damaged(error.to_string()),
            Trouble::Store(error) => error,
        })?;
        // The cause may quote a value: only its place is passed on.
        serde_json::from_value(opened).map_err(|error| {
            damaged(format!(
                "this version of mlflow-host does not understand it ({:?} error)",
                error.classify()
            ))
        })
    }

    fn check_owner(&self, path: &Path, stack: &str, target: &StateTarget) -> Result<(), StoreError> {
        if stack == self.stack && *target == self.target {
            return Ok(());
        }
        Err(StoreError::WrongTarget {
            place: path.display().to_string(),
            found: owner(stack, target),
            expected: owner(&self.stack, &self.target),
        })
    }

    fn notices(&self, journal: &Journal<'_>) -> Vec<String> {
        let mut notices = Vec::new();
        if journal.torn > 0 {
            notices.push(format!(
                "The last {} bytes of {} were cut off while they were written, and are left out. Nothing is \
                 lost: the next run looks up what the cloud has done.",
                journal.torn,
                self.journal().display()
            ));
        }
        notices
    }
}

/// Refuses a newer format before anything else of the document is looked at.
fn check_format(path: &Path, json: &Json) -> Result<(), StoreError> {
    let supported = mlflow_host_engine::FORMAT;
    match json.get("format").and_then(Json::as_u64).map(|format| u32::try_from(format).unwrap_or(u32::MAX)) {
        Some(found) if found > supported => {
            Err(StoreError::NewerFormat { place: path.display().to_string(), found, supported })
        }
        _ => Ok(()),
    }
}
