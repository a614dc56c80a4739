//! Which part of a plan is wanted.

use std::collections::BTreeSet;

use mlflow_host_graph::{Diagnostic, Urn};

use crate::plan::order::{Draft, reaches};

/// Which operations are wanted, and which replacements are asked for. The default is: all, none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these resources, and what they need. All when empty.
    pub targets: BTreeSet<Urn>,
    /// None of these resources, and nothing that needs them.
    pub excludes: BTreeSet<Urn>,
    /// With the targets also everything that needs them.
    pub dependents: bool,
    /// Replace these resources even though nothing has changed.
    pub replace: BTreeSet<Urn>,
    /// When destroying, leave protected resources, and what they need, where they are.
    pub except_protected: bool,
}

impl Selection {
    /// Whether only part of the stack is wanted.
    pub fn is_partial(&self) -> bool {
        !self.targets.is_empty() || !self.excludes.is_empty() || self.except_protected
    }

    /// Complaints about URNs that no resource has, with the nearest that one has.
    pub(crate) fn check<'a>(&self, known: impl Iterator<Item = &'a Urn>) -> Vec<Diagnostic> {
        let known: BTreeSet<&Urn> = known.collect();
        let asked = self.targets.iter().chain(&self.excludes).chain(&self.replace);
        asked
            .filter(|urn| !known.contains(urn))
            .map(|urn| {
                let text = urn.to_string();
                let score = |candidate: &&&Urn| strsim::jaro_winkler(&candidate.to_string(), &text);
                let nearest = known.iter().max_by(|left, right| score(left).total_cmp(&score(right)));
                let advice = nearest.map_or_else(String::new, |urn| format!(" Did you mean `{urn}`?"));
                Diagnostic::error("unknown-target", format!("The stack has no resource `{text}`.{advice}"))
            })
            .collect()
    }

    /// The drafts that are wanted: those asked for, with everything that they wait for.
    pub(crate) fn narrow(&self, drafts: Vec<Draft>) -> Vec<Draft> {
        if !self.is_partial() {
            return drafts;
        }
        let is_target = |position: usize| self.targets.contains(&drafts[position].step.urn);
        let is_excluded = |position: usize| self.excludes.contains(&drafts[position].step.urn);
        let all = 0..drafts.len();
        let targets: Vec<usize> = all.clone().filter(|position| is_target(*position)).collect();
        let excluded: Vec<usize> = all.clone().filter(|position| is_excluded(*position)).collect();
        let any_reached =
            |position: usize, goals: &[usize]| goals.iter().any(|goal| reaches(&drafts, position, *goal));
        let wanted: Vec<usize> = all
            .clone()
            .filter(|position| {
                let asked = self.targets.is_empty()
                    || targets.iter().any(|target| reaches(&drafts, *target, *position))
                    || (self.dependents && any_reached(*position, &targets));
                asked && !any_reached(*position, &excluded)
            })
            .collect();
        // With dependents come the other things that those wait for.
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        let mut stack = wanted;
        while let Some(position) = stack.pop() {
            if !any_reached(position, &excluded) && kept.insert(position) {
                stack.extend(&drafts[position].needs);
            }
        }
        let place = |position: &usize| kept.iter().position(|kept| kept == position);
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        kept.iter()
            .filter_map(|position| drafts[*position].take())
            .map(|draft| Draft { needs: draft.needs.iter().filter_map(place).collect(), ..draft })
            .collect()
    }
}
