//! Planning `up`: what was declared against what is recorded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Diagnostic, Graph, Resource, Role, Urn, Value};

use crate::plan::destroy::Deletions;
use crate::plan::evaluate::{Evaluated, Known, StateScope, evaluate_resource};
use crate::plan::group::group;
use crate::plan::order::{Draft, operations, reaches};
use crate::plan::rename::renames;
use crate::plan::{Action, Change, ChangeKind, Plan, PlanContext, References, Step};
use crate::provider::{Declaration, Found, RecordHints, Resolved};
use crate::record::{Recorded, State};

/// Plans what it takes to make the cloud match the graph. Nothing is sent.
///
/// # Errors
/// Everything that is wrong with the declarations, together.
pub fn plan(graph: &Graph, state: &State, context: &PlanContext<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let order = graph.order().map_err(|problem| vec![problem])?;
    let renamed = renames(graph, state)?;
    let renamed_state = (!renamed.is_empty()).then(|| {
        let mut state = state.clone();
        for (from, to) in &renamed {
            state.rename(from, to.clone());
        }
        state
    });
    let mut planner = Planner {
        state: renamed_state.as_ref().unwrap_or(state),
        context,
        known: HashMap::with_capacity(order.len()),
        lookups: BTreeSet::new(),
        drafts: Vec::new(),
        draft_of: HashMap::new(),
        deletions: Deletions::default(),
        replaced: BTreeMap::new(),
        plan: Plan { renamed, partial: context.selection.is_partial(), ..Plan::default() },
        problems: context
            .selection
            .check(graph.resources.iter().map(|resource| &resource.urn).chain(state.resources.keys())),
    };
    for position in order {
        planner.take(&graph.resources[position]);
    }
    planner.delete_what_is_not_declared(graph);
    planner.finish(graph)
}

struct Planner<'a> {
    state: &'a State,
    context: &'a PlanContext<'a>,
    /// What references to each resource will find.
    known: HashMap<Urn, Known>,
    /// The resources that are read, not managed: nothing of them is recorded.
    lookups: BTreeSet<Urn>,
    drafts: Vec<Draft>,
    /// The draft that makes or changes each resource.
    draft_of: HashMap<Urn, usize>,
    deletions: Deletions,
    /// The resources that are replaced, by their present identities.
    replaced: BTreeMap<String, Replaced>,
    plan: Plan,
    problems: Vec<Diagnostic>,
}

struct Replaced {
    urn: Urn,
    /// The draft of the replacement.
    draft: usize,
    deleted_first: bool,
}

