//! Writing: entries at the end of the journal, and the snapshot that takes them in.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use mlflow_host_engine::{Entry, State, StoreError};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Place, locked};
use crate::files::failed;
use crate::seal::Key;
use crate::{envelope, files, seal};

/// Where the good part of the journal ends.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) length: u64,
    pub(super) sequence: u64,
    pub(super) file: Option<File>,
}

impl Place {
    /// Writes entries with one write and makes them durable with one flush.
    pub(super) fn append(&self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        #[cfg(feature = "failpoints")]
        mlflow_host_engine::failpoint::reach("append");
        tracing::debug!(entries = entries.len(), "append");
        files::create_directory(&self.path)?;
        if locked(&self.tail).is_none() {
            self.load()?;
        }
        let key = self.key_or_new()?;
        let mut guard = locked(&self.tail);
        let tail = guard.get_or_insert(Tail { length: 0, sequence: 0, file: None });

        let mut text = String::new();
        for (entry, sequence) in entries.iter().zip(tail.sequence + 1..) {
            text.push_str(&envelope::wrap("entry", sequence, &self.sealed_text(&key, entry)?));
        }
        let path = self.journal();
        let (mut file, is_new) = match tail.file.take() {
            Some(file) => (file, false),
            None => {
                let is_new = !path.exists();
                let opened = files::private().create(true).truncate(false).open(&path);
                (opened.map_err(failed("open", &path))?, is_new)
            }
        };
        // Whatever lies behind the good part was cut off while it was written, perhaps by this process.
        let written = file
            .set_len(tail.length)
            .and_then(|()| file.seek(SeekFrom::Start(tail.length)))
            .and_then(|_| file.write_all(text.as_bytes()))
            .and_then(|()| file.sync_data());
        written.map_err(failed("write", &path))?;
        if is_new {
            files::sync_parent(&path)?;
        }
        *tail = Tail {
            length: tail.length + text.len() as u64,
            sequence: tail.sequence + entries.len() as u64,
            file: Some(file),
        };
        Ok(())
    }

    /// Writes the snapshot, then sets the journal aside. Killed in between, the journal holds entries that
    /// the snapshot has already; reading skips them.
    pub(super) fn compact(&self, state: &State) -> Result<(), StoreError> {
        files::create_directory(&self.path)?;
        if locked(&self.tail).is_none() {
            self.load()?;
        }
        let key = self.key_or_new()?;
        let mut tail = locked(&self.tail);
        let written = tail.as_ref().map_or(0, |tail| tail.sequence);
        if state.serial != written {
            return Err(self.damaged_snapshot(format!(
                "a state of {} entries cannot replace a journal of {written}",
                state.serial
            )));
        }
        let text = envelope::wrap("state", state.serial, &self.sealed_text(&key, state)?);
        if let Some(current) = files::read(&self.snapshot())? {
            files::replace(&self.previous_snapshot(), &current)?;
        }
        files::replace(&self.snapshot(), text.as_bytes())?;
        if self.journal().exists() {
            files::rename(&self.journal(), &self.previous_journal())?;
        }
        *tail = Some(Tail { length: 0, sequence: state.serial, file: None });
        Ok(())
    }

    fn sealed_text<T: Serialize>(&self, key: &Key, document: &T) -> Result<String, StoreError> {
        let unwritable = |error: serde_json::Error| failed("write", &self.path)(error.into());
        let json: Json = serde_json::to_value(document).map_err(unwritable)?;
        let sealed = seal::seal(key, json)
            .ok_or_else(|| StoreError::Key("a value is too large to be sealed".to_owned()))?;
        serde_json::to_string(&sealed).map_err(unwritable)
    }
}
