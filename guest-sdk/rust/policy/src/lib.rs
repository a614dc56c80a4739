//! Write mlflow-host policies in Rust.
//!
//! A policy is a function from a plan to what it does not allow. It runs in the same sandbox as a stack, before
//! anything is changed. How much it matters is not its own choice: `mandatory` or `advisory` is written in the
//! configuration.
//!
//! ```
//! use mlflow_host_policy::{Parameters, Plan, Result, Violation, policy};
//!
//! policy!(judge);
//!
//! fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
//!     let regions = parameters.texts("regions")?.unwrap_or_else(|| vec!["europe-west1".to_owned()]);
//!     if regions.iter().any(|region| region == plan.region()) {
//!         return Ok(Vec::new());
//!     }
//!     Ok(vec![Violation::of_plan(format!("Nothing belongs into {}: use {}.", plan.region(), regions.join(", ")))])
//! }
//!
//! // For a test: a plan is the JSON that `wit/policy.wit` describes.
//! let plan = Plan::new(serde_json::json!({"region": "us-central1", "resources": []}));
//! assert_eq!(judge(&plan, &Parameters::default()).unwrap().len(), 1);
//! ```

mod parameters;
mod plan;
#[doc(hidden)]
pub mod program;

pub use parameters::Parameters;
pub use plan::{Plan, Resource, Violation, is_hidden};

/// The result of a policy's functions. An error is a sentence; it ends the run.
pub type Result<T, E = String> = std::result::Result<T, E>;
