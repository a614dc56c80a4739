//! From what a store holds to a state: the snapshot, then the journal entries that follow it.

use std::fmt;

use mlflow_host_engine::{Entry, State, StateTarget, StoreError};

use crate::envelope;
use crate::journal::{self, BadLine};
use crate::seal::Key;
use crate::{document, envelope::Envelope};

/// Whose a state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) stack: String,
    pub(crate) target: StateTarget,
}

impl Owner {
    /// Refuses a state of somebody else.
    pub(crate) fn check(&self, place: &str, stack: &str, target: &StateTarget) -> Result<(), StoreError> {
        let found = Self { stack: stack.to_owned(), target: target.clone() };
        if found == *self {
            return Ok(());
        }
        Err(StoreError::WrongTarget {
            place: place.to_owned(),
            found: found.to_string(),
            expected: self.to_string(),
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, target } = self;
        write!(formatter, "stack `{stack}` on cloud `{}`, project `{}`", target.cloud, target.project)
    }
}

/// Where things are, and how they come back when they are damaged. Journals are counted from 0.
pub(crate) trait Places {
    /// The snapshot, for messages.
    fn snapshot(&self) -> String;
    /// A journal, for messages.
    fn journal(&self, index: usize) -> String;
    /// The error for a damaged snapshot.
    fn damaged_snapshot(&self, what: String) -> StoreError;
    /// The error for a damaged line, from 1, of a journal.
    fn damaged_line(&self, index: usize, line: usize, what: String) -> StoreError;
}

/// Replays what a store holds.
pub(crate) struct Replay<'a> {
    /// Whose state it must be.
    pub(crate) owner: &'a Owner,
    /// Where it comes from.
    pub(crate) places: &'a dyn Places,
    /// What opens its secrets; none when there is no data key.
    pub(crate) keys: &'a [Key],
}

/// What a replay yields.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The state, if there is one.
    pub(crate) state: Option<State>,
    /// How many bytes of the last journal are good.
    pub(crate) length: u64,
    /// How many bytes at the end of the last journal were cut off while they were written.
    pub(crate) torn: u64,
}

impl Replayed {
    /// The number of the last entry.
    pub(crate) fn sequence(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.serial)
    }

    /// What contradicts itself in the state. It is said and not refused: whoever cannot read a state can
    /// not mend it either.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        let problems = self.state.as_ref().map(State::integrity).unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| {
                format!(
                    "The state contradicts itself: {problem}. `mlflow-host state restore` goes back to the \
                     last snapshot; `mlflow-host state forget` takes a resource out."
                )
            })
            .collect()
    }
}

impl Replay<'_> {
    /// The state after the journals, which follow one another.
    pub(crate) fn run(&self, snapshot: Option<&[u8]>, journals: &[&[u8]]) -> Result<Replayed, StoreError> {
        let mut parsed = Vec::with_capacity(journals.len());
        for (index, content) in journals.iter().enumerate() {
            let damaged = |line| {
                self.places.damaged_line(index, line, "its checksum does not fit what it says".to_owned())
            };
            let journal = journal::read(content).map_err(|BadLine(line)| damaged(line))?;
            // Only the end of the last one can have been in writing.
            if journal.torn > 0 && index + 1 < journals.len() {
                return Err(damaged(journal.entries.len() + 1));
            }
            parsed.push(journal);
        }
        let mut state = snapshot.map(|content| self.snapshot(content)).transpose()?;
        let mut previous = None;
        for (index, journal) in parsed.iter().enumerate() {
            for (line, entry) in &journal.entries {
                let base = state.as_ref().map_or(0, |state| state.serial);
                let expected =
                    previous.map_or_else(|| entry.sequence.min(base + 1), |sequence: u64| sequence + 1);
                if entry.sequence != expected {
                    let what = format!("it holds entry {} where entry {expected} belongs", entry.sequence);
                    return Err(self.places.damaged_line(index, *line, what));
                }
                previous = Some(expected);
                if expected > base {
                    self.entry((index, *line), entry, &mut state)?;
                }
            }
        }
        let last = parsed.last();
        Ok(Replayed {
            state,
            length: last.map_or(0, |journal| journal.length),
            torn: last.map_or(0, |journal| journal.torn),
        })
    }

    fn snapshot(&self, content: &[u8]) -> Result<State, StoreError> {
        let damaged = |what| self.places.damaged_snapshot(what);
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let envelope = envelope::unwrap("state", line)
            .ok_or_else(|| damaged("its checksum does not fit what it says".to_owned()))?;
        let place = self.places.snapshot();
        document::check_format(&place, envelope.document)?;
        let state: State = document::open(self.keys, envelope.document, damaged)?;
        if state.serial != envelope.sequence {
            return Err(damaged("its numbers contradict each other".to_owned()));
        }
        self.owner.check(&place, &state.stack, &state.target)?;
        Ok(state)
    }

    fn entry(
        &self,
        (index, line): (usize, usize),
        envelope: &Envelope<'_>,
        state: &mut Option<State>,
    ) -> Result<(), StoreError> {
        let damaged = |what| self.places.damaged_line(index, line, what);
        let place = self.places.journal(index);
        document::check_format(&place, envelope.document)?;
        let entry: Entry = document::open(self.keys, envelope.document, damaged)?;
        match (&entry, state.as_ref()) {
            (Entry::Genesis { stack, target, seed, .. }, None) => {
                self.owner.check(&place, stack, target)?;
                *state = Some(State::new(stack, target.clone(), seed.clone()));
            }
            (Entry::Replaced { state: other }, Some(_)) => {
                self.owner.check(&place, &other.stack, &other.target)?;
            }
            (_, Some(_)) => {}
            (_, None) => return Err(damaged("it is not the beginning of a state".to_owned())),
        }
        if let Some(state) = state {
            state.apply(entry);
        }
        Ok(())
    }
}

/// Entries as journal lines, the first one numbered `first`.
pub(crate) fn lines(key: &Key, first: u64, entries: &[Entry]) -> Result<String, StoreError> {
    let mut text = String::new();
    for (entry, sequence) in entries.iter().zip(first..) {
        text.push_str(&envelope::wrap("entry", sequence, &document::seal(key, entry)?));
    }
    Ok(text)
}

/// A state as a snapshot.
pub(crate) fn snapshot(key: &Key, state: &State) -> Result<String, StoreError> {
    Ok(envelope::wrap("state", state.serial, &document::seal(key, state)?))
}
