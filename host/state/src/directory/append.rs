//! Writing: entries at the end of the journal, and the snapshot that takes them in.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use mlflow_host_engine::{Entry, StoreError};

use super::{Place, locked};
use crate::files::{self, failed};
use crate::keys::KeyRing;
use crate::replay;
use crate::seal::Key;

/// Where the good part of the journal ends.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) length: u64,
    pub(super) sequence: u64,
    pub(super) file: Option<File>,
}

impl Place {
    /// Writes entries with one write and makes them durable with one flush.
    pub(super) fn append(&self, ring: &KeyRing, entries: &[Entry]) -> Result<(), StoreError> {
        #[cfg(feature = "failpoints")]
        mlflow_host_engine::failpoint::reach("append");
        tracing::debug!(entries = entries.len(), "append");
        if locked(&self.tail).is_none() {
            self.load(&ring.keys)?;
        }
        let mut guard = locked(&self.tail);
        let tail = guard.get_or_insert(Tail { length: 0, sequence: 0, file: None });
        let text = replay::lines(sealing(ring)?, tail.sequence + 1, entries)?;
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

    /// Writes the snapshot of a state of `serial` entries, then sets the journal aside. Killed in between, the journal holds entries that
    /// the snapshot has already; reading skips them.
    pub(super) fn compact(&self, ring: &KeyRing, snapshot: &str, serial: u64) -> Result<(), StoreError> {
        if locked(&self.tail).is_none() {
            self.load(&ring.keys)?;
        }
        let mut tail = locked(&self.tail);
        let written = tail.as_ref().map_or(0, |tail| tail.sequence);
        if serial != written {
            return Err(self.damaged_snapshot_file(format!(
                "a state of {serial} entries cannot replace a journal of {written}"
            )));
        }
        if let Some(current) = files::read(&self.snapshot())? {
            files::replace(&self.previous_snapshot(), &current)?;
        }
        files::replace(&self.snapshot(), snapshot.as_bytes())?;
        if self.journal().exists() {
            files::rename(&self.journal(), &self.previous_journal())?;
        }
        *tail = Some(Tail { length: 0, sequence: serial, file: None });
        Ok(())
    }
}

/// The key that seals.
pub(super) fn sealing(ring: &KeyRing) -> Result<&Key, StoreError> {
    ring.keys.first().ok_or_else(|| StoreError::Key("there is no key to seal with".to_owned()))
}
