//! Plan files: whatever is in one, it is read or refused, and what is read is what was written.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;

use mlflow_host_engine::{Plan, PlanDigests, SavedPlan, digest};
use mlflow_host_fuzz::campaign;
use serde_json::{Value as Json, json};

fn digests() -> PlanDigests {
    let text = |text: &str| text.to_owned();
    PlanDigests {
        tool: text("0.1.0"),
        stack: text("dev on local/demo/europe-west1"),
        program: text("ab"),
        configuration: text("cd"),
        state: text("abcde#7"),
        sources: text("ef"),
    }
}

/// A plan of nothing, and those that are kept here.
fn seeds() -> (SavedPlan, Vec<Vec<u8>>) {
    let saved = SavedPlan::new(digests(), &Plan::default(), json!({"seed": "abcde"}));
    let mut seeds = vec![serde_json::to_string_pretty(&saved).unwrap().into_bytes()];
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/plan");
    let mut files: Vec<_> = fs::read_dir(kept).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    seeds.extend(files.iter().map(|file| fs::read(file).unwrap()));
    (saved, seeds)
}

fn parse(bytes: &[u8]) -> Option<SavedPlan> {
    SavedPlan::parse(std::str::from_utf8(bytes).ok()?).ok()
}

#[test]
fn a_plan_file_is_whole_or_refused() {
    let (saved, seeds) = seeds();
    let whole: Vec<SavedPlan> = seeds.iter().filter_map(|seed| parse(seed)).collect();
    assert!(whole.contains(&saved), "the seed is a plan");
    assert!(whole.iter().any(|plan| plan.plan["operations"][2].is_object()), "one has operations");
    campaign(&seeds, 2000, |bytes| {
        if let Some(found) = parse(bytes) {
            assert!(whole.contains(&found), "it was changed unnoticed:\n{}", String::from_utf8_lossy(bytes));
        }
    });
}

/// A plan file with the checksum that fits what it says, if it is JSON at all.
fn forged(bytes: &[u8]) -> Option<Json> {
    let mut json: Json = serde_json::from_slice(bytes).ok()?;
    let part = |name: &str| json.get(name).cloned().unwrap_or_default();
    let content = json!({
        "version": part("version"), "options": part("options"), "digests": part("digests"), "plan": part("plan"),
    });
    *json.get_mut("checksum")? = digest(&content).into();
    Some(json)
}

#[test]
fn a_forged_plan_is_read_as_it_is_written_and_gains_nothing() {
    let (saved, seeds) = seeds();
    // Few of them are JSON still.
    campaign(&seeds, 10_000, |bytes| {
        let Some(json) = forged(bytes) else { return };
        match SavedPlan::parse(&json.to_string()) {
            Ok(found) => {
                assert_eq!((&found.plan, &found.options), (&json["plan"], &json["options"]));
                let text = serde_json::to_string(&found).unwrap();
                assert_eq!(SavedPlan::parse(&text).unwrap(), found);
                let is_carried_out = found.verify(&digests(), &Plan::default()).is_ok();
                assert_eq!(is_carried_out, (&found.digests, &found.plan) == (&saved.digests, &saved.plan));
            }
            Err(error) => assert!(error.to_string().len() > 10, "{error}"),
        }
    });
}
