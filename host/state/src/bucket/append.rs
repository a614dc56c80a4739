//! Writing: a segment a batch of entries, and the snapshot that takes them in.

use mlflow_host_engine::{Entry, State, StoreError};

use super::layout::{self, Piece};
use super::load::{Tail, Writer};
use super::objects::{ObjectError, Precondition};
use super::{BucketStore, PREVIOUS, SNAPSHOT, locked};
use crate::keys::KeyRing;
use crate::manage::Vault as _;
use crate::seal::Key;
use crate::{envelope, replay};

impl BucketStore {
    /// Writes entries as one segment, and makes sure that they count.
    pub(super) async fn write_entries(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let lease = self.held()?;
        let tail = self.tail().await?;
        let ring = self.ring_or_new().await?;
        let text = replay::lines(sealing(&ring)?, tail.sequence + 1, entries)?;
        let piece = Piece { sequence: tail.sequence + 1, token: lease.token, is_fence: false };
        // Until it is known what has become of the segment, so is the end of the journal not.
        *locked(&self.tail) = None;
        self.put_once(&piece.name(), text.as_bytes(), Precondition::Absent).await?;
        // If the lock is still ours now, whoever takes it later finds the segment.
        lease.verify().await?;
        *locked(&self.tail) = Some(Tail { sequence: tail.sequence + entries.len() as u64, ..tail });
        Ok(())
    }

    /// Writes the snapshot, and removes what the snapshot before it has held already. Killed in between,
    /// there are segments that the snapshot includes; reading skips them.
    pub(super) async fn write_snapshot(&self, state: &State) -> Result<(), StoreError> {
        let lease = self.held()?;
        let tail = self.tail().await?;
        if state.serial != tail.sequence {
            return Err(StoreError::Damaged {
                place: self.address(SNAPSHOT),
                what: format!(
                    "a state of {} entries cannot replace a journal of {}",
                    state.serial, tail.sequence
                ),
                restore: "Run the command again: it reads the state anew.".to_owned(),
            });
        }
        let ring = self.ring_or_new().await?;
        let writer = serde_json::to_string(&Writer { token: lease.token })
            .map_err(|error| StoreError::Key(error.to_string()))?;
        let text =
            replay::snapshot(sealing(&ring)?, state)? + &envelope::wrap("writer", state.serial, &writer);
        lease.verify().await?;
        let previous = self.objects.get(&self.name(PREVIOUS)).await.map_err(self.failed("read", PREVIOUS))?;
        let current = self.snapshot(SNAPSHOT).await?;
        let generation = current.as_ref().map_or(0, |current| current.object.generation);
        if generation != tail.snapshot && current.as_ref().is_some_and(|current| current.token > lease.token)
        {
            return Err(StoreError::LockLost { taken: "a later holder has written already".to_owned() });
        }
        if let Some(current) = &current {
            let when = Precondition::unchanged(previous.as_ref());
            self.put_once(PREVIOUS, &current.object.content, when).await?;
        }
        let when = Precondition::unchanged(current.as_ref().map(|current| &current.object));
        let snapshot = self.put_once(SNAPSHOT, text.as_bytes(), when).await?;
        *locked(&self.tail) = Some(Tail { sequence: tail.sequence, snapshot });
        if let Some(current) = &current {
            let pieces = self.pieces().await?;
            self.remove(&layout::obsolete(&pieces, current.serial, current.token)).await?;
        }
        Ok(())
    }

    /// What is known of the state, read if need be.
    async fn tail(&self) -> Result<Tail, StoreError> {
        let known = locked(&self.tail).clone();
        if let Some(tail) = known {
            return Ok(tail);
        }
        self.read_state().await?;
        let read = locked(&self.tail).clone();
        read.ok_or_else(|| StoreError::LockLost { taken: "it was never taken".to_owned() })
    }

    /// Writes an object under a precondition. If that does not hold, this very request may have arrived
    /// before and only its answer been lost: then the object is as it should be.
    async fn put_once(&self, name: &str, content: &[u8], when: Precondition) -> Result<u64, StoreError> {
        let failed = self.failed("write", name);
        match self.objects.put(&self.name(name), content, when).await {
            Ok(generation) => Ok(generation),
            Err(ObjectError::Precondition) => {
                let found = self.objects.get(&self.name(name)).await.map_err(&failed)?;
                match found.filter(|object| object.content == content) {
                    Some(object) => Ok(object.generation),
                    None => {
                        self.held()?.verify().await?;
                        Err(failed(ObjectError::Precondition))
                    }
                }
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// The key that seals.
fn sealing(ring: &KeyRing) -> Result<&Key, StoreError> {
    ring.keys.first().ok_or_else(|| StoreError::Key("there is no key to seal with".to_owned()))
}
