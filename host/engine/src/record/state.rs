//! The state: what its entries come to.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_graph::{Urn, Value};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Entry, FORMAT, OpenOperation, PastRun, Recorded, Run, StateTarget};
use crate::provider::{Outcome, Request, RequestAction};

/// How many runs a state remembers.
const REMEMBERED_RUNS: usize = 100;

/// Everything that is remembered of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// See [`FORMAT`].
    pub format: u32,
    /// The stack's name.
    pub stack: String,
    /// Where it lives.
    pub target: StateTarget,
    /// Makes generated names unique to this stack and target.
    pub seed: String,
    /// How many entries have been applied.
    pub serial: u64,
    /// The resources that exist.
    pub resources: BTreeMap<Urn, Recorded>,
    /// Replaced resources that are still to be deleted.
    pub condemned: Vec<Recorded>,
    /// The generation that a resource will have when it is made again, if it was there before: names
    /// of deleted resources may be blocked for a while.
    #[serde(default)]
    pub retired: BTreeMap<Urn, u32>,
    /// Requests without an end, by id.
    pub open: BTreeMap<String, OpenOperation>,
    /// The outputs of the last complete `up`.
    #[serde(with = "mlflow_host_graph::value::revealing")]
    pub outputs: Value,
    /// The last run that began.
    pub last_run: Option<Run>,
    /// The last runs, the oldest first.
    #[serde(default)]
    pub history: Vec<PastRun>,
}

impl State {
    /// The state after a [`Entry::Genesis`].
    pub fn new(stack: &str, target: StateTarget, seed: String) -> Self {
        Self {
            format: FORMAT,
            stack: stack.to_owned(),
            target,
            seed,
            serial: 0,
            resources: BTreeMap::new(),
            condemned: Vec::new(),
            retired: BTreeMap::new(),
            open: BTreeMap::new(),
            outputs: Value::empty_map(),
            last_run: None,
            history: Vec::new(),
        }
    }

    /// A new seed: a letter and four letters or digits.
    pub fn fresh_seed() -> String {
        let mut bytes = [0; 5];
        rand::rng().fill_bytes(&mut bytes);
        letters_and_digits(&bytes)
    }

    /// What makes generated names unique: the seed itself at first, something derived from it for a
    /// replacement.
    pub fn suffix(&self, generation: u32) -> String {
        if generation == 0 {
            return self.seed.clone();
        }
        letters_and_digits(&Sha256::digest(format!("{}:{generation}", self.seed))[..5])
    }

    /// The generation of a resource that is made now.
    pub fn next_generation(&self, urn: &Urn) -> u32 {
        let above = self.versions(urn).map(|recorded| recorded.hints.generation + 1).max().unwrap_or(0);
        above.max(self.retired.get(urn).copied().unwrap_or(0))
    }

    /// The entry that makes this state from nothing.
    pub fn genesis(&self) -> Entry {
        Entry::Genesis {
            format: self.format,
            stack: self.stack.clone(),
            target: self.target.clone(),
            seed: self.seed.clone(),
        }
    }

    /// Takes an entry in. Entries about requests or resources that are not known are ignored, so that a
    /// cut journal still replays.
    pub fn apply(&mut self, entry: Entry) {
        self.serial += 1;
        match entry {
            Entry::Genesis { format, stack, target, seed } => {
                let (serial, history) = (self.serial, std::mem::take(&mut self.history));
                // What has been done stays known after all of it is gone.
                *self = Self { serial, format, history, ..Self::new(&stack, target, seed) };
            }
            Entry::Begin { run } => {
                self.history.push(PastRun { run: run.clone(), counts: None });
                let surplus = self.history.len().saturating_sub(REMEMBERED_RUNS);
                self.history.drain(..surplus);
                self.last_run = Some(run);
            }
            Entry::Intent { request } => {
                self.open.insert(request.id.clone(), OpenOperation { request, handle: None });
            }
            Entry::Started { request, handle } => {
                if let Some(open) = self.open.get_mut(&request) {
                    open.handle = Some(handle);
                }
            }
            Entry::Done { request, outcomes } => {
                if let Some(open) = self.open.remove(&request) {
                    self.finish(open.request, outcomes, false);
                }
            }
            Entry::Failed { request, left, .. } => {
                if let Some(open) = self.open.remove(&request)
                    && !left.is_empty()
                {
                    self.finish(open.request, left, true);
                }
            }
            Entry::Deferred { request, deferral } => {
                if let Some(open) = self.open.remove(&request) {
                    for target in open.request.targets {
                        if let Some(recorded) = self.recorded_mut(&target.urn, target.record.generation) {
                            recorded.deferred = Some(deferral.clone());
                        }
                    }
                }
            }
            Entry::Abandoned { request } => {
                self.open.remove(&request);
            }
            Entry::Set { resources } => {
                for recorded in resources {
                    self.resources.insert(recorded.urn.clone(), recorded);
                }
            }
            Entry::Forget { resources } => {
                for (urn, generation) in resources {
                    self.remove(&urn, generation);
                }
            }
            Entry::Rename { from, to } => self.rename(&from, to),
            Entry::Observed { urn, inputs, outputs } => {
                if let Some(recorded) = self.resources.get_mut(&urn) {
                    recorded.inputs = inputs;
                    recorded.outputs = outputs;
                }
            }
            Entry::Hints { urn, hints } => {
                if let Some(recorded) = self.recorded_mut(&urn, hints.generation) {
                    recorded.hints = hints;
                }
            }
            Entry::Condemn { urn } => {
                if let Some(recorded) = self.resources.remove(&urn) {
                    self.condemned.push(recorded);
                }
            }
            Entry::Replaced { state } => *self = Self { serial: self.serial, ..*state },
            Entry::Outputs { outputs } => self.outputs = outputs,
            Entry::End { run, counts } => {
                let ended = self.history.iter_mut().rev().find(|past| past.run.id == run);
                if let Some(past) = ended {
                    past.counts = Some(counts);
                }
            }
        }
    }

