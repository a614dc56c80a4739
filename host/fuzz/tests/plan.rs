//! Plan files: whatever is in one, it is read or refused, and what is read is what was written.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;

use mlflow_host_engine::{Plan, PlanDigests, SavedPlan};
use mlflow_host_fuzz::campaign;
use serde_json::json;

#[test]
fn a_plan_file_is_whole_or_refused() {
    let text = |text: &str| text.to_owned();
    let digests = PlanDigests {
        tool: text("0.1.0"),
        stack: text("dev on local/demo/europe-west1"),
        program: text("ab"),
        configuration: text("cd"),
        state: text("abcde#7"),
        sources: text("ef"),
    };
    let saved = SavedPlan::new(digests, &Plan::default(), json!({"seed": "abcde"}));
    let mut seeds = vec![serde_json::to_string_pretty(&saved).unwrap().into_bytes()];
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/plan");
    seeds.extend(fs::read_dir(committed).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()));
    let whole: Vec<SavedPlan> =
        seeds.iter().filter_map(|seed| SavedPlan::parse(std::str::from_utf8(seed).ok()?).ok()).collect();
    assert!(whole.contains(&saved), "the seed is a plan");
    campaign(&seeds, 2000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(found) = SavedPlan::parse(text) {
            assert!(whole.contains(&found), "it was changed unnoticed:\n{text}");
        }
    });
}
