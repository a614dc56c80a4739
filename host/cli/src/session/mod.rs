//! One stack with its program, its state and its cloud, put together step by step:
//! declare → connect → lock → load → recover → look up → (plan, by the command) → carry out.

mod addresses;
mod catalogue;
mod clouds;
mod program;
mod run;

use std::collections::BTreeMap;
use std::time::Instant;

use mlflow_host_engine::{
    Apply, ApplyError, Guard, Plan, Provider, State, Store as _, Summary, apply, lookups, recover,
};
use mlflow_host_graph::{Graph, Urn, Value};
use mlflow_host_state::DirectoryStore;

use crate::config::StackConfig;
use crate::failure::{Code, Failure, Result};
use crate::interrupt;
use crate::render::{Ending, Output, Reporter};

pub(crate) use addresses::read as local_addresses;
pub(crate) use clouds::own_program;

/// Stands for the seed of a stack that has no state yet, in previews.
const PREVIEW_SEED: &str = "xxxxx";

/// One stack at work.
pub(crate) struct Session<'a> {
    /// What it is told.
    pub(crate) config: StackConfig,
    /// The secrets of the configuration.
    pub(crate) secrets: BTreeMap<String, String>,
    /// What its program declared; empty when it was not run.
    pub(crate) graph: Graph,
    /// What is recorded.
    pub(crate) state: State,
    /// SHA-256 of the program, hexadecimal.
    program: Option<String>,
    /// Whether there is no state on disk yet.
    is_new: bool,
    /// Whether the run holds the lock, and may therefore write.
    is_locked: bool,
    store: DirectoryStore,
    /// The address of the local cloud, once it is known.
    endpoint: Option<String>,
    /// Whether the cloud may be asked.
    is_online: bool,
    provider: Option<Box<dyn Provider>>,
    reporter: &'a dyn Reporter,
}

/// A plan to carry out.
pub(crate) struct Carry<'a> {
    /// `up` or `destroy`.
    pub(crate) command: &'static str,
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// What was looked up for it.
    pub(crate) lookups: &'a BTreeMap<Urn, Value>,
    /// When the command began.
    pub(crate) started: Instant,
}

impl<'a> Session<'a> {
    /// Runs the program of a stack.
    pub(crate) async fn declare(
        config: StackConfig,
        secrets: BTreeMap<String, String>,
        reporter: &'a dyn Reporter,
    ) -> Result<Self> {
        let declared = program::declare(&config, reporter).await?;
        let mut session = Self::without_program(config, reporter);
        session.secrets = secrets;
        session.graph = declared.graph;
        session.program = Some(declared.digest);
        Ok(session)
    }

    /// A session for what needs the state only.
    pub(crate) fn without_program(config: StackConfig, reporter: &'a dyn Reporter) -> Self {
        Self {
            store: run::store(&config),
            state: State::new(&config.stack, config.state_target(), PREVIEW_SEED.to_owned()),
            config,
            secrets: BTreeMap::new(),
            graph: Graph::default(),
            program: None,
            is_new: true,
            is_locked: false,
            endpoint: None,
            is_online: false,
            provider: None,
            reporter,
        }
    }

    /// Whether there is a state.
    pub(crate) async fn exists(&self) -> Result<bool> {
        Ok(self.store.load().await?.is_some())
    }

    /// Takes the lock: nobody else changes this stack while the guard lives.
    pub(crate) async fn lock(&mut self, command: &str) -> Result<Box<dyn Guard>> {
        let guard = self.store.lock(&run::holder(command)).await?;
        self.is_locked = true;
        Ok(guard)
    }

    /// Reads the state, or begins one in memory.
    pub(crate) async fn load(&mut self) -> Result<()> {
        match self.store.load().await? {
            Some(loaded) => {
                loaded.notices.iter().for_each(|notice| self.reporter.notice(notice));
                self.state = loaded.state;
                self.is_new = false;
            }
            None if self.is_locked => self.state.seed = State::fresh_seed(),
            None => {}
        }
        if !self.is_locked && !self.state.open.is_empty() {
            self.reporter.notice(&format!(
                "An earlier run was interrupted: `mlflow-host up` first finishes what it began ({} open).",
                self.state.open.len()
            ));
        }
        if self.is_new && !self.is_locked {
            self.reporter.notice(&format!(
                "Nothing is recorded of this stack yet: generated names are shown with `{PREVIEW_SEED}` at \
                 their end."
            ));
        }
        self.provider = Some(self.build_provider());
        Ok(())
    }

