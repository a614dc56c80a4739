//! The directories that a plan packs.

use std::path::Path;

use mlflow_host_engine::{Plan, Step};
use mlflow_host_graph::AssetDigest;

use super::Session;
use crate::render::Archive;

impl Session<'_> {
    /// The archives that are new in a plan, by their digests.
    pub(crate) fn archives(&self, plan: &Plan) -> Vec<Archive> {
        let beside = self.config.program.parent().filter(|parent| !parent.as_os_str().is_empty());
        let beside = beside.unwrap_or(Path::new(".")).canonicalize().unwrap_or_default();
        let is_new = |digest: &AssetDigest| {
            plan.operations.iter().flat_map(|operation| &operation.steps).any(|step| brings(step, digest))
        };
        let new = self.graph.assets.values().filter(|asset| is_new(&asset.digest));
        let archive = |asset: &mlflow_host_graph::Asset| Archive {
            digest: asset.digest.clone(),
            directory: asset.directory.strip_prefix(&beside).unwrap_or(&asset.directory).to_owned(),
            files: asset.files.len(),
        };
        new.map(archive).collect()
    }
}

/// Whether a step makes something of an archive that was not made of it before.
fn brings(step: &Step, digest: &AssetDigest) -> bool {
    if step.changes.is_empty() {
        return step.inputs.holds_asset(digest);
    }
    step.changes.iter().any(|change| change.new.holds_asset(digest) && !change.old.holds_asset(digest))
}
