//! `mlflow-host cloud faults`

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Map, Value as Json, json};

use super::ask::Asked;
use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// Let the local cloud misbehave as Google does, or show how it can
///
/// Without options, the faults in force and every trap: the ways in which Google
/// surprises its users, by name. Faults end with `--clear`, or when the local
/// cloud stops. A rule says which requests it strikes and what happens to them:
/// see docs/local-cloud-faults.md.
///
/// Examples:
///   mlflow-host cloud faults
///   mlflow-host cloud faults --set service-late --set quota-429
///   mlflow-host cloud faults --set 'addresses-held={"action": {"late": {"milliseconds": 5000}}}'
///   mlflow-host cloud faults --clear --file faults.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Faults {
    /// Set a trap; after `=`, the fields of its rule that are to differ, as JSON
    #[arg(long, value_name = "TRAP[=JSON]", value_parser = trap)]
    set: Vec<Json>,

    /// Add the rules in a file: a list, as JSON
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// End all faults first, and let what was late show
    #[arg(long)]
    clear: bool,
}

impl Faults {
    pub(super) async fn run(self, directory: &Path, reporter: &dyn Reporter) -> Result<()> {
        let mut rules = match &self.file {
            Some(file) => rules_of(file)?,
            None => Vec::new(),
        };
        rules.extend(self.set);
        let cloud = Asked::running(directory).await?;
        if self.clear {
            cloud.json(Method::DELETE, "faults", None).await?;
        }
        for rule in &rules {
            cloud.json(Method::POST, "faults", Some(rule)).await?;
        }
        let faults = cloud.json(Method::GET, "faults", None).await?["faults"].take();
        let mut text = in_force(&faults);
        let mut fields = json!({"faults": faults});
        if rules.is_empty() && !self.clear {
            let traps = cloud.json(Method::GET, "traps", None).await?["traps"].take();
            text.push_str(&known(&traps));
            fields["traps"] = traps;
        }
        reporter.answer("faults", fields, &text);
        Ok(())
    }
}

/// The rule of `TRAP` or `TRAP=JSON`.
fn trap(text: &str) -> Result<Json, String> {
    let (name, fields) = text.split_once('=').unwrap_or((text, "{}"));
    let mut fields: Map<String, Json> = serde_json::from_str(fields)
        .map_err(|error| format!("what follows `=` must be a JSON object ({error})"))?;
    fields.insert("trap".to_owned(), name.into());
    Ok(Json::Object(fields))
}

fn rules_of(file: &Path) -> Result<Vec<Json>> {
    let name = file.display();
    let text =
        fs::read_to_string(file).map_err(|error| Failure::new(format!("Cannot read {name}: {error}.")))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!("{name} is no list of rules: {error}."))
            .with_hint("Write rules as docs/local-cloud-faults.md describes them, between `[` and `]`.")
    })
}

/// The rules in force, and how often each has struck.
fn in_force(faults: &Json) -> String {
    let rules = faults.as_array().map(Vec::as_slice).unwrap_or_default();
    let width = rules.iter().map(|rule| title(rule).len()).max().unwrap_or_default();
    let mut text = String::new();
    for rule in rules {
        let count = |field: &str| rule[field].as_u64().unwrap_or_default();
        let times = match count("struck") {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {:width$}  has seen {}, struck {times}", title(rule), count("seen"));
    }
    if text.is_empty() { "No fault is in force.\n".to_owned() } else { format!("In force\n{text}") }
}

/// The name of a trap, or what a rule without one strikes.
fn title(rule: &Json) -> String {
    if let Some(name) = rule["trap"].as_str() {
        return name.to_owned();
    }
    let parts: Vec<_> = ["method", "id", "path"].iter().filter_map(|field| rule[field].as_str()).collect();
    if parts.is_empty() { "any request".to_owned() } else { parts.join(" ") }
}

/// Every trap with what it does.
fn known(traps: &Json) -> String {
    let traps = traps.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |trap: &Json| trap["name"].as_str().unwrap_or_default().to_owned();
    let width = traps.iter().map(|trap| name(trap).len()).max().unwrap_or_default();
    let mut text = "\nTraps\n".to_owned();
    for trap in traps {
        let _ = writeln!(text, "  {:width$}  {}", name(trap), trap["what"].as_str().unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_may_differ() {
        assert_eq!(trap("quota-429").unwrap(), json!({"trap": "quota-429"}));
        assert_eq!(trap("quota-429={\"times\": 3}").unwrap(), json!({"trap": "quota-429", "times": 3}));
        assert!(trap("quota-429=3").unwrap_err().contains("JSON object"));
    }

    #[test]
    fn what_has_struck_is_told() {
        let rules = json!([
            {"id": "networks.insert", "method": "POST", "seen": 3, "struck": 1},
            {"trap": "account-late", "seen": 1, "struck": 3},
            {"trap": "quota-429", "seen": 0, "struck": 0},
        ]);
        insta::assert_snapshot!(in_force(&rules), @r"
        In force
          POST networks.insert  has seen 3, struck once
          account-late          has seen 1, struck 3 times
          quota-429             has seen 0, struck 0 times
        ");
    }
}
