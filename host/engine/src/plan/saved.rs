//! Plans on disk: what a preview promised, and proof that `up` does exactly that.

use mlflow_host_graph::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::plan::{Operation, Plan};

/// The version of the file's shape.
const VERSION: u32 = 1;

/// What a plan was made from. Two plans with the same digests are the same plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDigests {
    /// The version of mlflow-host.
    pub tool: String,
    /// The stack's name and target, as `STACK on CLOUD/PROJECT/REGION`.
    pub stack: String,
    /// SHA-256 of the program.
    pub program: String,
    /// SHA-256 of the configuration without the values of secrets.
    pub configuration: String,
    /// Seed and serial number of the state.
    pub state: String,
    /// SHA-256 of the assets' digests.
    pub sources: String,
}

/// Why a saved plan is not carried out. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// Not a plan at all.
    #[error("it is not a plan of mlflow-host: {0}. Make one with `mlflow-host preview --out FILE`.")]
    Malformed(String),
    /// A plan of another version.
    #[error(
        "it has version {found}; this mlflow-host reads version {VERSION}. Make it anew with `mlflow-host preview --out FILE`."
    )]
    Version {
        /// The version found.
        found: u64,
    },
    /// The file was changed after it was written.
    #[error("it was changed after it was made. A plan is carried out as it was previewed or not at all.")]
    Edited,
    /// The plan was made from something else than what is there now.
    #[error("it was made from something else: {}. Make it anew with `mlflow-host preview --out FILE`.", .0.join("; "))]
    Stale(Vec<String>),
}

/// A plan with what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    version: u32,
    /// What the plan was asked for with, e.g., its targets, in the words of whoever wrote the file. Null when
    /// there is nothing to say.
    #[serde(default)]
    pub options: Json,
    /// What it was made from.
    pub digests: PlanDigests,
    /// The plan, without secrets.
    pub plan: Json,
    /// SHA-256 of all of the above.
    checksum: String,
}

impl SavedPlan {
    /// A plan to be written to a file.
    pub fn new(digests: PlanDigests, plan: &Plan, options: Json) -> Self {
        let plan = shape(plan);
        let checksum = checksum(&options, &digests, &plan);
        Self { version: VERSION, options, digests, plan, checksum }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`SavedPlanError`], but never [`SavedPlanError::Stale`].
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let malformed = |error: serde_json::Error| SavedPlanError::Malformed(error.to_string());
        let json: Json = serde_json::from_str(text).map_err(malformed)?;
        match json.get("version").and_then(Json::as_u64) {
            Some(found) if found == u64::from(VERSION) => {}
            Some(found) => return Err(SavedPlanError::Version { found }),
            None => return Err(SavedPlanError::Malformed("it has no version".to_owned())),
        }
        let saved: Self = serde_json::from_value(json).map_err(malformed)?;
        if saved.checksum == checksum(&saved.options, &saved.digests, &saved.plan) {
            Ok(saved)
        } else {
            Err(SavedPlanError::Edited)
        }
    }

    /// Makes sure that a plan can be made from the same things as the saved one.
    ///
    /// # Errors
    /// [`SavedPlanError::Stale`], with everything that differs.
    pub fn verify_digests(&self, digests: &PlanDigests) -> Result<(), SavedPlanError> {
        let (then, now) = (&self.digests, digests);
        let pairs = [
            ("mlflow-host was version", &then.tool, &now.tool),
            ("the stack was", &then.stack, &now.stack),
            ("the program had digest", &then.program, &now.program),
            ("the configuration had digest", &then.configuration, &now.configuration),
            ("the state was", &then.state, &now.state),
            ("the sources had digest", &then.sources, &now.sources),
        ];
        let differences: Vec<String> = pairs
            .into_iter()
            .filter(|(_, then, now)| then != now)
            .map(|(what, then, now)| format!("{what} {then}, now it is {now}"))
            .collect();
        if differences.is_empty() { Ok(()) } else { Err(SavedPlanError::Stale(differences)) }
    }

    /// Makes sure that a plan made now is the saved one, operation for operation.
    ///
    /// # Errors
    /// [`SavedPlanError::Stale`], with everything that differs.
    pub fn verify(&self, digests: &PlanDigests, plan: &Plan) -> Result<(), SavedPlanError> {
        self.verify_digests(digests)?;
        if self.plan == shape(plan) {
            return Ok(());
        }
        Err(SavedPlanError::Stale(vec!["the operations were others".to_owned()]))
    }
}

/// A digest for [`PlanDigests`], hexadecimal.
pub fn digest(content: &Json) -> String {
    hex::encode(Sha256::digest(content.to_string()))
}

/// What two plans must have in common. `Serialize` for values leaves secrets out.
fn shape(plan: &Plan) -> Json {
    let operations: Vec<&Operation> = plan.operations.iter().collect();
    json!({
        "operations": operations,
        "outputs": plan.outputs,
        "bookkeeping": plan.bookkeeping,
        "renamed": plan.renamed.iter().collect::<Vec<_>>(),
        "partial": plan.partial,
    })
}

fn checksum(options: &Json, digests: &PlanDigests, plan: &Json) -> String {
    digest(&json!({ "version": VERSION, "options": options, "digests": digests, "plan": plan }))
}

impl From<SavedPlanError> for Diagnostic {
    fn from(error: SavedPlanError) -> Self {
        Self::error("saved-plan", error.to_string())
    }
}
