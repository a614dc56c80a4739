//! Renaming by aliases.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_graph::{Diagnostic, Graph, Urn};

use crate::record::State;

/// The recorded resources that the program declares under a new URN, by their old ones.
pub(crate) fn renames(graph: &Graph, state: &State) -> Result<BTreeMap<Urn, Urn>, Vec<Diagnostic>> {
    let declared: BTreeSet<&Urn> = graph.resources.iter().map(|resource| &resource.urn).collect();
    let mut renamed: BTreeMap<Urn, Urn> = BTreeMap::new();
    let mut problems = Vec::new();
    for resource in &graph.resources {
        let known = |alias: &&Urn| state.resources.contains_key(*alias);
        for alias in resource.options.aliases.iter().filter(known) {
            let complaint = if declared.contains(alias) {
                format!("Its alias `{alias}` is declared as a resource of its own.")
            } else if alias.kind() != resource.urn.kind() {
                format!("Its alias `{alias}` is of another kind.")
            } else if state.resources.contains_key(&resource.urn) {
                format!("It is recorded already, and so is its alias `{alias}`. Remove the alias.")
            } else if let Some(other) = renamed.insert(alias.clone(), resource.urn.clone()) {
                format!("Its alias `{alias}` is claimed by `{other}` too.")
            } else {
                continue;
            };
            problems.push(Diagnostic::error("alias", complaint).about(resource.urn.to_string()));
        }
    }
    if problems.is_empty() { Ok(renamed) } else { Err(problems) }
}
