//! How much of what resources take from each other is known before anything is done.

use std::collections::{BTreeSet, HashSet};

use mlflow_host_graph::{Graph, Reference, Role, Scope};

/// The attributes that the managed resources and the outputs of a stack refer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct References {
    /// How many of them a plan knows.
    pub known: usize,
    /// Those that only an operation will tell, or an operation will tell in part.
    pub unknown: BTreeSet<Reference>,
}

impl References {
    /// Looks up each attribute once, however often it is referred to.
    pub(crate) fn of(graph: &Graph, scope: &dyn Scope) -> Self {
        let mut all = HashSet::new();
        let mut visit = |reference| {
            all.insert(reference);
        };
        for resource in graph.resources.iter().filter(|resource| resource.role == Role::Managed) {
            resource.properties.values().for_each(|property| property.visit_references(&mut visit));
        }
        graph.outputs.values().for_each(|output| output.visit_references(&mut visit));
        let (known, unknown): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|reference| scope.attribute(reference).is_ok_and(|value| !value.has_unknown()));
        Self { known: known.len(), unknown: unknown.into_iter().cloned().collect() }
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.known + self.unknown.len()
    }
}
