//! What has happened to recorded resources behind the stack's back.

use std::collections::BTreeSet;

use mlflow_host_graph::Urn;

use crate::plan::put;
use crate::provider::{Change, Provider, RecordHints, Wanted};
use crate::record::{Entry, State};

/// How a resource in the cloud differs from its record.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// It is no longer there.
    Gone,
    /// Declared properties were changed; `old` is what is recorded, `new` what is there.
    Changed(Vec<Change>),
    /// It could not be read; a sentence says why. Its record stays as it is.
    Unreadable(String),
}

/// One resource that has drifted.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Which.
    pub urn: Urn,
    /// How.
    pub difference: Difference,
}

/// What a refresh has found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refreshed {
    /// The resources that differ, in order of their URNs.
    pub drifts: Vec<Drift>,
    /// What brings the state up to date. Append them to the store and apply them to the state.
    pub entries: Vec<Entry>,
}

/// Reads every recorded resource as it is now. Only declared properties count as drift; attributes are
/// brought up to date in silence.
pub async fn refresh(state: &State, provider: &dyn Provider) -> Refreshed {
    let recorded: Vec<_> =
        state.resources.values().filter(|recorded| !recorded.urn.kind().is_standard()).collect();
    let wanted: Vec<Wanted> = recorded
        .iter()
        .map(|recorded| Wanted {
            urn: recorded.urn.clone(),
            identity: recorded.identity.clone(),
            inputs: recorded.inputs.clone(),
        })
        .collect();
    let mut refreshed = Refreshed::default();
    let mut gone = Vec::new();
    for (recorded, answer) in recorded.into_iter().zip(provider.observe(&wanted).await) {
        let urn = recorded.urn.clone();
        match answer {
            Err(error) => {
                refreshed.drifts.push(Drift { urn, difference: Difference::Unreadable(error.message) });
            }
            Ok(None) => {
                gone.push((urn.clone(), recorded.hints.generation));
                refreshed.drifts.push(Drift { urn, difference: Difference::Gone });
            }
            Ok(Some(found)) => {
                let changes = provider.drift(urn.kind(), &recorded.inputs, &found.outputs);
                let mut inputs = recorded.inputs.clone();
                for change in &changes {
                    put(&mut inputs, change.path.segments(), change.new.clone());
                }
                if !changes.is_empty() || found.outputs != recorded.outputs {
                    let outputs = found.outputs;
                    refreshed.entries.push(Entry::Observed { urn: urn.clone(), inputs, outputs });
                }
                if !changes.is_empty() {
                    refreshed.drifts.push(Drift { urn, difference: Difference::Changed(changes) });
                }
            }
        }
    }
    if !gone.is_empty() {
        refreshed.entries.extend(bridges(state, &gone.iter().map(|(urn, _)| urn).collect()));
        refreshed.entries.push(Entry::Forget { resources: gone });
    }
    refreshed
}

/// Lets what needed a resource that is gone need what that one needed: no record points at what is not
/// recorded, and the order of deletions stays.
fn bridges(state: &State, gone: &BTreeSet<&Urn>) -> Vec<Entry> {
    let stays = state.all().filter(|recorded| !gone.contains(&recorded.urn));
    let affected = stays.filter(|recorded| recorded.hints.dependencies.iter().any(|urn| gone.contains(urn)));
    affected
        .map(|recorded| {
            let mut dependencies = BTreeSet::new();
            let mut seen = BTreeSet::new();
            let mut stack: Vec<&Urn> = recorded.hints.dependencies.iter().collect();
            while let Some(needed) = stack.pop() {
                if !gone.contains(needed) {
                    dependencies.insert(needed.clone());
                } else if seen.insert(needed) {
                    stack.extend(
                        state.resources.get(needed).into_iter().flat_map(|gone| &gone.hints.dependencies),
                    );
                }
            }
            let hints = RecordHints { dependencies, ..recorded.hints.clone() };
            Entry::Hints { urn: recorded.urn.clone(), hints }
        })
        .collect()
}
