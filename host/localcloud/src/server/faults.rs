//! Faults on request: rules that answer, drop, delay or spoil chosen requests, and the traps, which
//! are such rules with a name.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::common::json;
use crate::common::mishap::{Count, Lateness, Mishap, OperationFault, Turn};
use crate::common::operations::Failure;
use crate::data::file::{self, FileError};

/// Which requests, and what happens to them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    /// The trap that the rule was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trap: Option<String>,
    /// HTTP method; any when absent.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// Text that `HOST/PATH?QUERY` must contain; any when absent.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// How the id of the API method must end, e.g. `instances.insert`; any when absent.
    #[serde(default)]
    pub(crate) id: Option<String>,
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
    /// How often it has done something: answered, dropped or delayed a request, spoilt an operation, or let an
    /// effect be missed.
    #[serde(skip_deserializing)]
    pub(crate) struck: Count,
    /// How many requests it has struck.
    #[serde(skip)]
    taken: Count,
}

/// What happens to a request that a rule hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
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
    /// The operation that the request begins is pending for so many polls.
    StallOperation {
        /// Polls, of which the last is the last to see it pending.
        polls: u32,
    },
    /// The operation that the request begins reports a failure in the end.
    FailOperation {
        /// `google.rpc.Code`.
        code: i32,
        /// Google's text.
        message: String,
        /// Word in the legacy styles; that of the code when absent.
        #[serde(default)]
        reason: Option<String>,
        /// Whether the operation does its work all the same.
        #[serde(default)]
        takes_effect: bool,
    },
    /// What the request changes shows only later: after it was needed `uses` times in vain, and not
    /// before `milliseconds` have passed.
    Late {
        /// Times.
        #[serde(default)]
        uses: u64,
        /// Time.
        #[serde(default)]
        milliseconds: u64,
    },
}

/// A request that is hit.
#[derive(Debug, Clone)]
pub(crate) struct Strike {
    /// What happens to it.
    pub(crate) action: Action,
    /// The turn of the rule.
    turn: Turn,
}

impl Strike {
    /// What goes wrong with what the request begins, which counts it; `None` for what happens to the request itself.
    pub(crate) fn mishap(&self) -> Option<Mishap> {
        let mishap = |operation, late| Some(Mishap { operation, late, turn: self.turn.clone() });
        let operation = |fault| mishap(Some(fault), None);
        match &self.action {
            Action::StallOperation { polls } => {
                operation(OperationFault { polls: *polls, ..OperationFault::default() })
            }
            Action::FailOperation { code, message, reason, takes_effect } => {
                let mut failure = Failure::new(*code, message);
                if let Some(reason) = reason {
                    failure.reason.clone_from(reason);
                }
                operation(OperationFault { polls: 0, failure: Some(failure), takes_effect: *takes_effect })
            }
            Action::Late { uses, milliseconds } => {
                let late = Lateness { uses: *uses, time: Duration::from_millis(*milliseconds) };
                mishap(None, Some(late))
            }
            _ => None,
        }
    }
}

fn one() -> u64 {
    1
}

/// A rule with a name: one of the ways in which Google surprises its users.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trap {
    /// Its name.
    pub(crate) name: String,
    /// What happens, in a sentence.
    pub(crate) what: String,
    /// The rule.
    pub(crate) rule: Value,
}

/// Every trap.
pub(crate) fn traps() -> &'static [Trap] {
    static TRAPS: OnceLock<Vec<Trap>> = OnceLock::new();
    // A test reads the file, so a build that passed its tests has all of them.
    TRAPS.get_or_init(|| serde_json::from_str(include_str!("traps.json")).unwrap_or_default())
}

/// Why a value is no rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuleError {
    /// There is no such trap.
    #[error("there is no trap `{name}`; there are: {known}")]
    UnknownTrap {
        /// The name.
        name: String,
        /// All names.
        known: String,
    },
    /// Its shape.
    #[error(transparent)]
    Shape(#[from] serde_json::Error),
}

