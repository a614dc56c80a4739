//! Reading: the snapshot and the segments that count, and the fence of whoever reads under the lock.

use std::sync::atomic::Ordering;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use mlflow_host_engine::{Loaded, StoreError};
use serde::{Deserialize, Serialize};

use super::layout::{self, Piece};
use super::objects::{Object, ObjectError, Precondition};
use super::{BucketStore, PREVIOUS, SNAPSHOT, locked};
use crate::envelope;
use crate::journal;
use crate::replay::{Places, Replay, Replayed};
use crate::seal::Key;

/// A reader without the lock may look while a run compacts; the objects it sees are then from two moments.
const ATTEMPTS: usize = 8;
/// How many objects are read at a time.
const AT_A_TIME: usize = 16;

/// What is known of the state under the lock.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    /// The number of the last entry.
    pub(super) sequence: u64,
    /// The generation of the snapshot, 0 when there is none.
    pub(super) snapshot: u64,
}

/// The second line of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Writer {
    /// Its fencing token.
    pub(super) token: u64,
}

/// A snapshot, with what stands in its second line.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) object: Object,
    /// How many bytes the first line has.
    length: usize,
    pub(super) serial: u64,
    pub(super) token: u64,
}

/// What was read at one moment.
struct Found {
    snapshot: Option<Snapshot>,
    pieces: Vec<Piece>,
    segments: Vec<(Piece, Vec<u8>)>,
}

impl BucketStore {
    /// Reads the state. Under the lock, also writes the fence.
    pub(super) async fn read_state(&self) -> Result<Option<Loaded>, StoreError> {
        let lease = self.lease();
        let found = self.find().await?;
        let newest = found.pieces.iter().map(|piece| piece.token);
        let newest = newest.chain(found.snapshot.as_ref().map(|snapshot| snapshot.token)).max();
        if let Some(lease) = &lease
            && newest.is_some_and(|newest| newest > lease.token)
        {
            lease.verify().await?;
            return Err(StoreError::LockLost { taken: "a later holder has written already".to_owned() });
        }
        let ring = self.ring().await?;
        let replayed = self.replay(&found, ring.as_deref().map_or(&[], |ring| &ring.keys))?;
        if let Some(lease) = lease {
            let sequence = replayed.sequence();
            if !lease.is_fenced.load(Ordering::Acquire) {
                self.fence(Piece { sequence: sequence + 1, token: lease.token, is_fence: true }).await?;
                lease.is_fenced.store(true, Ordering::Release);
            }
            let snapshot = found.snapshot.as_ref().map_or(0, |snapshot| snapshot.object.generation);
            *locked(&self.tail) = Some(Tail { sequence, snapshot });
        }
        let notices = replayed.contradictions();
        Ok(replayed.state.map(|state| Loaded { state, notices }))
    }

    async fn fence(&self, piece: Piece) -> Result<(), StoreError> {
        let name = piece.name();
        match self.objects.put(&self.name(&name), b"", Precondition::Absent).await {
            // The answer to an earlier attempt was lost.
            Ok(_) | Err(ObjectError::Precondition) => Ok(()),
            Err(error) => Err(self.failed("write", &name)(error)),
        }
    }

