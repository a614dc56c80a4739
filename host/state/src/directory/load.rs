//! Reading: the files, and what they replay to.

use mlflow_host_engine::{Loaded, StoreError};

use super::append::Tail;
use super::{Place, locked};
use crate::files;
use crate::replay::{Places, Replay};
use crate::seal::Key;

/// A reader without the lock may look while a run compacts; the files it sees are then from two moments.
const ATTEMPTS: usize = 5;

impl Place {
    /// Reads the state, and remembers where the journal ends.
    pub(super) fn load(&self, keys: &[Key]) -> Result<Option<Loaded>, StoreError> {
        let (snapshot, journal) = self.read_files()?;
        let replay = Replay { owner: &self.owner, places: self, keys };
        let replayed = replay.run(snapshot.as_deref(), &[&journal])?;
        let mut notices = replayed.contradictions();
        if replayed.torn > 0 {
            notices.push(format!(
                "The last {} bytes of {} were cut off while they were written, and are left out. Nothing is \
                 lost: the next run looks up what the cloud has done.",
                replayed.torn,
                self.journal().display()
            ));
        }
        let sequence = replayed.sequence();
        *locked(&self.tail) = Some(Tail { length: replayed.length, sequence, file: None });
        Ok(replayed.state.map(|state| Loaded { state, notices }))
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
}

impl Places for Place {
    fn snapshot(&self) -> String {
        Self::snapshot(self).display().to_string()
    }

    fn journal(&self, _index: usize) -> String {
        Self::journal(self).display().to_string()
    }

    fn damaged_snapshot(&self, what: String) -> StoreError {
        self.damaged_snapshot_file(what)
    }

    fn damaged_line(&self, _index: usize, line: usize, what: String) -> StoreError {
        self.damaged_journal_line(line, what)
    }
}
