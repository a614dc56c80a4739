//! Plans on disk.

use std::path::Path;

use mlflow_host_engine::{Plan, PlanDigests, SavedPlan, SavedPlanError, State, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Session, Wishes};
use crate::failure::{Failure, Result};
use crate::files;

/// What a plan file says besides the plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    /// What was asked for.
    wishes: Wishes,
    /// The seed of the state: that of a new one is chosen by the preview, so that names are as shown.
    seed: String,
}

/// A plan file that is to be carried out.
#[derive(Debug)]
pub(crate) struct PlanFile {
    name: String,
    saved: SavedPlan,
    options: Options,
}

impl PlanFile {
    /// Reads a plan file.
    ///
    /// # Errors
    /// When it cannot be read, is none, or was edited.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("Cannot read {name}: {error}.")))?;
        let saved = SavedPlan::parse(&text).map_err(|error| refused(&name, &error))?;
        let options = Options::deserialize(&saved.options)
            .map_err(|error| refused(&name, &SavedPlanError::Malformed(error.to_string())))?;
        Ok(Self { name, saved, options })
    }

    /// What the plan was asked for with.
    pub(crate) fn wishes(&self) -> &Wishes {
        &self.options.wishes
    }

    /// The seed of the state that it was made from.
    pub(crate) fn seed(&self) -> &str {
        &self.options.seed
    }
}

impl Session<'_> {
    /// Has a state that does not exist yet begin with a seed that is known beforehand. To be called before
    /// [`Session::load`].
    pub(crate) fn begin_with(&mut self, seed: Option<&str>) {
        self.seed = Some(seed.map_or_else(State::fresh_seed, str::to_owned));
    }

    /// What plans are made from now. Taken before a refresh, which changes the state in memory.
    pub(crate) fn digests(&self) -> PlanDigests {
        let config = &self.config;
        let secrets: Vec<_> = config.secrets.keys().collect();
        let sources: Vec<_> = self.graph.assets.keys().map(ToString::to_string).collect();
        PlanDigests {
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            stack: format!(
                "{} on {}/{}/{}",
                config.stack,
                config.cloud.name(),
                config.project,
                config.region
            ),
            program: self.program.clone().unwrap_or_default(),
            configuration: digest(&json!({"values": config.values, "secrets": secrets})),
            state: format!("{}#{}", self.state.seed, self.state.serial),
            sources: digest(&json!(sources)),
        }
    }

    /// Refuses a plan that was made from something else than what is there now.
    pub(crate) fn verify_digests(&self, file: &PlanFile, now: &PlanDigests) -> Result<()> {
        file.saved.verify_digests(now).map_err(|error| refused(&file.name, &error))
    }

    /// Refuses a plan that is not the one made now.
    pub(crate) fn verify(&self, file: &PlanFile, now: &PlanDigests, plan: &Plan) -> Result<()> {
        file.saved.verify(now, plan).map_err(|error| refused(&file.name, &error))
    }

    /// Writes a plan to a file.
    pub(crate) fn save(&self, path: &Path, digests: PlanDigests, plan: &Plan, wishes: &Wishes) -> Result<()> {
        let options = Options { wishes: wishes.clone(), seed: self.state.seed.clone() };
        let saved = SavedPlan::new(digests, plan, json!(options));
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(format!("The plan cannot be written to {}: {error}.", path.display()))
        };
        let text = serde_json::to_string_pretty(&saved).map_err(|error| failed(&error))?;
        files::replace(path, format!("{text}\n").as_bytes()).map_err(|error| failed(&error))?;
        self.reporter.notice(&format!(
            "The plan is in {0}: `mlflow-host up {1} --plan {0}` carries out exactly this.",
            path.display(),
            self.config.program.display()
        ));
        Ok(())
    }
}

fn refused(name: &str, error: &SavedPlanError) -> Box<Failure> {
    let failure = Failure::new(format!("The plan in {name} is not carried out: {error}"));
    match error {
        SavedPlanError::Stale(differences)
            if differences.iter().any(|said| said.contains("configuration")) =>
        {
            failure.with_hint("Or give the same `--config` and `--set` as for the preview.")
        }
        _ => failure,
    }
}
