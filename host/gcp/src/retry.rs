//! Which errors pass by themselves. A table, tried from the top; the first rule that fits decides.
//!
//! An error is worth waiting for only when its cause is known to go away: either by its nature, or
//! because this very run caused it (enabled the API, made the account, granted the permission).
//! Everything else fails at once, with advice. Sources: Google's API documentation, and the retry
//! predicates of Terraform's Google provider.

use std::time::Duration;

use mlflow_host_gcp_api::template;

use crate::error::{CallError, Refusal};
use crate::run_facts::RunFacts;

mod rules;

use rules::{Condition, RATE_NOTE, RULES, Rule};

/// What kind of call was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A GET.
    Read,
    /// Anything that changes something.
    Write,
    /// A long-running operation that ended in an error.
    Operation,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Ask again within the call, as [`crate::client`] spaces it. For writes only when that is safe,
    /// unless `refused`: then the request had no effect.
    Retry {
        /// Whether the error says that nothing was done.
        refused: bool,
    },
    /// Ask again later, outside the call.
    Wait {
        /// How long from one attempt to the next.
        every: Duration,
        /// For how long altogether.
        patience: Duration,
        /// What is being waited for.
        note: &'static str,
    },
    /// What was sent rests on an old copy: read afresh, then send again.
    Conflict,
    /// Give up; a template of advice (variables: `service`, `project` and `ErrorInfo`'s metadata).
    Fail(&'static str),
}

impl Rule {
    fn fits(&self, refusal: &Refusal, subject: &str, purpose: Purpose, facts: &RunFacts) -> bool {
        (self.services.is_empty() || self.services.contains(&refusal.service.as_str()))
            && (self.statuses.is_empty() || self.statuses.contains(&refusal.status))
            && (self.reasons.is_empty()
                || self
                    .reasons
                    .iter()
                    .any(|reason| *reason == refusal.reason || *reason == refusal.status_name))
            && (self.purposes.is_empty() || self.purposes.contains(&purpose))
            && self.texts.iter().all(|text| subject.contains(text))
            && match self.when {
                Condition::Always => true,
                Condition::Enabled => {
                    facts.has_enabled(refusal.metadata.get("service").unwrap_or(&refusal.service))
                }
                Condition::AccountCreated => facts.has_created_account(subject),
                Condition::BucketCreated => facts.has_created_bucket(subject),
                Condition::Granted => facts.has_granted(),
            }
    }
}

/// The class of an error, from the call's `path` on.
pub(crate) fn classify(refusal: &Refusal, path: &str, purpose: Purpose, facts: &RunFacts) -> Class {
    let subject = format!("{}\n/{path}", refusal.message).to_lowercase().replace("%40", "@");
    RULES
        .iter()
        .find(|rule| rule.fits(refusal, &subject, purpose, facts))
        .map_or(Class::Fail(""), |rule| rule.class)
}

/// Whether a refusal of a class is one for too many requests in too short a time.
pub(crate) fn is_about_rate(refusal: &Refusal, class: Class) -> bool {
    refusal.status == 429 || matches!(class, Class::Wait { note, .. } if note == RATE_NOTE)
}

/// The error that a class makes of a refusal, once it is not retried within the call.
pub(crate) fn error(refusal: Refusal, class: Class) -> CallError {
    let refusal = Box::new(refusal);
    match class {
        Class::Wait { every, patience, note } => CallError::NotYet { refusal, after: every, patience, note },
        Class::Conflict => CallError::Conflict { refusal },
        Class::Retry { .. } => CallError::Refused { refusal, hint: None },
        Class::Fail(advice) => {
            let hint = advice_for(&refusal, advice);
            CallError::Refused { refusal, hint }
        }
    }
}

/// Advice with its variables filled in, and the link that Google gave. `None` when there is neither.
fn advice_for(refusal: &Refusal, advice: &str) -> Option<String> {
    let variable = |name: &str| match name {
        "service" => Some(refusal.metadata.get("service").unwrap_or(&refusal.service).clone()),
        "project" => {
            let consumer = refusal.metadata.get("consumer").or_else(|| refusal.metadata.get("containerInfo"));
            Some(consumer.map_or("PROJECT", |name| name.trim_start_matches("projects/")).to_owned())
        }
        "resource" => {
            Some(refusal.metadata.get("resource").map_or("the resource", String::as_str).to_owned())
        }
        other => refusal.metadata.get(other).cloned(),
    };
    let filled = template::expand(advice, &variable).ok().filter(|text| !text.is_empty());
    match (filled, refusal.metadata.get("activationUrl")) {
        (Some(text), Some(link)) => Some(format!("{text} (or visit {link})")),
        (None, Some(link)) => Some(format!("Visit {link}")),
        (text, None) => text,
    }
}

#[cfg(test)]
mod tests;
