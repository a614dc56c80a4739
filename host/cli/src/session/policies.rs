//! Policies: what they see of a plan, and what they say of it.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_engine::{Action, Plan, Recorded, State};
use mlflow_host_graph::{Graph, Urn, Value};
use mlflow_host_program::ProgramError;
use serde_json::{Value as Json, json};

use super::{Session, program};
use crate::config::Policy;
use crate::failure::{Failure, Result};
use crate::files;
use crate::render::{Finding, Heading, change};

impl Session<'_> {
    /// Has every policy judge a plan. Nothing is shown but what the policies say.
    ///
    /// # Errors
    /// When a policy cannot be run, whatever its level: what nobody has judged is not carried out.
    pub(crate) async fn review(&self, heading: &Heading, plan: &Plan) -> Result<Vec<Finding>> {
        if self.config.policies.is_empty() {
            return Ok(Vec::new());
        }
        let sandbox = program::sandbox(None)?;
        let document = document(heading, plan, &self.graph, &self.state);
        let mut findings = Vec::new();
        for policy in &self.config.policies {
            let bytes = files::read_program(&policy.file).map_err(|error| unusable(policy, &error))?;
            let review =
                sandbox.review(bytes.into(), &document, &policy.parameters).await.map_err(|failure| {
                    program::show(&failure.logs, self.reporter);
                    match failure.error {
                        ProgramError::Failed(message) => unusable(policy, &message),
                        error => unusable(policy, &error),
                    }
                })?;
            program::show(&review.logs, self.reporter);
            findings.push(Finding {
                policy: policy.name.clone(),
                level: policy.level,
                digest: review.digest,
                violations: review.violations,
                more: review.more,
            });
        }
        Ok(findings)
    }
}

fn unusable(policy: &Policy, why: &dyn std::fmt::Display) -> Box<Failure> {
    let Policy { name, file, .. } = policy;
    let why = why.to_string();
    let why = why.trim_end_matches('.');
    Failure::new(format!("The policy `{name}` ({}) cannot judge the plan: {why}.", file.display()))
        .with_hint("Nothing has been changed: what a policy has not judged is not carried out.")
}

/// The plan as `wit/policy.wit` describes it. Secrets are masked.
fn document(heading: &Heading, plan: &Plan, graph: &Graph, state: &State) -> Json {
    let declared: BTreeMap<&Urn, bool> =
        graph.resources.iter().map(|resource| (&resource.urn, resource.options.protect)).collect();
    let is_protected = |urn: &Urn, recorded: Option<&Recorded>| {
        declared.get(urn).copied().unwrap_or_else(|| recorded.is_some_and(|recorded| recorded.hints.protect))
    };
    let resource =
        |urn: &Urn, action: Json, properties: &Value, protect: bool, changes: Vec<Json>, reason: &str| {
            json!({
                "urn": urn,
                "kind": urn.kind(),
                "name": urn.name(),
                "action": action,
                "properties": properties.to_shown_json(),
                "protect": protect,
                "changes": changes,
                "reason": reason,
            })
        };
    let mut touched = BTreeSet::new();
    let mut resources = Vec::new();
    for operation in &plan.operations {
        for step in &operation.steps {
            touched.insert(&step.urn);
            let recorded = state.find(&step.urn, step.generation);
            let goes = matches!(operation.action, Action::Delete | Action::DeleteReplaced | Action::Forget);
            let properties = match recorded {
                Some(recorded) if goes => &recorded.inputs,
                _ => &step.inputs,
            };
            let protect = is_protected(&step.urn, recorded);
            let changes = step.changes.iter().map(change).collect();
            let action = json!(operation.action);
            resources.push(resource(&step.urn, action, properties, protect, changes, &step.reason));
        }
    }
    for recorded in state.resources.values() {
        let urn = plan.renamed.get(&recorded.urn).unwrap_or(&recorded.urn);
        if !touched.contains(urn) {
            let protect = is_protected(urn, Some(recorded));
            resources.push(resource(urn, json!("unchanged"), &recorded.inputs, protect, Vec::new(), ""));
        }
    }
    json!({
        "command": heading.command,
        "stack": heading.stack,
        "cloud": heading.cloud,
        "project": heading.project,
        "region": heading.region,
        "resources": resources,
    })
}
