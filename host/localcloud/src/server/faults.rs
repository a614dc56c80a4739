//! Faults on request: rules that answer, drop or delay chosen requests.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which requests, and what happens to them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    /// HTTP method; any when absent.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// Text that `HOST/PATH?QUERY` must contain; any when absent.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// The first matching request that is hit, from 1.
    #[serde(default = "one")]
    pub(crate) from: u64,
    /// How many are hit from there on.
    #[serde(default = "one")]
    pub(crate) times: u64,
    /// What happens.
    pub(crate) action: Action,
    /// Matching requests seen so far.
    #[serde(default)]
    pub(crate) seen: u64,
}

/// What happens to a request that a rule hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Action {
    /// Answer this instead; nothing is done.
    Answer {
        /// HTTP status.
        status: u16,
        /// JSON body.
        #[serde(default)]
        body: Value,
        /// Value of a `Retry-After` header, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Close the connection; nothing is done.
    DropBefore,
    /// Do what was asked, then close the connection without an answer.
    DropAfter,
    /// Wait so long, then go on.
    Delay {
        /// How long.
        milliseconds: u64,
    },
}

fn one() -> u64 {
    1
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Rule>>,
}

impl Faults {
    /// Adds a rule.
    pub(crate) fn add(&self, rule: Rule) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Removes all rules.
    pub(crate) fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The rules with what they have seen.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happens to this request: the action of the first rule that hits it. Every rule that
    /// matches counts it.
    pub(crate) fn strike(&self, method: &str, address: &str) -> Option<Action> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut action = None;
        for rule in rules.iter_mut() {
            let matches = rule.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && rule.path.as_deref().is_none_or(|part| address.contains(part));
            if matches {
                rule.seen += 1;
                let hit = rule.seen >= rule.from && rule.seen - rule.from < rule.times;
                if hit && action.is_none() {
                    action = Some(rule.action.clone());
                }
            }
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_hits_from_its_first_occurrence_as_often_as_it_says() {
        let faults = Faults::default();
        let rule =
            json!({"method": "post", "path": "/secrets", "from": 2, "times": 2, "action": "dropAfter"});
        faults.add(serde_json::from_value(rule).unwrap());
        let hits: Vec<_> = (0..5).map(|_| faults.strike("POST", "h/v1/secrets?x").is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert_eq!(faults.strike("GET", "h/v1/secrets"), None);
        faults.clear();
        assert!(faults.rules().is_empty());
    }
}