    /// Makes the cloud available, before the state is read. The local cloud is started if `start` says so;
    /// otherwise it is used when it runs.
    pub(crate) async fn connect(&mut self, start: bool) -> Result<()> {
        self.endpoint = clouds::endpoint(&self.config, start, self.reporter).await?;
        self.is_online = self.endpoint.is_some() || !clouds::is_local(&self.config);
        // A local cloud that has never run has got its identity only now.
        self.store = run::store(&self.config);
        Ok(())
    }

    /// The cloud; without [`Session::connect`], one that answers only what can be known offline.
    pub(crate) fn provider(&self) -> Result<&dyn Provider> {
        self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))
    }

    /// Finishes what an interrupted run has begun.
    pub(crate) async fn recover(&mut self) -> Result<()> {
        let progress = self.reporter.progress(&Plan::default(), true);
        let provider =
            self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))?;
        recover(&mut self.state, provider, &self.store, progress.as_ref()).await.map_err(apply_failure)?;
        Ok(())
    }

    /// Reads what the stack looks up. Offline, nothing is known of it.
    pub(crate) async fn lookups(&self) -> Result<BTreeMap<Urn, Value>> {
        if !self.is_online {
            return Ok(BTreeMap::new());
        }
        lookups(&self.graph, self.provider()?, &self.secrets)
            .await
            .map_err(|problems| Failure::of_stack(&self.config.stack, problems))
    }

    /// Carries a plan out, and shows how it went.
    pub(crate) async fn carry_out(mut self, carry: Carry<'_>) -> Result<Code> {
        let Carry { command, plan, lookups, started } = carry;
        if self.is_new {
            let genesis = self.state.genesis();
            self.store.append(std::slice::from_ref(&genesis)).await?;
            self.state.apply(genesis);
        }
        let run = run::begin(command, self.program.clone());
        let summary = {
            let provider =
                self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))?;
            let progress = self.reporter.progress(plan, !clouds::is_local(&self.config));
            let context = Apply {
                plan,
                graph: &self.graph,
                provider,
                secrets: &self.secrets,
                lookups,
                store: &self.store,
                observer: progress.as_ref(),
                run: &run,
            };
            let (stop, listener) = interrupt::listen(self.reporter)?;
            listener.mind(apply(context, &mut self.state, stop)).await.map_err(apply_failure)?
        };
        let code = code_of(&summary);
        if command == "up" && code == Code::Done {
            self.reporter.outputs(&self.outputs().await, false);
        }
        self.reporter.ending(&Ending {
            counts: summary.done,
            unchanged: plan.unchanged.len(),
            failed: summary.failed,
            skipped: summary.skipped,
            deferred: summary.deferred,
            interrupted: summary.interrupted,
            elapsed: started.elapsed(),
            ..Ending::new(command, code)
        });
        Ok(code)
    }

    /// The recorded outputs, with the addresses that the local cloud serves them at.
    pub(crate) async fn outputs(&self) -> Vec<Output> {
        let Some(entries) = self.state.outputs.as_map() else { return Vec::new() };
        let addresses = match &self.endpoint {
            Some(endpoint) => addresses::read(endpoint).await,
            None => BTreeMap::new(),
        };
        let output = |(name, value): (&String, &Value)| Output {
            name: name.clone(),
            local: value
                .as_str()
                .filter(|_| !value.is_secret())
                .and_then(|url| addresses::local(url, &addresses)),
            value: value.clone(),
        };
        entries.iter().map(output).collect()
    }

    fn build_provider(&self) -> Box<dyn Provider> {
        clouds::provider(&self.config, &self.state, &self.graph, self.endpoint.as_deref(), self.is_online)
    }
}

fn code_of(summary: &Summary) -> Code {
    match summary {
        _ if summary.failed > 0 || summary.skipped > 0 || summary.interrupted => Code::Failed,
        _ if summary.deferred > 0 => Code::Deferred,
        _ => Code::Done,
    }
}

/// The state can be behind what the cloud has done: the next run finds out.
fn apply_failure(error: ApplyError) -> Box<Failure> {
    let failure = match error {
        ApplyError::Store(error) => Box::<Failure>::from(error),
        error => Failure::new(error.to_string()),
    };
    failure.with_code(Code::Failed).with_hint("Run the same command again: it goes on from what is recorded.")
}
