//! Existing resources that are to be managed from now on.

use std::collections::BTreeMap;

use mlflow_host_graph::{Diagnostic, Graph, Role, Urn};

use crate::plan::{Action, Plan};
use crate::provider::{Found, Owner, Provider, Wanted};
use crate::record::State;

/// Reads what a plan could adopt instead of creating it: the resources that the program imports by name
/// and, with `adopt`, whatever has the identity of a resource that the plan would create.
///
/// Only what bears no mark of another stack can be adopted; what bears this stack's own mark always can. What
/// bears the mark of a stack of the same name was made with another state: it is adopted with `adopt` only.
///
/// What is found can tell the names of others: a plan that adopts it is to be asked again, until nothing more is
/// found. What is missing may have such a name, so that it is no error before.
///
/// # Errors
/// Imports that do not exist or belong to another stack, and resources that cannot be read.
pub async fn adoptable(
    graph: &Graph,
    state: &State,
    plan: &Plan,
    provider: &dyn Provider,
    adopt: bool,
) -> Result<BTreeMap<Urn, Found>, Vec<Diagnostic>> {
    let imports: BTreeMap<&Urn, &str> = graph
        .resources
        .iter()
        .filter(|resource| resource.role == Role::Managed && !state.resources.contains_key(&resource.urn))
        .filter_map(|resource| Some((&resource.urn, resource.options.import.as_deref()?)))
        .collect();
    let steps = plan.operations.iter().filter(|operation| operation.action == Action::Create);
    let wanted: Vec<Wanted> = steps
        .flat_map(|operation| &operation.steps)
        .filter(|step| !step.urn.kind().is_standard())
        .filter_map(|step| {
            let identity = match imports.get(&step.urn) {
                Some(identity) => Some((*identity).to_owned()),
                None => step.identity.clone().filter(|_| adopt),
            };
            Some(Wanted { urn: step.urn.clone(), identity: identity?, inputs: step.inputs.clone() })
        })
        .collect();
    let answers = if wanted.is_empty() { Vec::new() } else { provider.observe(&wanted).await };
    let mut found = BTreeMap::new();
    let (mut problems, mut missing) = (Vec::new(), Vec::new());
    for (wanted, answer) in wanted.into_iter().zip(answers) {
        let problem = |complaint: String| Diagnostic::error("adopt", complaint).about(wanted.urn.to_string());
        match answer {
            Ok(Some(existing)) => match &existing.owner {
                Owner::Other(stack) if *stack != state.stack => {
                    problems.push(problem(format!("`{}` belongs to the stack `{stack}`.", wanted.identity)));
                }
                Owner::Other(stack) if !adopt => problems.push(problem(format!(
                    "`{}` belongs to a stack `{stack}` too, but its state is another one. If that was lost, \
                     `--adopt` takes over what it has made.",
                    wanted.identity
                ))),
                Owner::Elsewhere(project) => problems.push(problem(format!(
                    "`{}` is somebody else's, in the project with the number {project}. Give yours another name.",
                    wanted.identity
                ))),
                Owner::Other(_) | Owner::Ours | Owner::Nobody => {
                    found.insert(wanted.urn, existing);
                }
            },
            Ok(None) if imports.contains_key(&wanted.urn) => {
                missing.push(problem(format!("There is no `{}` to import.", wanted.identity)));
            }
            Ok(None) => {}
            Err(error) => missing.push(problem(error.message)),
        }
    }
    if found.is_empty() {
        problems.append(&mut missing);
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}
