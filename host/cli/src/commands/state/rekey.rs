//! `mlflow-host state rekey`

use mlflow_host_state::Wrap;
use serde_json::json;

use super::{StackArguments, hold_with};
use crate::config::{KEY_SHAPE, is_kms_key};
use crate::failure::{Failure, Result};
use crate::render::Reporter;
use crate::session::variable;

/// The passphrase to use from now on.
const NEW_PASSPHRASE: &str = "MLFLOW_HOST_NEW_PASSPHRASE";

/// Seal the secrets of a state with a new key
///
/// Everything is sealed anew, and nothing that is left opens with the old key.
/// Without an option, the new key is wrapped as the old one was. Interrupted, it
/// leaves a state that opens with either; run it again.
///
/// Examples:
///   mlflow-host state rekey stacks/prod.wasm
///   MLFLOW_HOST_NEW_PASSPHRASE=… mlflow-host state rekey stacks/prod.wasm --passphrase
///   mlflow-host state rekey stacks/prod.wasm --kms-key projects/p/locations/l/keyRings/r/cryptoKeys/k
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Rekey {
    #[command(flatten)]
    stack: StackArguments,

    /// Wrap it with the passphrase in MLFLOW_HOST_NEW_PASSPHRASE
    #[arg(long, group = "wrap")]
    passphrase: bool,

    /// Wrap it with the key file
    #[arg(long, group = "wrap")]
    key_file: bool,

    /// Wrap it with a key of Cloud KMS
    #[arg(long, group = "wrap", value_name = "KEY")]
    kms_key: Option<String>,
}

impl Rekey {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let wrap = match &self.kms_key {
            Some(key) if !is_kms_key(key) => {
                return Err(Failure::usage(format!("`{key}` is no key of Cloud KMS: {KEY_SHAPE}")));
            }
            Some(key) => Some(Wrap::CloudKms(key.clone())),
            None if self.key_file => Some(Wrap::KeyFile),
            None if self.passphrase => {
                let passphrase = variable(NEW_PASSPHRASE).ok_or_else(|| {
                    Failure::usage(format!("{NEW_PASSPHRASE} is not set: there is no new passphrase."))
                        .with_hint(format!(
                            "Run `read -rs {NEW_PASSPHRASE} && export {NEW_PASSPHRASE}` first."
                        ))
                })?;
                Some(Wrap::Passphrase(passphrase))
            }
            None => None,
        };
        let mut config = self.stack.config()?;
        if let Some(key) = self.kms_key {
            config.state_key = Some(key);
        }
        let (session, _lock) = hold_with(config, "state rekey", reporter).await?;
        session.store().rekey(&session.state, wrap.clone()).await?;
        let next = match &wrap {
            Some(Wrap::Passphrase(_)) => "\nSet MLFLOW_HOST_PASSPHRASE to the new passphrase from now on.",
            Some(Wrap::CloudKms(_)) => {
                "\nWrite the key into the configuration, so that it is asked for from now on: `[state]`, `key = …`."
            }
            Some(Wrap::KeyFile) | None => "",
        };
        let wrapped = wrap.as_ref().map(|wrap| format!("{wrap:?}"));
        let text = format!("The secrets are sealed with a new key.{next}\n");
        reporter.answer("rekeyed", json!({"wrap": wrapped}), &text);
        Ok(())
    }
}