    /// The snapshot under a name.
    pub(super) async fn snapshot(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        let found = self.objects.get(&self.name(name)).await.map_err(self.failed("read", name))?;
        let Some(object) = found else { return Ok(None) };
        let damaged = || self.damaged_snapshot("its checksum does not fit what it says".to_owned());
        let length = object.content.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)? + 1;
        let (state, writer) = object.content.split_at(length);
        let state = envelope::unwrap("state", &state[..length - 1]).ok_or_else(damaged)?;
        let writer = writer.strip_suffix(b"\n").and_then(|line| envelope::unwrap("writer", line));
        let writer = writer.filter(|writer| writer.sequence == state.sequence).ok_or_else(damaged)?;
        let Writer { token } = serde_json::from_str(writer.document).map_err(|_| damaged())?;
        Ok(Some(Snapshot { length, serial: state.sequence, token, object }))
    }

    /// The names in the journal.
    pub(super) async fn pieces(&self) -> Result<Vec<Piece>, StoreError> {
        let names =
            self.objects.list(&self.name("journal/")).await.map_err(self.failed("list", "journal/"))?;
        Ok(names.iter().filter_map(|name| Piece::parse(name.strip_prefix(&self.prefix)?)).collect())
    }

    async fn find(&self) -> Result<Found, StoreError> {
        let mut attempt = 1;
        loop {
            let snapshot = self.snapshot(SNAPSHOT).await?;
            let pieces = self.pieces().await?;
            let (serial, token) = snapshot.as_ref().map_or((0, 0), |found| (found.serial, found.token));
            let counting = layout::counting(&pieces, token);
            let segments = self.segments(&layout::since(&counting, serial)).await?;
            let again = self.snapshot(SNAPSHOT).await?;
            let generation =
                |snapshot: &Option<Snapshot>| snapshot.as_ref().map(|snapshot| snapshot.object.generation);
            let is_still = generation(&again) == generation(&snapshot);
            match segments {
                Some(segments) if is_still => return Ok(Found { snapshot, pieces, segments }),
                _ if attempt == ATTEMPTS => {
                    return Err(StoreError::Io {
                        action: "read",
                        place: self.address(""),
                        source: std::io::Error::other("it changes while it is read; try again"),
                    });
                }
                _ => attempt += 1,
            }
        }
    }

    /// The contents of segments; `None` when one has just been removed.
    async fn segments(&self, pieces: &[&Piece]) -> Result<Option<Vec<(Piece, Vec<u8>)>>, StoreError> {
        let read = |piece: Piece| async move {
            let name = piece.name();
            let object = self.objects.get(&self.name(&name)).await.map_err(self.failed("read", &name))?;
            Ok::<_, StoreError>(object.map(|object| (piece, object.content)))
        };
        // Made before the stream: a closure that borrows from its argument would not be general enough.
        let reads: Vec<_> = pieces.iter().map(|piece| read((*piece).clone())).collect();
        let found: Vec<_> = stream::iter(reads).buffered(AT_A_TIME).try_collect().await?;
        Ok(found.into_iter().collect())
    }

    fn replay(&self, found: &Found, keys: &[Key]) -> Result<Replayed, StoreError> {
        let places = Segments { store: self, segments: &found.segments };
        let contents: Vec<_> = found.segments.iter().map(|(_, content)| content.as_slice()).collect();
        let replay = Replay { owner: &self.owner, places: &places, keys };
        let state = found.snapshot.as_ref().map(|found| &found.object.content[..found.length]);
        let replayed = replay.run(state, &contents)?;
        if replayed.torn > 0 {
            // An object is written whole or not at all.
            let line = contents.last().map_or(0, |content| good_lines(content)) + 1;
            let what = "its checksum does not fit what it says".to_owned();
            return Err(places.damaged_line(contents.len() - 1, line, what));
        }
        Ok(replayed)
    }

    /// See [`crate::StateStore::restore`].
    pub(super) async fn go_back(&self) -> Result<Vec<String>, StoreError> {
        let lease = self.held()?;
        lease.verify().await?;
        let nothing = || self.damaged_snapshot("there is no earlier one to go back to".to_owned());
        let name = self.name(SNAPSHOT);
        let pieces = self.pieces().await?;
        // What is good stays: only a damaged snapshot is replaced, by the one before or by nothing.
        let base = match self.snapshot(SNAPSHOT).await {
            Ok(found) => found,
            Err(StoreError::Damaged { .. }) => {
                let damaged = self.objects.get(&name).await.map_err(self.failed("read", SNAPSHOT))?;
                let previous = self.snapshot(PREVIOUS).await?;
                match (&previous, pieces.iter().any(|piece| piece.sequence == 1 && !piece.is_fence)) {
                    (Some(previous), _) => {
                        let when = Precondition::unchanged(damaged.as_ref());
                        let put = self.objects.put(&name, &previous.object.content, when).await;
                        put.map_err(self.failed("write", SNAPSHOT))?;
                    }
                    // Nothing is removed before there are two snapshots.
                    (None, true) => {
                        let generation = damaged.map(|object| object.generation);
                        let deleted = self.objects.delete(&name, generation).await;
                        deleted.map_err(self.failed("remove", SNAPSHOT))?;
                    }
                    (None, false) => return Err(nothing()),
                }
                previous
            }
            Err(error) => return Err(error),
        };
        let (serial, token) = base.as_ref().map_or((0, 0), |found| (found.serial, found.token));
        let counting = layout::counting(&pieces, token);
        let segments = self.segments(&layout::since(&counting, serial)).await?.unwrap_or_default();
        // A segment that is damaged, and what follows it, cannot be relied on.
        let is_good = |content: &[u8]| journal::good_beginning(content).len() == content.len();
        let good = segments.iter().take_while(|(_, content)| is_good(content)).count();
        let mut left_out = Vec::new();
        for (piece, _) in &segments[good..] {
            let name = piece.name();
            self.objects.delete(&self.name(&name), None).await.map_err(self.failed("remove", &name))?;
            left_out.push(self.address(&name));
        }
        *locked(&self.tail) = None;
        self.read_state().await?.ok_or_else(nothing)?;
        Ok(left_out)
    }

    /// Removes the previous snapshot and all segments, which the snapshot includes.
    pub(super) async fn remove_copies(&self) -> Result<(), StoreError> {
        self.held()?.verify().await?;
        self.objects.delete(&self.name(PREVIOUS), None).await.map_err(self.failed("remove", PREVIOUS))?;
        let Some(snapshot) = self.snapshot(SNAPSHOT).await? else { return Ok(()) };
        self.remove(&layout::obsolete(&self.pieces().await?, snapshot.serial, snapshot.token)).await?;
        // The last one may hold entries after the snapshot: but this snapshot was made under the lock.
        let pieces = self.pieces().await?;
        let segments: Vec<_> = pieces.iter().filter(|piece| piece.sequence <= snapshot.serial).collect();
        self.remove(&segments).await
    }

    /// Removes pieces, the oldest first: what is left is always without a gap.
    pub(super) async fn remove(&self, pieces: &[&Piece]) -> Result<(), StoreError> {
        let mut pieces = pieces.to_vec();
        pieces.sort();
        for piece in pieces {
            let name = piece.name();
            self.objects.delete(&self.name(&name), None).await.map_err(self.failed("remove", &name))?;
        }
        Ok(())
    }

    fn damaged_snapshot(&self, what: String) -> StoreError {
        StoreError::Damaged {
            place: self.address(SNAPSHOT),
            what,
            restore: format!(
                "The state is kept a second time: run `mlflow-host state restore STACK.wasm`, or by hand \
                 `gcloud storage cp {} {}`.",
                self.address(PREVIOUS),
                self.address(SNAPSHOT)
            ),
        }
    }
}

