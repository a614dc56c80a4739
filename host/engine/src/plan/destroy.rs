//! Deletions: of a whole stack, of what is no longer declared, and of what has been replaced.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Diagnostic, Urn, Value};

use crate::plan::build::circle;
use crate::plan::group::group;
use crate::plan::order::{Draft, operations, reaches};
use crate::plan::{Action, Plan, PlanContext, Step};
use crate::provider::Provider;
use crate::record::{Recorded, State};

/// Plans the deletion of everything that is recorded, or of the part that is selected.
///
/// # Errors
/// The resources that are protected, and targets that do not exist.
pub fn plan_destroy(state: &State, context: &PlanContext<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let selection = context.selection;
    let problems = selection.check(state.resources.keys());
    if !problems.is_empty() {
        return Err(problems);
    }
    let kept = if selection.except_protected { protected_and_needed(state) } else { BTreeSet::new() };
    let mut deletions = Deletions::default();
    for recorded in state.resources.values().filter(|recorded| !kept.contains(&recorded.urn)) {
        deletions.add(recorded, Action::Delete, None);
    }
    for recorded in &state.condemned {
        deletions.add(recorded, Action::DeleteReplaced, None);
    }
    let mut drafts = Vec::new();
    deletions.draft(state, context.provider, &mut drafts, &HashMap::new());
    let drafts = selection.narrow(drafts);
    let protected = |draft: &Draft| {
        let recorded = state.find(&draft.step.urn, draft.step.generation)?;
        let message = "It is protected. Set `protect` to false in the program and run `up` first, or destroy the rest with `--except-protected`.";
        recorded
            .hints
            .protect
            .then(|| Diagnostic::error("protected", message).about(recorded.urn.to_string()))
    };
    let problems: Vec<_> = drafts.iter().filter_map(protected).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let groups = group(&drafts);
    let mut plan = Plan { partial: selection.is_partial(), ..Plan::default() };
    operations(drafts, groups, &mut plan).map_err(|stuck| vec![circle(&stuck)])?;
    Ok(plan)
}

/// Protected resources and everything that they need.
fn protected_and_needed(state: &State) -> BTreeSet<Urn> {
    let protected = state.resources.values().filter(|recorded| recorded.hints.protect);
    let mut stack: Vec<&Urn> = protected.map(|recorded| &recorded.urn).collect();
    let mut kept = BTreeSet::new();
    while let Some(urn) = stack.pop() {
        if let Some(recorded) = state.resources.get(urn).filter(|_| kept.insert(urn.clone())) {
            stack.extend(&recorded.hints.dependencies);
        }
    }
    kept
}

/// Resources that are to go.
#[derive(Default)]
pub(crate) struct Deletions {
    doomed: Vec<Doomed>,
}

struct Doomed {
    recorded: Recorded,
    action: Action,
    /// For a replaced resource: the draft of its replacement, and whether the deletion comes first.
    replacement: Option<(usize, bool)>,
}

impl Deletions {
    pub(crate) fn add(&mut self, recorded: &Recorded, action: Action, replacement: Option<(usize, bool)>) {
        self.doomed.push(Doomed { recorded: recorded.clone(), action, replacement });
    }

    /// Adds a draft for each deletion. `changed` are the drafts that make or change resources.
    ///
    /// A resource goes after everything that was recorded as needing it: after the deletion of what goes
    /// too, and after the change of what stays. What lives in a container that goes as well is not
    /// deleted but forgotten once the container is gone, as Google deletes it with the container.
    pub(crate) fn draft(
        &self,
        state: &State,
        provider: &dyn Provider,
        drafts: &mut Vec<Draft>,
        changed: &HashMap<Urn, usize>,
    ) {
        let first = drafts.len();
        let position_of_identity: HashMap<&str, usize> = self
            .doomed
            .iter()
            .enumerate()
            .filter(|(_, doomed)| !doomed.recorded.hints.retain_on_delete)
            .map(|(position, doomed)| (doomed.recorded.identity.as_str(), position))
            .collect();
        let container = |position: usize| {
            let identity = self.doomed[position].recorded.hints.container.as_deref()?;
            position_of_identity.get(identity).copied().filter(|found| *found != position)
        };
        // The deletion that really removes each resource: its own, or that of its outermost container.
        let carrier = |mut position: usize| {
            for _ in 0..self.doomed.len() {
                match container(position) {
                    Some(outer) => position = outer,
                    None => break,
                }
            }
            position
        };
        let mut positions: BTreeMap<&Urn, Vec<usize>> = BTreeMap::new();
        for (position, doomed) in self.doomed.iter().enumerate() {
            positions.entry(&doomed.recorded.urn).or_default().push(position);
        }
        let mut needs: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.doomed.len()];

        // What was recorded as needing a doomed resource comes before its deletion.
        for dependent in state.all() {
            let own = positions.get(&dependent.urn).and_then(|candidates| {
                candidates.iter().copied().find(|position| {
                    self.doomed[*position].recorded.hints.generation == dependent.hints.generation
                })
            });
            for needed in &dependent.hints.dependencies {
                for target in positions.get(needed).into_iter().flatten().copied() {
                    let target = carrier(target);
                    match own {
                        Some(own) if carrier(own) != target => {
                            needs[target].insert(first + carrier(own));
                        }
                        Some(_) => {}
                        None => {
                            // Unless the dependent will need the replacement of what goes first.
                            let waits = |change: usize| match self.doomed[target].replacement {
                                Some((created, true)) => reaches(drafts, change, created),
                                _ => false,
                            };
                            if let Some(change) =
                                changed.get(&dependent.urn).filter(|change| !waits(**change))
                            {
                                needs[target].insert(*change);
                            }
                        }
                    }
                }
            }
        }
        for (position, doomed) in self.doomed.iter().enumerate() {
            if let Some(outer) = container(position) {
                needs[position].insert(first + carrier(outer));
            }
            match doomed.replacement {
                Some((created, true)) => {
                    drafts[created].needs.insert(first + carrier(position));
                }
                Some((created, false)) => {
                    needs[position].insert(created);
                }
                None => {}
            }
        }
        for (position, doomed) in self.doomed.iter().enumerate() {
            let recorded = &doomed.recorded;
            let (action, reason) = if let Some(outer) = container(position) {
                (Action::Forget, format!("it goes with `{}`", self.doomed[outer].recorded.urn))
            } else if recorded.hints.retain_on_delete {
                (Action::Forget, "it is kept in the cloud (`retainOnDelete`)".to_owned())
            } else {
                (doomed.action, String::new())
            };
            let expected = match action {
                Action::Forget => 0,
                _ => provider.durations(recorded.urn.kind()).delete.as_millis(),
            };
            drafts.push(Draft {
                action,
                step: Step {
                    urn: recorded.urn.clone(),
                    generation: recorded.hints.generation,
                    reason,
                    changes: Vec::new(),
                    inputs: Value::empty_map(),
                    predicted: Map::new(),
                    identity: Some(recorded.identity.clone()),
                },
                needs: std::mem::take(&mut needs[position]),
                expected_milliseconds: u64::try_from(expected).unwrap_or(u64::MAX),
                lock: recorded.hints.lock.clone(),
                group: recorded.hints.group.clone().filter(|_| action != Action::Forget),
            });
        }
    }
}
