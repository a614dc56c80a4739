//! What policies say of a plan.

use std::fmt::Write as _;

use mlflow_host_program::Violation;
use serde_json::{Value as Json, json};

use super::Paint;
use crate::config::PolicyLevel;
use crate::failure::{Code, Failure, Result};

/// What one policy says.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// What the policy is called.
    pub(crate) policy: String,
    /// How much it matters.
    pub(crate) level: PolicyLevel,
    /// SHA-256 of its file, hexadecimal.
    pub(crate) digest: String,
    /// What it does not allow.
    pub(crate) violations: Vec<Violation>,
    /// How many more there are.
    pub(crate) more: usize,
}

impl Finding {
    /// Whether the plan may not be carried out.
    fn refuses(&self) -> bool {
        self.level == PolicyLevel::Mandatory && !self.violations.is_empty()
    }
}

/// Refuses a plan that a mandatory policy does not allow.
///
/// # Errors
/// When there is one, with an exit code of its own.
pub(crate) fn enforce(findings: &[Finding]) -> Result<()> {
    let names: Vec<_> = findings
        .iter()
        .filter(|finding| finding.refuses())
        .map(|finding| format!("`{}`", finding.policy))
        .collect();
    let message = match names.as_slice() {
        [] => return Ok(()),
        [name] => format!("The policy {name} does not allow this; nothing has been changed."),
        names => format!("The policies {} do not allow this; nothing has been changed.", names.join(", ")),
    };
    Err(Failure::new(message).with_code(Code::Refused))
}

/// `RESOURCE: `PATH`: MESSAGE`, as far as the policy says where.
pub(super) fn violation(violation: &Violation) -> String {
    let urn = violation.urn.as_ref().map_or_else(String::new, |urn| format!("{urn}: "));
    let path = violation.path.as_ref().map_or_else(String::new, |path| format!("`{path}`: "));
    format!("{urn}{path}{}", violation.message)
}

/// A line a violation, and a sum. Empty without policies.
pub(super) fn policies(findings: &[Finding], paint: Paint) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for Finding { policy, level, violations, more, .. } in findings {
        let head = match level {
            PolicyLevel::Mandatory => paint.bad(&format!("✗ {policy}")),
            PolicyLevel::Advisory => paint.careful(&format!("! {policy}")),
        };
        for found in violations {
            let said = violation(found).replace('\n', "\n      ");
            let _ = writeln!(text, "  {head} ({}): {said}", level.name());
        }
        if *more > 0 {
            let _ = writeln!(text, "  {head} ({}): and {more} more", level.name());
        }
    }
    let count = findings.iter().map(|finding| finding.violations.len() + finding.more).sum::<usize>();
    let of = match findings.len() {
        1 => "1 policy".to_owned(),
        number => format!("{number} policies"),
    };
    let sum = match count {
        0 => format!("{of}: no violations."),
        1 => format!("{of}: 1 violation."),
        count => format!("{of}: {count} violations."),
    };
    format!("\n{}\n{text}", paint.bold(&sum))
}

/// The event `policies`.
pub(super) fn policies_event(findings: &[Finding]) -> Json {
    let policies: Vec<_> = findings
        .iter()
        .map(|Finding { policy, level, digest, violations, more }| {
            let violations: Vec<_> = violations
                .iter()
                .map(|Violation { urn, path, message }| json!({"urn": urn, "path": path, "message": message}))
                .collect();
            json!({"policy": policy, "level": level, "digest": digest, "violations": violations, "more": more})
        })
        .collect();
    json!({"policies": policies})
}
