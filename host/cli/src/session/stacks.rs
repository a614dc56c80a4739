//! The outputs of other stacks, whose configuration lies beside this one's.

use async_trait::async_trait;
use mlflow_host_engine::{ProviderError, StackOutputs};
use mlflow_host_graph::Value;

use super::store;
use crate::config::{Overrides, StackConfig};
use crate::failure::{Failure, Result};

/// Finds other stacks. Their states are read as they are, without the lock, and never written.
pub(super) struct OtherStacks {
    /// The stack that refers to them.
    own: StackConfig,
    /// The address of the local cloud, once it is known.
    endpoint: Option<String>,
}

impl OtherStacks {
    pub(super) fn new(own: &StackConfig, endpoint: Option<&str>) -> Self {
        Self { own: own.clone(), endpoint: endpoint.map(str::to_owned) }
    }

    /// The configuration of another stack, on the same cloud. One without a file is in the same project.
    fn config(&self, stack: &str) -> Result<StackConfig> {
        let own = &self.own;
        if stack == own.stack {
            return Err(Failure::new(format!("Stack `{stack}` cannot refer to itself.")));
        }
        let program = own.program.with_file_name(format!("{stack}.wasm"));
        let has_file = program.with_extension("toml").exists();
        let values = if has_file { Vec::new() } else { vec![("project".to_owned(), own.project.clone())] };
        let overrides = Overrides { file: None, cloud: Some(own.cloud), values, ..Overrides::default() };
        let mut config = StackConfig::read(&program, &overrides)?;
        // A name with a directory in it would lead to stacks that are none of this one's business.
        if config.stack != stack {
            return Err(Failure::new(format!("`{stack}` is not the name of a stack.")));
        }
        if !has_file {
            config.state_directory.clone_from(&own.state_directory);
            config.state_bucket.clone_from(&own.state_bucket);
        }
        Ok(config)
    }

    async fn read(&self, stack: &str) -> Result<Value> {
        let config = self.config(stack)?;
        let store = store::store(&config, self.endpoint.as_deref());
        let loaded = store.load().await?.ok_or_else(|| {
            Failure::new(format!(
                "Stack `{stack}` has never been brought up on {}, project {}.",
                config.cloud.title(),
                config.project
            ))
            .with_hint(format!("Run `mlflow-host up {}` first.", config.program.display()))
        })?;
        Ok(loaded.state.outputs)
    }
}

#[async_trait]
impl StackOutputs for OtherStacks {
    async fn outputs(&self, stack: &str) -> Result<Value, ProviderError> {
        self.read(stack).await.map_err(|failure| {
            let hints: Vec<_> = std::iter::once(failure.message).chain(failure.hints).collect();
            ProviderError::new(hints.join(" "))
        })
    }
}
