//! What kinds there are, for the program: Google's and the standard ones.

use mlflow_host_engine::{check_standard, check_standard_attribute};
use mlflow_host_gcp_api::kinds::{self, Kinds, Step};
use mlflow_host_gcp_api::validate::Problem;
use mlflow_host_graph::{Diagnostic, Kind, PropertyPath, Role, Segment};
use mlflow_host_program::{Catalogue, is_opaque};
use serde_json::Value as Json;

/// The one standard kind that is only looked up.
const STACK_REFERENCE: &str = "std/StackReference";

/// All kinds that a stack may declare: the standard ones, and these.
#[derive(Debug, Clone, Copy)]
pub(super) struct AllKinds(pub(super) Kinds);

impl Catalogue for AllKinds {
    fn check(&self, kind: &Kind, properties: &Json, role: Role) -> Vec<Diagnostic> {
        if role == Role::Managed && kind.as_str() == STACK_REFERENCE {
            return vec![lookup_only(kind)];
        }
        if let Some(problems) = check_standard(kind, properties, &is_opaque) {
            return problems;
        }
        let Some(known) = self.0.get(kind.as_str()) else { return vec![unknown(self.0, kind)] };
        let problems = match role {
            Role::Lookup => kinds::check_lookup(known, properties, &is_opaque),
            Role::Managed if known.is_lookup_only() => return vec![lookup_only(kind)],
            Role::Managed => kinds::check(known, properties, &is_opaque),
        };
        problems.into_iter().map(diagnostic).collect()
    }

    fn check_attribute(&self, kind: &Kind, path: &PropertyPath) -> Option<Diagnostic> {
        let Some(known) = self.0.get(kind.as_str()) else { return check_standard_attribute(kind, path) };
        let step = |segment| match segment {
            &Segment::Index(index) => Step::Index(index),
            Segment::Key(key) => Step::Key(key),
        };
        let steps: Vec<_> = path.segments().iter().map(step).collect();
        kinds::check_attribute(known, &steps).map(diagnostic)
    }
}

fn diagnostic(problem: Problem) -> Diagnostic {
    Diagnostic::error(problem.code.as_str(), problem.message).at(problem.path)
}

fn unknown(kinds: Kinds, kind: &Kind) -> Diagnostic {
    let near =
        kinds.nearest(kind.as_str()).map_or_else(String::new, |near| format!(" Did you mean `{near}`?"));
    Diagnostic::error(
        "unknown-kind",
        format!("There is no kind `{kind}`.{near} `mlflow-host schema list` shows all kinds."),
    )
}

fn lookup_only(kind: &Kind) -> Diagnostic {
    Diagnostic::error("lookup-only", format!("`{kind}` can be looked up, but not declared."))
}
