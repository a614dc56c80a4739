//! Runs policies.

use bytes::Bytes;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use crate::host::{Ended, ProgramHost, last_words, unlinkable};
use crate::logs::{LogLine, printable};
use crate::module::root_cause;
use crate::sandbox::{self, Guest};
use crate::{Failure, ProgramError, World};

/// Generated from `wit/policy.wit`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod contract {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "policy",
        exports: { default: async },
        with: { "mlflow-host:stack/log": crate::sandbox::contract::mlflow_host::stack::log },
    });
}

/// Violations of one policy that are kept; more are counted only.
const VIOLATIONS: usize = 1000;
/// Characters of a text of a violation.
const TEXT: usize = 2000;

/// What a policy says of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// What it does not allow.
    pub violations: Vec<Violation>,
    /// Violations beyond those that are kept.
    pub more: usize,
    /// What it said.
    pub logs: Vec<LogLine>,
    /// SHA-256 of its file, in hexadecimal.
    pub digest: String,
}

/// Something that a policy does not allow. The texts hold no control characters but line ends and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The resource, in the policy's words.
    pub urn: Option<String>,
    /// The property, in the policy's words.
    pub path: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl ProgramHost {
    /// Has a policy judge a plan, both as `wit/policy.wit` describes. Where and how fast it runs is as for
    /// [`ProgramHost::run`]; it knows nothing but `plan` and `parameters`.
    ///
    /// # Errors
    /// A [`Failure`] with one of the reasons of [`ProgramError`], and what the policy said.
    pub async fn review(&self, policy: Bytes, plan: &Json, parameters: &Json) -> Result<Review, Failure> {
        let component = self.load(policy.clone(), World::Policy).await?;
        let mut linker: Linker<Guest<()>> = Linker::new(&self.engine);
        let setup = |error: wasmtime::Error| ProgramError::Setup(root_cause(&error));
        contract::Policy::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest<()>| guest)
            .map_err(setup)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(setup)?;
        let linked = linker.instantiate_pre(&component).and_then(contract::PolicyPre::new);
        let linked = linked.map_err(|error| unlinkable(&error))?;

        let digest = Sha256::digest(&policy);
        let (plan, parameters) = (plan.to_string(), parameters.to_string());
        let run = Sha256::new_with_prefix(digest).chain_update(&plan).chain_update(&parameters).finalize();
        let (guest, logs) = self.guest((), &run.into());
        let judge = async |store: &mut Store<Guest<()>>| {
            let policy = linked.instantiate_async(&mut *store).await?;
            policy.mlflow_host_stack_review().call_judge(store, &plan, &parameters).await
        };
        let Ended { result, guest, .. } = self.confine(guest, judge).await?;
        let logs = sandbox::lock(&logs).finish();
        match result {
            Ok(Ok(found)) => Ok(Review {
                more: found.len().saturating_sub(VIOLATIONS),
                violations: found.into_iter().take(VIOLATIONS).map(Violation::from).collect(),
                logs,
                digest: hex::encode(digest),
            }),
            Ok(Err(message)) => {
                Err(Failure { error: ProgramError::Failed(last_words(&guest, &message)), logs })
            }
            Err(error) => Err(Failure { error, logs }),
        }
    }
}

impl From<contract::exports::mlflow_host::stack::review::Violation> for Violation {
    fn from(found: contract::exports::mlflow_host::stack::review::Violation) -> Self {
        let text = |text: String| printable(&text).chars().take(TEXT).collect();
        Self { urn: found.urn.map(text), path: found.path.map(text), message: text(found.message) }
    }
}