    /// Every resource, with those that are still to be deleted.
    pub fn all(&self) -> impl Iterator<Item = &Recorded> {
        self.resources.values().chain(&self.condemned)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.condemned.is_empty() && self.open.is_empty()
    }

    fn finish(&mut self, request: Request, outcomes: Vec<Outcome>, unsettled: bool) {
        match request.action {
            RequestAction::Delete if unsettled => {}
            RequestAction::Delete => {
                for target in request.targets {
                    self.remove(&target.urn, target.record.generation);
                }
            }
            RequestAction::Create | RequestAction::Update => {
                for (target, outcome) in request.targets.into_iter().zip(outcomes) {
                    let recorded = Recorded {
                        urn: target.urn.clone(),
                        identity: outcome.identity,
                        inputs: target.inputs,
                        outputs: outcome.outputs,
                        hints: target.record,
                        unsettled,
                        deferred: None,
                    };
                    if let Some(older) = self.resources.insert(target.urn, recorded) {
                        // A replacement was made beside what it replaces.
                        if request.action == RequestAction::Create {
                            self.condemned.push(older);
                        }
                    }
                }
            }
        }
    }

    /// Gives a resource a new URN, everywhere. Its name in the cloud stays.
    pub(crate) fn rename(&mut self, from: &Urn, to: Urn) {
        let Some(mut recorded) = self.resources.remove(from) else { return };
        recorded.urn = to.clone();
        recorded.hints.named_after.get_or_insert_with(|| from.clone());
        self.resources.insert(to.clone(), recorded);
        if let Some(generation) = self.retired.remove(from) {
            self.retired.insert(to.clone(), generation);
        }
        for recorded in self.condemned.iter_mut().filter(|recorded| recorded.urn == *from) {
            recorded.urn = to.clone();
        }
        for recorded in self.resources.values_mut().chain(&mut self.condemned) {
            if recorded.hints.dependencies.remove(from) {
                recorded.hints.dependencies.insert(to.clone());
            }
        }
    }

    fn recorded_mut(&mut self, urn: &Urn, generation: u32) -> Option<&mut Recorded> {
        self.resources
            .get_mut(urn)
            .into_iter()
            .chain(self.condemned.iter_mut().filter(|recorded| recorded.urn == *urn))
            .find(|recorded| recorded.hints.generation == generation)
    }

    fn remove(&mut self, urn: &Urn, generation: u32) {
        let next = self.retired.entry(urn.clone()).or_default();
        *next = (*next).max(generation + 1);
        if self.resources.get(urn).is_some_and(|recorded| recorded.hints.generation == generation) {
            self.resources.remove(urn);
        } else {
            self.condemned
                .retain(|recorded| !(recorded.urn == *urn && recorded.hints.generation == generation));
        }
    }

    /// The record of a resource in one generation.
    pub fn find(&self, urn: &Urn, generation: u32) -> Option<&Recorded> {
        self.versions(urn).find(|recorded| recorded.hints.generation == generation)
    }

    /// The records of a resource: as it is, and of what it replaces until that is deleted.
    fn versions(&self, urn: &Urn) -> impl Iterator<Item = &Recorded> {
        let replaced = self.condemned.iter().filter(move |recorded| recorded.urn == *urn);
        self.resources.get(urn).into_iter().chain(replaced)
    }

    /// What is wrong with the state itself: dependencies that it has never known. One that was deleted is to
    /// be made again, e.g., a replaced resource with a fixed name.
    pub fn integrity(&self) -> Vec<String> {
        let known: BTreeSet<&Urn> = self.all().map(|recorded| &recorded.urn).collect();
        self.all()
            .flat_map(|recorded| {
                recorded
                    .hints
                    .dependencies
                    .iter()
                    .filter(|urn| !known.contains(urn) && !self.retired.contains_key(*urn))
                    .map(move |urn| format!("`{}` depends on `{urn}`, which is not recorded", recorded.urn))
            })
            .collect()
    }
}

/// Text that is allowed in every name of Google's: a letter first, then letters and digits.
fn letters_and_digits(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes
        .iter()
        .enumerate()
        .map(|(position, byte)| {
            let choices = if position == 0 { 24 } else { 32 };
            char::from(ALPHABET[usize::from(*byte) % choices])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let target = StateTarget { cloud: "local".to_owned(), project: "demo".to_owned() };
        State::new("dev", target, "ab1cd".to_owned())
    }

    #[test]
    fn the_last_hundred_runs_are_remembered_with_what_came_of_them() {
        let mut state = state();
        for number in 0..103 {
            let run = Run { id: number.to_string(), command: "up".to_owned(), ..Run::default() };
            state.apply(Entry::Begin { run });
            if number != 101 {
                let counts = BTreeMap::from([("created".to_owned(), number)]);
                state.apply(Entry::End { run: number.to_string(), counts });
            }
        }
        assert_eq!(state.history.len(), 100);
        let told =
            |past: &PastRun| (past.run.id.clone(), past.counts.clone().map(|counts| counts["created"]));
        assert_eq!(told(&state.history[0]), ("3".to_owned(), Some(3)));
        assert_eq!(told(&state.history[98]), ("101".to_owned(), None));
        assert_eq!(told(&state.history[99]), ("102".to_owned(), Some(102)));
    }
}
