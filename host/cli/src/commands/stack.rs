//! What every command about a stack takes.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Cloud, Overrides, StackConfig, parse_assignment, policies_of_command_line};
use crate::failure::Result;
use crate::session::parse_duration;

/// A stack and what lays over its configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct StackArguments {
    /// The stack: a Wasm file, e.g., `stacks/dev.wasm`. The TOML file beside it configures it
    #[arg(value_name = "STACK.wasm")]
    stack: PathBuf,

    /// Read this configuration instead of the TOML file beside the stack
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The cloud to use, whatever the configuration says
    #[arg(long, value_name = "CLOUD")]
    cloud: Option<Cloud>,

    /// Lay a value over the configuration: `project`, `region`, `cloud`, or a key of `[config]`. May be
    /// repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_assignment)]
    values: Vec<(String, String)>,

    /// Take kinds of Google's that the host does not have from this file, besides those that `[kinds]` names (see
    /// docs/own-kinds.md). May be repeated
    #[arg(long, value_name = "FILE.toml")]
    kinds: Vec<PathBuf>,
}

impl StackArguments {
    /// The configuration that the arguments describe.
    pub(crate) fn config(&self) -> Result<StackConfig> {
        let overrides = Overrides {
            file: self.config.clone(),
            cloud: self.cloud,
            values: self.values.clone(),
            kinds: self.kinds.clone(),
        };
        StackConfig::read(&self.stack, &overrides)
    }
}

/// What else judges a plan.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArguments {
    /// Have this policy judge the plan, too: a Wasm file. It is mandatory, and nothing in the stack or its
    /// configuration can switch it off. May be repeated
    #[arg(long = "policy", value_name = "FILE.wasm")]
    policies: Vec<PathBuf>,

    /// Set a parameter of a policy of the command line, which is called like its file, e.g.,
    /// `deletion-protection.temporary-buckets=["cache"]`. May be repeated
    #[arg(long = "policy-set", value_name = "NAME.KEY=VALUE", value_parser = parse_assignment)]
    parameters: Vec<(String, String)>,
}

impl PolicyArguments {
    /// Adds them to those of the configuration.
    pub(crate) fn add_to(&self, config: &mut StackConfig) -> Result<()> {
        config.policies.extend(policies_of_command_line(&self.policies, &self.parameters)?);
        Ok(())
    }
}

/// How long to wait for others.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct LockArguments {
    /// Wait so long for another run that holds the lock on the stack, e.g., `10m`. Without it, say who it
    /// is and end
    #[arg(long = "lock-timeout", value_name = "DURATION", default_value = "0s", value_parser = parse_duration, hide_default_value = true)]
    pub(crate) timeout: Duration,
}