impl Planner<'_> {
    fn problem(&mut self, urn: &Urn, code: &str, message: impl Into<String>) {
        self.problems.push(Diagnostic::error(code, message).about(urn.to_string()));
    }

    fn take(&mut self, resource: &Resource) {
        if resource.role == Role::Lookup {
            self.lookups.insert(resource.urn.clone());
            let known = match self.context.lookups.get(&resource.urn) {
                Some(outputs) => Known::read(outputs.clone()),
                None => Known::nothing(),
            };
            self.known.insert(resource.urn.clone(), known);
            return;
        }
        // What is referred to after a failure is unknown, so that every resource is looked at.
        self.known.insert(resource.urn.clone(), Known::nothing());
        let recorded = self.state.resources.get(&resource.urn);
        let evaluated = {
            let known = |urn: &Urn| self.known.get(urn).map(Cow::Borrowed);
            let scope = StateScope { known: &known, secrets: self.context.secrets };
            evaluate_resource(resource, recorded, &scope)
        };
        let evaluated = match evaluated {
            Ok(evaluated) => evaluated,
            Err(error) => return self.problem(&resource.urn, "evaluate", error.to_string()),
        };
        let generation = recorded
            .map_or_else(|| self.state.next_generation(&resource.urn), |recorded| recorded.hints.generation);
        let Some(resolved) = self.resolve(&resource.urn, &evaluated, generation) else { return };
        match recorded {
            None => self.create(resource, resolved, generation),
            Some(recorded) => self.compare(resource, recorded, &evaluated, resolved),
        }
    }

    fn resolve(&mut self, urn: &Urn, evaluated: &Evaluated, generation: u32) -> Option<Resolved> {
        let suffix = self.state.suffix(generation);
        // A renamed resource keeps the name that was generated for it.
        let recorded = self.state.resources.get(urn);
        let named_after = recorded.and_then(|recorded| recorded.hints.named_after.as_ref()).unwrap_or(urn);
        let declaration =
            Declaration { urn: named_after, properties: &evaluated.properties, suffix: &suffix };
        match self.context.provider.resolve(&declaration) {
            Ok(resolved) => Some(resolved),
            Err(error) => {
                self.problem(urn, "resolve", error.message);
                None
            }
        }
    }

    fn create(&mut self, resource: &Resource, resolved: Resolved, generation: u32) {
        if let Some(found) = self.context.adopted.get(&resource.urn) {
            return self.adopt(resource, resolved, generation, found);
        }
        self.known.insert(resource.urn.clone(), planned(&resolved, Map::new()));
        let step = step(&resource.urn, generation, String::new(), Vec::new(), &resolved);
        self.draft(Action::Create, step, &resource.dependencies(), resolved);
    }

    /// Takes an existing resource in and, where it differs, brings it to what is declared.
    fn adopt(&mut self, resource: &Resource, resolved: Resolved, generation: u32, found: &Found) {
        let urn = &resource.urn;
        let drift = self.context.provider.drift(urn.kind(), &resolved.inputs, &found.outputs);
        let fixed: Vec<_> = drift.iter().filter(|change| change.kind == ChangeKind::Replace).collect();
        if !fixed.is_empty() {
            let differences: Vec<_> = fixed
                .iter()
                .map(|change| {
                    let (declared, real) = (change.old.to_shown_json(), change.new.to_shown_json());
                    format!("`{}` is {real}, not {declared}", change.path)
                })
                .collect();
            let message = format!(
                "`{}` cannot become what is declared without being replaced: {}. Declare it as it is.",
                found.identity,
                differences.join("; ")
            );
            return self.problem(urn, "adopt", message);
        }
        let changes: Vec<Change> =
            drift.into_iter().map(|change| Change { old: change.new, new: change.old, ..change }).collect();
        let outputs = found.outputs.as_map().cloned().unwrap_or_default();
        self.known.insert(urn.clone(), planned(&resolved, outputs.clone()));
        let adopted = Step {
            predicted: outputs,
            identity: Some(found.identity.clone()),
            ..step(urn, generation, format!("`{}` exists", found.identity), Vec::new(), &resolved)
        };
        let dependencies = resource.dependencies();
        let position = self.draft(Action::Adopt, adopted, &dependencies, Resolved::default());
        if !changes.is_empty() {
            let reason = "it differs from what is declared".to_owned();
            let mut update = step(urn, generation, reason, changes, &resolved);
            update.identity = Some(found.identity.clone());
            let updated = self.draft(Action::Update, update, &dependencies, resolved);
            self.drafts[updated].needs.insert(position);
        }
    }

    fn compare(
        &mut self,
        resource: &Resource,
        recorded: &Recorded,
        evaluated: &Evaluated,
        resolved: Resolved,
    ) {
        let urn = &resource.urn;
        let changes = self.context.provider.compare(urn.kind(), &recorded.inputs, &resolved.inputs);
        if let Some(reason) = self.reason_to_replace(recorded, evaluated, &changes) {
            return self.replace(resource, recorded, evaluated, changes, reason);
        }
        if changes.is_empty() && !recorded.unsettled {
            self.known.insert(urn.clone(), Known::from(recorded));
            self.plan.unchanged.insert(urn.clone());
            let managed = |urn: &Urn| !self.lookups.contains(urn);
            let generation = recorded.hints.generation;
            let hints = hints(resource, Some(recorded), generation, evaluated, &resolved, &managed);
            if hints != recorded.hints {
                self.plan.bookkeeping.insert(urn.clone());
            }
            return;
        }
        let stable = self.context.provider.stable_outputs(urn.kind(), &recorded.outputs);
        self.known.insert(urn.clone(), planned(&resolved, stable));
        let reason = if changes.is_empty() { "its last operation did not end well" } else { "" };
        let mut step = step(urn, recorded.hints.generation, reason.to_owned(), changes, &resolved);
        step.identity = Some(recorded.identity.clone());
        self.draft(Action::Update, step, &resource.dependencies(), resolved);
    }

    fn reason_to_replace(
        &self,
        recorded: &Recorded,
        evaluated: &Evaluated,
        changes: &[Change],
    ) -> Option<String> {
        if self.context.selection.replace.contains(&recorded.urn) {
            return Some("it was asked for".to_owned());
        }
        let container = recorded.hints.container.as_ref().and_then(|identity| self.replaced.get(identity));
        if let Some(Replaced { urn: container, .. }) = container {
            return Some(format!("it lives in `{container}`, which is replaced"));
        }
        let immutable: Vec<_> = changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Replace)
            .map(|change| format!("`{}`", change.path))
            .collect();
        if !immutable.is_empty() {
            return Some(format!("{} cannot be changed in place", immutable.join(", ")));
        }
        (evaluated.replace_on != recorded.hints.replace_on)
            .then(|| "a value that it is replaced on has changed".to_owned())
    }

    fn replace(
        &mut self,
        resource: &Resource,
        recorded: &Recorded,
        evaluated: &Evaluated,
        changes: Vec<Change>,
        reason: String,
    ) {
        let urn = &resource.urn;
        if resource.options.protect || recorded.hints.protect {
            let message = format!(
                "It is protected and would have to be replaced: {reason}. Undo the change, or set `protect` to false and run `up` first."
            );
            return self.problem(urn, "protected", message);
        }
        let generation = self.state.next_generation(urn);
        let Some(resolved) = self.resolve(urn, evaluated, generation) else { return };
        let same_place = match &resolved.identity {
            Some(identity) => *identity == recorded.identity,
            None => resolved.name_is_fixed,
        };
        // What is made after something that goes first must itself go before that.
        let follows_one_deleted_first = self.replaced.values().any(|replaced| {
            replaced.deleted_first
                && recorded.hints.dependencies.contains(&replaced.urn)
                && resource.dependencies().iter().any(|needed| {
                    self.draft_of
                        .get(needed)
                        .is_some_and(|draft| reaches(&self.drafts, *draft, replaced.draft))
                })
        });
        let deleted_first = resource.options.delete_first || same_place || follows_one_deleted_first;
        self.known.insert(urn.clone(), planned(&resolved, Map::new()));
        let step = step(urn, generation, reason, changes, &resolved);
        let draft = self.draft(Action::Replace, step, &resource.dependencies(), resolved);
        self.deletions.add(recorded, Action::DeleteReplaced, Some((draft, deleted_first)));
        self.replaced.insert(recorded.identity.clone(), Replaced { urn: urn.clone(), draft, deleted_first });
    }

    fn draft(
        &mut self,
        action: Action,
        step: Step,
        dependencies: &BTreeSet<Urn>,
        resolved: Resolved,
    ) -> usize {
        let durations = self.context.provider.durations(step.urn.kind());
        let expected = match action {
            Action::Update => durations.update,
            Action::Adopt => std::time::Duration::ZERO,
            _ => durations.create,
        };
        self.draft_of.insert(step.urn.clone(), self.drafts.len());
        self.drafts.push(Draft {
            action,
            needs: dependencies.iter().filter_map(|urn| self.draft_of.get(urn).copied()).collect(),
            step,
            expected_milliseconds: u64::try_from(expected.as_millis()).unwrap_or(u64::MAX),
            lock: resolved.lock,
            group: resolved.group,
        });
        self.drafts.len() - 1
    }

    fn delete_what_is_not_declared(&mut self, graph: &Graph) {
        let declared: BTreeSet<&Urn> = graph
            .resources
            .iter()
            .filter(|resource| resource.role == Role::Managed)
            .map(|resource| &resource.urn)
            .collect();
        for recorded in self.state.resources.values().filter(|recorded| !declared.contains(&recorded.urn)) {
            if recorded.hints.protect {
                let message = "It is protected and no longer declared. Declare it again, or release it with `mlflow-host state forget`.";
                self.problem(&recorded.urn, "protected", message);
            }
            self.deletions.add(recorded, Action::Delete, None);
        }
        for recorded in &self.state.condemned {
            self.deletions.add(recorded, Action::DeleteReplaced, None);
        }
    }

    fn finish(mut self, graph: &Graph) -> Result<Plan, Vec<Diagnostic>> {
        self.deletions.draft(self.state, self.context.provider, &mut self.drafts, &self.draft_of);
        let outputs = {
            let known = |urn: &Urn| self.known.get(urn).map(Cow::Borrowed);
            let scope = StateScope { known: &known, secrets: self.context.secrets };
            let evaluate = |(name, expression): (&String, &mlflow_host_graph::Expression)| {
                expression.evaluate(&scope).map(|value| (name.clone(), value)).map_err(|error| {
                    Diagnostic::error("evaluate", error.to_string()).about(format!("output `{name}`"))
                })
            };
            self.plan.references = References::of(graph, &scope);
            graph.outputs.iter().map(evaluate).collect::<Vec<_>>()
        };
        for output in outputs {
            match output {
                Ok((name, value)) => {
                    self.plan.outputs.insert(name, value);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        let drafts = self.context.selection.narrow(self.drafts);
        if self.plan.partial {
            self.plan.bookkeeping.clear();
        }
        let groups = group(&drafts);
        if let Err(stuck) = operations(drafts, groups, &mut self.plan) {
            self.problems.push(circle(&stuck));
        }
        if self.problems.is_empty() { Ok(self.plan) } else { Err(self.problems) }
    }
}

/// Deletions and replacements that wait for each other: possible only when the order of the program
/// contradicts the recorded one.
pub(crate) fn circle(stuck: &[Step]) -> Diagnostic {
    let names: Vec<_> = stuck.iter().map(|step| format!("`{}`", step.urn)).collect();
    Diagnostic::error(
        "operation-cycle",
        format!(
            "These changes would wait for each other: {}. Apply them in two steps: first without the new dependency, then with it.",
            names.join(", ")
        ),
    )
}

/// What references find of a resource that will be made or changed.
fn planned(resolved: &Resolved, stable: Map) -> Known {
    let predicted = Value::Map(resolved.predicted.clone());
    Known { outputs: predicted.over(Value::Map(stable)), inputs: resolved.inputs.clone(), complete: false }
}

fn step(urn: &Urn, generation: u32, reason: String, changes: Vec<Change>, resolved: &Resolved) -> Step {
    Step {
        urn: urn.clone(),
        generation,
        reason,
        changes,
        inputs: resolved.inputs.clone(),
        predicted: resolved.predicted.clone(),
        identity: resolved.identity.clone(),
    }
}

/// What will be recorded of a resource besides inputs and outputs.
pub(crate) fn hints(
    resource: &Resource,
    recorded: Option<&Recorded>,
    generation: u32,
    evaluated: &Evaluated,
    resolved: &Resolved,
    is_managed: &dyn Fn(&Urn) -> bool,
) -> RecordHints {
    RecordHints {
        dependencies: resource.dependencies().into_iter().filter(is_managed).collect(),
        generation,
        container: resolved.container.clone(),
        group: resolved.group.clone(),
        lock: resolved.lock.clone(),
        protect: resource.options.protect,
        retain_on_delete: resource.options.retain_on_delete,
        replace_on: evaluated.replace_on.clone(),
        named_after: recorded.and_then(|recorded| recorded.hints.named_after.clone()),
    }
}
