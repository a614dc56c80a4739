//! One stack with its program, its state and its cloud, put together step by step:
//! declare → connect → lock → load → recover → plan → (ask, by the command) → carry out.

mod addresses;
mod archives;
mod catalogue;
mod clouds;
mod planning;
mod policies;
mod program;
mod record;
mod run;
mod saved;
mod stacks;
mod store;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlflow_host_engine::{
    Apply, ApplyError, Entry, Guard, Plan, Provider, State, StoreError, Summary, apply, lookups, recover,
};
use mlflow_host_graph::{Graph, Urn, Value};
use mlflow_host_state::{KeySource, StateStore};
use tokio::sync::watch;

use crate::config::StackConfig;
use crate::failure::{Code, Failure, Result};
use crate::interrupt;
use crate::render::{Ending, Output, Reporter, duration};

pub(crate) use addresses::read as local_addresses;
pub(crate) use clouds::own_program;
pub(crate) use planning::Wishes;
pub(crate) use run::holder;
pub(crate) use saved::PlanFile;
pub(crate) use store::{Place, variable};
pub(crate) use waiting::parse_duration;

/// Stands for the seed of a stack that has no state yet, in previews.
const PREVIEW_SEED: &str = "xxxxx";

/// How long to wait before another attempt at a lock that somebody holds.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

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
    /// The fuel that its program used, if that was to be counted.
    pub(crate) fuel: Option<u64>,
    /// Whether there is no state on disk yet.
    is_new: bool,
    /// What a state that is not there yet begins with, if that is known beforehand.
    seed: Option<String>,
    /// Whether the run holds the lock, and may therefore write.
    is_locked: bool,
    store: Arc<dyn StateStore>,
    /// Gives the lock back when a signal comes before a run has begun.
    watch: Option<interrupt::Watch>,
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
    /// What a refresh has found and the state on disk does not say yet.
    pub(crate) observed: &'a [Entry],
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
        session.fuel = declared.fuel;
        Ok(session)
    }

    /// A session for what needs the state only.
    pub(crate) fn without_program(config: StackConfig, reporter: &'a dyn Reporter) -> Self {
        Self {
            store: store::store(&config, None).into(),
            watch: None,
            state: State::new(&config.stack, config.state_target(), PREVIEW_SEED.to_owned()),
            config,
            secrets: BTreeMap::new(),
            graph: Graph::default(),
            program: None,
            fuel: None,
            is_new: true,
            seed: None,
            is_locked: false,
            endpoint: None,
            is_online: false,
            provider: None,
            reporter,
        }
    }

    /// Makes sure that the state can be read: one that is kept in the local cloud needs that to run.
    pub(crate) async fn reach(&mut self) -> Result<()> {
        if self.endpoint.is_none() && self.needs_cloud() {
            self.connect(true).await?;
        }
        Ok(())
    }

    /// Makes sure that another place can be reached, and leaves the store of this session as it is.
    pub(crate) async fn reach_for(&mut self, place: &Place) -> Result<()> {
        if self.endpoint.is_none() && matches!(place, Place::Bucket(_)) {
            self.endpoint = clouds::endpoint(&self.config, true, self.reporter).await?;
        }
        Ok(())
    }

    /// Whether there is a state.
    pub(crate) async fn exists(&mut self) -> Result<bool> {
        self.reach().await?;
        Ok(self.store.load().await?.is_some())
    }

    /// Takes the lock: nobody else changes this stack while the guard lives. Waits for a live holder as long
    /// as `patience` says.
    pub(crate) async fn lock(&mut self, command: &str, patience: Duration) -> Result<Box<dyn Guard>> {
        let begun = Instant::now();
        let mut has_told = false;
        loop {
            let error = match self.store.lock(&run::holder(command)).await {
                Ok(guard) => {
                    self.is_locked = true;
                    self.watch = Some(interrupt::Watch::over(Arc::clone(&self.store))?);
                    return Ok(guard);
                }
                Err(error) => error,
            };
            let StoreError::Locked { command, by, since, .. } = &error else { return Err(error.into()) };
            if begun.elapsed() >= patience {
                return Err(Box::<Failure>::from(error));
            }
            if !has_told {
                has_told = true;
                self.reporter.notice(&format!(
                    "Waiting up to {} for {command} by {by}, which holds the lock since {since}.",
                    duration(patience)
                ));
            }
            tokio::time::sleep(LOCK_PAUSE.min(patience.saturating_sub(begun.elapsed()))).await;
        }
    }

    /// The store, for those who look after the state itself.
    pub(crate) fn store(&self) -> &dyn StateStore {
        &*self.store
    }

    /// The store of this stack in another place.
    pub(crate) fn store_at(&self, place: &Place) -> Box<dyn StateStore> {
        store::store_at(place, &self.config, self.endpoint.as_deref())
    }

    /// What the secrets of the state are sealed with.
    pub(crate) fn key_source(&self) -> KeySource {
        store::key_source(&self.config, self.endpoint.as_deref())
    }

    /// How the target is reached; `None` for a local cloud that does not run.
    pub(crate) fn access(&self) -> Option<mlflow_host_gcp::GcpConfig> {
        store::access(&self.config, self.endpoint.as_deref())
    }

    /// Whether the state, or what opens its secrets, is in the cloud, which must then run for it to be read.
    fn needs_cloud(&self) -> bool {
        self.config.state_bucket.is_some() || self.config.state_key.is_some()
    }

    /// Reads the state, or begins one in memory.
    pub(crate) async fn load(&mut self) -> Result<()> {
        match self.store.load().await? {
            Some(loaded) => {
                loaded.notices.iter().for_each(|notice| self.reporter.notice(notice));
                self.state = loaded.state;
                self.is_new = false;
            }
            None => {
                let fresh = || self.is_locked.then(State::fresh_seed);
                if let Some(seed) = self.seed.clone().or_else(fresh) {
                    self.state.seed = seed;
                }
            }
        }
        if !self.is_locked && !self.state.open.is_empty() {
            self.reporter.notice(&format!(
                "An earlier run was interrupted: `mlflow-host up` first finishes what it began ({} open).",
                self.state.open.len()
            ));
        }
        if self.is_new && self.state.seed == PREVIEW_SEED {
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
        self.store = store::store(&self.config, self.endpoint.as_deref()).into();
        Ok(())
    }

    /// The cloud; without [`Session::connect`], one that answers only what can be known offline.
    pub(crate) fn provider(&self) -> Result<&dyn Provider> {
        self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))
    }

    /// Finishes what an interrupted run has begun.
    pub(crate) async fn recover(&mut self) -> Result<()> {
        self.check_kinds()?;
        let progress = self.reporter.progress(&Plan::default(), true);
        let provider =
            self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))?;
        recover(&mut self.state, provider, &*self.store, progress.as_ref()).await.map_err(apply_failure)?;
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
    pub(crate) async fn carry_out(&mut self, carry: Carry<'_>) -> Result<Code> {
        let (stop, listener) = interrupt::listen(self.reporter)?;
        self.watch = None;
        match listener.mind(self.apply(&carry, stop)).await {
            Ok(summary) => Ok(self.finish(&carry, summary?).await),
            Err(by) => self.leave(carry.command, carry.started, by).await,
        }
    }

    /// Ends the process while something is still on its way. The lock is given back if that can be done in
    /// time: the guard, which would take as long as it needs, is not dropped.
    async fn leave(&self, command: &'static str, started: Instant, by: tokio::time::Instant) -> ! {
        match tokio::time::timeout_at(by, self.store.release()).await {
            Ok(Ok(())) => {}
            _ => self.reporter.notice(
                "The lock on the state could not be given back: it goes by itself within two minutes, or with \
                 `mlflow-host state unlock`.",
            ),
        }
        let elapsed = started.elapsed();
        self.reporter.ending(&Ending { interrupted: true, elapsed, ..Ending::new(command, Code::Failed) });
        std::process::exit(i32::from(Code::Failed.number()))
    }

    /// Carries a plan out.
    async fn apply(&mut self, carry: &Carry<'_>, stop: watch::Receiver<bool>) -> Result<Summary> {
        let Carry { command, plan, lookups, observed, .. } = *carry;
        if self.is_new {
            let genesis = self.state.genesis();
            self.store.append(std::slice::from_ref(&genesis)).await?;
            self.state.apply(genesis);
            self.is_new = false;
        }
        if !observed.is_empty() {
            self.store.append(observed).await?;
        }
        let run = run::begin(command, self.program.clone());
        let provider =
            self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))?;
        let progress = self.reporter.progress(plan, !clouds::is_local(&self.config));
        let context = Apply {
            plan,
            graph: &self.graph,
            provider,
            secrets: &self.secrets,
            lookups,
            store: &*self.store,
            observer: progress.as_ref(),
            run: &run,
        };
        apply(context, &mut self.state, stop).await.map_err(apply_failure)
    }

    /// Shows how it went.
    async fn finish(&self, carry: &Carry<'_>, summary: Summary) -> Code {
        let Carry { command, plan, started, .. } = *carry;
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
            retry_at: self.held().map(|(_, deferral)| deferral.retry_at.clone()).min(),
            elapsed: started.elapsed(),
            ..Ending::new(command, code)
        });
        code
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