fn good_lines(content: &[u8]) -> usize {
    journal::good_beginning(content).iter().filter(|byte| **byte == b'\n').count()
}

/// The segments that are being replayed.
struct Segments<'a> {
    store: &'a BucketStore,
    segments: &'a [(Piece, Vec<u8>)],
}

impl Places for Segments<'_> {
    fn snapshot(&self) -> String {
        self.store.address(SNAPSHOT)
    }

    fn journal(&self, index: usize) -> String {
        let name = self.segments.get(index).map(|(piece, _)| piece.name()).unwrap_or_default();
        self.store.address(&name)
    }

    fn damaged_snapshot(&self, what: String) -> StoreError {
        self.store.damaged_snapshot(what)
    }

    fn damaged_line(&self, index: usize, line: usize, what: String) -> StoreError {
        let later = self.segments.get(index..).unwrap_or_default().iter();
        let names: Vec<_> = later.map(|(piece, _)| self.store.address(&piece.name())).collect();
        StoreError::Damaged {
            place: self.journal(index),
            what: format!("line {line}: {what}"),
            restore: format!(
                "Keep what was recorded before the damage: run `mlflow-host state restore STACK.wasm`, or by \
                 hand `gcloud storage rm {}`. What was done after that is then not recorded: look at \
                 `mlflow-host preview` before the next `up`.",
                names.join(" ")
            ),
        }
    }
}
