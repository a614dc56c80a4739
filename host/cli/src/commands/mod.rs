//! The commands, one module each.

mod build;
mod cloud;
mod completions;
mod compose;
mod config;
mod confirm;
mod destroy;
mod doctor;
mod graph;
mod new;
mod outputs;
mod preview;
mod refresh;
mod schema;
mod selection;
mod stack;
mod state;
mod up;

use tokio::runtime::Runtime;

use crate::arguments::Global;
use crate::failure::{Code, Failure, Result};
use crate::render::Reporter;

/// What can be asked of the host.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Up(up::Up),
    Preview(preview::Preview),
    Refresh(refresh::Refresh),
    Destroy(destroy::Destroy),
    Outputs(outputs::Outputs),
    Graph(graph::Graph),
    Compose(compose::Compose),
    New(new::New),
    Build(build::Build),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(subcommand)]
    State(state::StateCommand),
    #[command(subcommand)]
    Cloud(cloud::Cloud),
    #[command(subcommand)]
    Schema(schema::Schema),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl Command {
    /// The word on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Preview(_) => "preview",
            Self::Refresh(_) => "refresh",
            Self::Destroy(_) => "destroy",
            Self::Outputs(_) => "outputs",
            Self::Graph(_) => "graph",
            Self::Config(_) => "config",
            Self::Compose(_) => "compose",
            Self::New(_) => "new",
            Self::Build(_) => "build",
            Self::State(_) => "state",
            Self::Cloud(_) => "cloud",
            Self::Schema(_) => "schema",
            Self::Doctor(_) => "doctor",
            Self::Completions(_) => "completions",
        }
    }

    /// Carries the command out.
    pub(crate) fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        match self {
            Self::Up(up) => runtime()?.block_on(up.run(global, reporter)),
            Self::Preview(preview) => runtime()?.block_on(preview.run(reporter)),
            Self::Refresh(refresh) => runtime()?.block_on(refresh.run(global, reporter)),
            Self::Destroy(destroy) => runtime()?.block_on(destroy.run(global, reporter)),
            Self::Outputs(outputs) => runtime()?.block_on(outputs.run(global, reporter)),
            Self::Graph(graph) => runtime()?.block_on(graph.run(global, reporter)),
            Self::Config(config) => config.run(reporter),
            Self::Compose(compose) => compose.run(reporter),
            Self::State(state) => runtime()?.block_on(state.run(global, reporter)),
            Self::Cloud(cloud) => runtime()?.block_on(cloud.run(global, reporter)),
            Self::New(new) => new.run(reporter),
            Self::Build(build) => build.run(reporter),
            Self::Schema(schema) => schema.run(global),
            Self::Doctor(doctor) => runtime()?.block_on(doctor.run(reporter)),
            Self::Completions(completions) => Ok(completions.run()),
        }
    }
}

fn runtime() -> Result<Runtime> {
    // Another part may have chosen the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("The host cannot start its threads: {error}.")))
}
