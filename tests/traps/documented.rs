//! `docs/traps.md` names a test for everything that the host does about Google; the tests are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;

/// The traps that the local cloud knows by name.
const TRAPS: &str = "host/localcloud/src/server/traps.json";

/// Requires that every test exists that the document names, and that it names one for each of `tried` and for each
/// trap that the local cloud can be told.
pub(crate) fn check(tried: &[&str]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no folder around the tests")?;
    let document = fs::read_to_string(root.join("docs/traps.md"))?;
    let named: Vec<_> = document
        .split('`')
        .filter_map(|text| text.split_once("::"))
        .filter(|(file, _)| file.contains('/'))
        .collect();
    ensure!(named.len() > 80, "only {} tests are named", named.len());
    let mut missing = Vec::new();
    for (file, name) in &named {
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        // A function, or the title of a trial or of a step.
        let exists = source.contains(&format!("fn {name}(")) || source.contains(&format!("\"{name}\""));
        if !exists {
            missing.push(format!("{file}::{name}"));
        }
    }
    ensure!(missing.is_empty(), "docs/traps.md names tests that are not there: {missing:#?}");
    let told: Vec<Json> = serde_json::from_slice(&fs::read(root.join(TRAPS))?)?;
    let told: Vec<_> = told.iter().filter_map(|trap| trap["name"].as_str()).collect();
    ensure!(told.len() > 20, "only {} traps are in {TRAPS}", told.len());
    let traps = tried.iter().chain(&told);
    let unnamed: BTreeSet<_> = traps.filter(|trap| !named.iter().any(|(_, name)| name == *trap)).collect();
    ensure!(unnamed.is_empty(), "docs/traps.md does not name the traps {unnamed:?}");
    Ok(())
}