/// A rule from a value. One with a `trap` needs to say only what is to differ from the trap's rule.
fn rule(mut value: Value) -> Result<Rule, RuleError> {
    if let Some(name) = json::text(&value, "trap") {
        let trap = traps().iter().find(|trap| trap.name == name).ok_or_else(|| {
            let known: Vec<_> = traps().iter().map(|trap| trap.name.as_str()).collect();
            RuleError::UnknownTrap { name: name.to_owned(), known: known.join(", ") }
        })?;
        json::fill(&mut value, trap.rule.clone());
    }
    Ok(serde_json::from_value(value)?)
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Rule>>,
}

/// Why the faults of a directory could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in it.
    #[error("faults.json: {0}")]
    Rule(#[from] RuleError),
}

impl Faults {
    /// The faults that `faults.json` in `directory` asks for from the start: a list of rules. None
    /// when there is no such file.
    pub(crate) fn open(directory: &Path) -> Result<Self, LoadError> {
        let faults = Self::default();
        for value in file::read_json::<Vec<Value>>(&directory.join("faults.json"))?.unwrap_or_default() {
            faults.add(value)?;
        }
        Ok(faults)
    }

    /// Adds a rule.
    pub(crate) fn add(&self, value: Value) -> Result<(), RuleError> {
        let rule = rule(value)?;
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
        Ok(())
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
    /// matches counts it as seen.
    pub(crate) fn strike(&self, method: &str, address: &str, id: Option<&str>) -> Option<Strike> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let mut strike = None;
        for rule in rules.iter_mut() {
            let matches = rule.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && rule.path.as_deref().is_none_or(|part| address.contains(part))
                && rule.id.as_deref().is_none_or(|end| id.is_some_and(|id| id.ends_with(end)));
            if matches {
                rule.seen += 1;
                let hit = rule.seen >= rule.from && rule.taken.is_below(rule.times);
                if hit && strike.is_none() {
                    let turn = Turn::new(rule.times, &rule.taken, &rule.struck);
                    strike = Some(Strike { action: rule.action.clone(), turn });
                }
            }
        }
        // What happens to the request itself happens at once.
        if let Some(strike) = strike.as_ref().filter(|strike| strike.mishap().is_none())
            && strike.turn.take()
        {
            strike.turn.struck.add();
        }
        strike
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_hits_from_its_first_occurrence_as_often_as_it_says() {
        let faults = Faults::default();
        let rule = json!({
            "method": "post", "path": "/secrets", "id": "secrets.create", "from": 2, "times": 2,
            "action": "dropAfter",
        });
        faults.add(rule).unwrap();
        let id = Some("secretmanager.projects.secrets.create");
        let hits: Vec<_> = (0..5).map(|_| faults.strike("POST", "h/v1/secrets?x", id).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.strike("GET", "h/v1/secrets", id).is_none());
        assert!(faults.strike("POST", "h/v1/secrets", None).is_none());
        faults.clear();
        assert!(faults.rules().is_empty());
    }

    #[test]
    fn every_trap_is_a_rule_that_is_documented() {
        let all: Vec<Trap> = serde_json::from_str(include_str!("traps.json")).unwrap();
        let document = include_str!("../../../../docs/local-cloud-faults.md");
        for trap in &all {
            rule(json!({"trap": trap.name})).unwrap_or_else(|error| panic!("{}: {error}", trap.name));
            let row = format!("| `{}` | {} |", trap.name, trap.what);
            assert!(document.contains(&row), "docs/local-cloud-faults.md lacks:\n{row}");
        }
        assert_eq!(traps().len(), all.len());
    }

    #[test]
    fn a_trap_can_be_sharpened() {
        let sharper = json!({"trap": "grant-late", "path": "/secrets/", "action": {"late": {"uses": 9}}});
        let Action::Late { uses, .. } = rule(sharper).unwrap().action else { panic!("not late") };
        assert_eq!(uses, 9);
        let unknown = rule(json!({"trap": "grnt-late"})).unwrap_err().to_string();
        assert!(unknown.starts_with("there is no trap `grnt-late`; there are: "), "{unknown}");
        assert!(rule(json!({"trap": "grant-late", "tims": 2})).is_err());
    }
}
