//! What a stack program declared, whole.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{Asset, AssetDigest, Diagnostic, Expression, Resource, Urn};

/// A named group of resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// The component's type, e.g., `mlflow:server`.
    pub kind: String,
    /// Its name, unique in the stack.
    pub name: String,
    /// The component around it, by name.
    pub parent: Option<String>,
}

/// Everything that a stack declared, in the order of declaration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// The resources.
    pub resources: Vec<Resource>,
    /// The components.
    pub components: Vec<Component>,
    /// The outputs, by name.
    pub outputs: BTreeMap<String, Expression>,
    /// The assets, by digest.
    pub assets: BTreeMap<AssetDigest, Asset>,
}

impl Graph {
    /// The positions of the resources in an order in which every resource follows those it needs:
    /// the order of declaration as far as that allows.
    ///
    /// # Errors
    /// One diagnostic that names the resources of a cycle, or a dependency that is not declared.
    pub fn order(&self) -> Result<Vec<usize>, Diagnostic> {
        let positions: HashMap<&Urn, usize> =
            self.resources.iter().enumerate().map(|(position, resource)| (&resource.urn, position)).collect();
        let mut needs = Vec::with_capacity(self.resources.len());
        for resource in &self.resources {
            let mut needed = Vec::new();
            for urn in resource.dependencies() {
                needed.push(*positions.get(&urn).ok_or_else(|| {
                    Diagnostic::error(
                        "unknown-dependency",
                        format!("It depends on `{urn}`, which is not declared."),
                    )
                    .about(resource.urn.to_string())
                })?);
            }
            needs.push(needed);
        }
        depth_first(&needs).map_err(|cycle| {
            let names: Vec<_> =
                cycle.iter().map(|&position| format!("`{}`", self.resources[position].urn)).collect();
            Diagnostic::error(
                "dependency-cycle",
                format!("The resources depend on each other in a circle: {}.", names.join(" → ")),
            )
        })
    }
}

/// Topological order by depth-first search without recursion. `Err` is a cycle, first = last.
fn depth_first(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Finished,
    }
    let mut marks = vec![Mark::New; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    for start in 0..needs.len() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if marks[start] == Mark::New {
            marks[start] = Mark::Open;
            path.push((start, 0));
        }
        while let Some((position, next)) = path.last_mut() {
            match needs[*position].get(*next).copied() {
                None => {
                    marks[*position] = Mark::Finished;
                    order.push(*position);
                    path.pop();
                }
                Some(needed) => {
                    *next += 1;
                    match marks[needed] {
                        Mark::Finished => {}
                        Mark::New => {
                            marks[needed] = Mark::Open;
                            path.push((needed, 0));
                        }
                        Mark::Open => {
                            let from = path.iter().position(|(open, _)| *open == needed).unwrap_or(0);
                            let mut cycle: Vec<_> = path[from..].iter().map(|(open, _)| *open).collect();
                            cycle.push(needed);
                            return Err(cycle);
                        }
                    }
                }
            }
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Options, Role};

    fn resource(name: &str, depends_on: &[&str]) -> Resource {
        let urn = |name: &str| format!("std/Value::{name}").parse::<Urn>().unwrap();
        Resource {
            urn: urn(name),
            role: Role::Managed,
            parent: None,
            properties: crate::PropertyMap::new(),
            options: Options {
                depends_on: depends_on.iter().map(|name| urn(name)).collect(),
                ..Options::default()
            },
        }
    }

    #[test]
    fn a_cycle_is_named() {
        let graph = Graph {
            resources: vec![resource("a", &["b"]), resource("b", &["c"]), resource("c", &["b"])],
            ..Graph::default()
        };
        assert_eq!(
            graph.order().unwrap_err().message,
            "The resources depend on each other in a circle: `std/Value::b` → `std/Value::c` → `std/Value::b`."
        );
    }

    #[test]
    fn a_dependency_that_is_not_declared_is_named() {
        let graph = Graph { resources: vec![resource("a", &["z"])], ..Graph::default() };
        assert_eq!(
            graph.order().unwrap_err().to_string(),
            "std/Value::a: It depends on `std/Value::z`, which is not declared."
        );
    }

    proptest! {
        #[test]
        fn needs_come_first(edges in prop::collection::vec(prop::collection::vec(0usize..1000, 0..4), 1..60)) {
            let needs: Vec<Vec<usize>> = edges
                .iter()
                .enumerate()
                .map(|(position, raw)| if position == 0 { vec![] } else { raw.iter().map(|edge| edge % position).collect() })
                .collect();
            let order = depth_first(&needs).unwrap();
            let rank: HashMap<usize, usize> = order.iter().enumerate().map(|(rank, position)| (*position, rank)).collect();
            prop_assert_eq!(order.len(), needs.len());
            for (position, needed) in needs.iter().enumerate() {
                for need in needed {
                    prop_assert!(rank[need] < rank[&position]);
                }
            }
        }
    }
}
