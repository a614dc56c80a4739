//! Runs programs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mlflow_host_graph::{Diagnostic, Graph};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use wasmtime::component::{Component, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine, EngineWeak, OptLevel, RegallocAlgorithm, Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::collect::Collector;
use crate::logs::{LogLine, Logs, printable};
use crate::module::{self, root_cause};
use crate::sandbox::{self, Guest, SharedLogs, Task, contract};
use crate::{Catalogue, Failure, Inputs, Limits, ProgramError, World};

/// How often a running program is looked at.
const TICK: Duration = Duration::from_millis(20);
/// What the calls of a program may take of the machine's stack, in bytes. Interpreters written in C nest
/// deeply, and quick compilation makes every call dear: with a megabyte, Python cannot even nest a few lists.
const STACK: usize = 16 << 20;
/// The largest file that is a program, in bytes. Language runtimes take up to 20 MB.
pub const LARGEST_PROGRAM: usize = 128 << 20;
/// What a program may hand over in one call, in bytes. Each text has its own limit; this one holds before the host
/// has copied anything.
const CALL: usize = 16 << 20;
/// What a program may say, in bytes.
const LOG_BYTES: usize = 1 << 20;

/// What programs may use.
#[derive(Debug, Clone)]
pub struct ProgramHostConfig {
    /// Where compiled programs are kept, by content. Without it each run compiles.
    pub cache_directory: Option<PathBuf>,
    /// Memory of one program, in bytes.
    pub memory: usize,
    /// How long one program may run. Compiling does not count.
    pub deadline: Duration,
    /// How much one program may do, in a unit that is the same on every machine. Programs are compiled
    /// in another way when this is set.
    pub fuel: Option<u64>,
    /// How much one program may declare.
    pub limits: Limits,
}

impl Default for ProgramHostConfig {
    fn default() -> Self {
        Self {
            cache_directory: None,
            memory: 512 << 20,
            deadline: Duration::from_secs(10),
            fuel: None,
            limits: Limits::default(),
        }
    }
}

/// What a program gave.
#[derive(Debug)]
pub struct Outcome {
    /// What it declared.
    pub graph: Graph,
    /// What it said.
    pub logs: Vec<LogLine>,
    /// What is worth a look in its declarations.
    pub warnings: Vec<Diagnostic>,
    /// SHA-256 of its file, in hexadecimal.
    pub digest: String,
    /// The fuel that it used, if it was limited.
    pub fuel: Option<u64>,
}

/// Runs programs, each in a sandbox of its own.
pub struct ProgramHost {
    pub(crate) engine: Engine,
    linker: Linker<Guest<Collector>>,
    config: ProgramHostConfig,
}

impl ProgramHost {
    /// Sets up the sandbox.
    ///
    /// # Errors
    /// [`ProgramError::Setup`], e.g., when the cache directory cannot be made.
    pub fn new(config: ProgramHostConfig) -> Result<Self, ProgramError> {
        let setup = |error: wasmtime::Error| ProgramError::Setup(root_cause(&error));
        let engine = Engine::new(&engine_config(&config)?).map_err(setup)?;
        let linker = sandbox::linker(&engine).map_err(setup)?;
        tick(engine.weak())?;
        Ok(Self { engine, linker, config })
    }

    /// Runs a program to its end and gives what it declared. Call it inside a tokio runtime with time
    /// enabled; it occupies its task's thread while the program runs, and a blocking thread while it is
    /// compiled.
    ///
    /// # Errors
    /// A [`Failure`] with one of the reasons of [`ProgramError`], and what the program said.
    pub async fn run(
        &self,
        program: Bytes,
        inputs: &Inputs,
        catalogue: Arc<dyn Catalogue>,
    ) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let component = self.load(program.clone(), World::Stack);
        // Meanwhile: with a language runtime in the program, both take a while.
        let digest = hex::encode(Sha256::digest(&program));
        let component = component.await?;
        let run = inputs.digest(&digest);
        let limits = self.config.limits.clone();
        let collector = Collector::new(catalogue, Arc::new(inputs.clone()), limits, &run);
        let (guest, logs) = self.guest(collector, &run);
        let result = self.execute(&component, guest).await;
        let logs = sandbox::lock(&logs).finish();
        // `scripts/bench-languages` reads it.
        tracing::debug!(microseconds = begun.elapsed().as_micros(), "a program was loaded and has run");
        match result {
            Ok((graph, warnings, fuel)) => Ok(Outcome { graph, logs, warnings, digest, fuel }),
            Err(error) => Err(Failure { error, logs }),
        }
    }

    /// Begins to load a program at once, on a blocking thread.
    pub(crate) fn load(
        &self,
        program: Bytes,
        world: World,
    ) -> impl Future<Output = Result<Component, ProgramError>> + use<> {
        let engine = self.engine.clone();
        let cache = self.config.cache_directory.clone();
        loaded(tokio::task::spawn_blocking(move || module::load(&engine, &program, cache.as_deref(), world)))
    }

    /// A program's own corner, and what it will have said there.
    pub(crate) fn guest<T: Task>(&self, task: T, run: &[u8; 32]) -> (Guest<T>, SharedLogs) {
        let logs = Arc::new(Mutex::new(Logs::new(LOG_BYTES)));
        (Guest::new(task, &logs, self.config.memory, run), logs)
    }

    async fn execute(
        &self,
        component: &Component,
        mut guest: Guest<Collector>,
    ) -> Result<(Graph, Vec<Diagnostic>, Option<u64>), ProgramError> {
        let linked = self.linker.instantiate_pre(component).and_then(contract::StackPre::new);
        let linked = linked.map_err(|error| unlinkable(&error))?;
        let program = async |store: &mut Store<Guest<Collector>>| {
            let stack = linked.instantiate_async(&mut *store).await?;
            stack.call_run(store).await
        };
        guest.task.end_at(Instant::now() + self.config.deadline);
        let Ended { result, guest, fuel } = self.confine(guest, program).await?;
        match result {
            Err(error) => Err(after_problems(error, guest.task)),
            Ok(Err(message)) => {
                Err(after_problems(ProgramError::Failed(last_words(&guest, &message)), guest.task))
            }
            Ok(Ok(())) => match guest.task.finish() {
                Ok((graph, warnings)) => Ok((graph, warnings, fuel)),
                Err(problems) => Err(ProgramError::Invalid(problems)),
            },
        }
    }

    /// Runs a program within the limits. The error of this function is the host's; what becomes of the
    /// program is in the result.
    pub(crate) async fn confine<T: Task, R>(
        &self,
        guest: Guest<T>,
        program: impl AsyncFnOnce(&mut Store<Guest<T>>) -> wasmtime::Result<R>,
    ) -> Result<Ended<T, R>, ProgramError> {
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(CALL);
        store.set_epoch_deadline(ticks(self.config.deadline));
        if let Some(fuel) = self.config.fuel {
            store.set_fuel(fuel).map_err(|error| ProgramError::Setup(root_cause(&error)))?;
        }
        // The epoch stops a program that computes, the timeout one that sleeps in a call of the host.
        let ended = tokio::time::timeout(self.config.deadline + TICK, program(&mut store)).await;
        let fuel = self.config.fuel.map(|fuel| fuel - store.get_fuel().unwrap_or_default());
        let guest = store.into_data();
        let result = match ended {
            Err(_) => Err(ProgramError::Deadline(self.config.deadline)),
            Ok(Err(error)) => Err(self.crash(&error, &guest)),
            Ok(Ok(result)) => Ok(result),
        };
        Ok(Ended { result, guest, fuel })
    }

    fn crash<T>(&self, error: &wasmtime::Error, guest: &Guest<T>) -> ProgramError {
        if guest.memory.exceeded {
            return ProgramError::OutOfMemory { limit: self.config.memory };
        }
        let message = guest.last_words.clone();
        if let Some(I32Exit(status)) = error.downcast_ref() {
            return ProgramError::Trap { reason: format!("it ended itself with status {status}"), message };
        }
        let reason = match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => return ProgramError::Deadline(self.config.deadline),
            Some(Trap::OutOfFuel) => return ProgramError::OutOfFuel(self.config.fuel.unwrap_or_default()),
            Some(Trap::StackOverflow) => "it calls itself too deeply".to_owned(),
            // How compilers end a program after a panic.
            Some(Trap::UnreachableCodeReached) if message.is_some() => "panic".to_owned(),
            Some(Trap::UnreachableCodeReached) => "it stopped itself (`unreachable`)".to_owned(),
            Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
            None => root_cause(error),
        };
        ProgramError::Trap { reason, message }
    }
}

/// What a blocking thread has loaded. A panic there is a mistake of the host's, and says nothing about the program:
/// it goes on here.
async fn loaded<T>(loading: JoinHandle<Result<T, ProgramError>>) -> Result<T, ProgramError> {
    match loading.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is being shut down.
            Err(error) => Err(ProgramError::Setup(error.to_string())),
        },
    }
}

/// How a program ended, and what is left of it.
pub(crate) struct Ended<T, R> {
    pub(crate) result: Result<R, ProgramError>,
    pub(crate) guest: Guest<T>,
    /// What it used, if that was limited.
    pub(crate) fuel: Option<u64>,
}

pub(crate) fn unlinkable(error: &wasmtime::Error) -> ProgramError {
    ProgramError::Unlinkable(printable(&format!("{error:#}")))
}

/// The message of a program that gave up, within bounds.
pub(crate) fn last_words<T: Task>(guest: &Guest<T>, message: &str) -> String {
    guest.task.describe(message).chars().take(10_000).collect()
}

/// The end of a program, after what was wrong with its declarations: that is likely to be why.
fn after_problems(end: ProgramError, collector: Collector) -> ProgramError {
    let mut problems = collector.problems();
    if problems.is_empty() {
        return end;
    }
    let end = end.to_string();
    if !problems.iter().any(|problem| end.contains(&problem.message)) {
        problems.push(Diagnostic::error("ended", end));
    }
    ProgramError::Invalid(problems)
}

fn engine_config(config: &ProgramHostConfig) -> Result<Config, ProgramError> {
    let mut engine = Config::new();
    // A program runs for a millisecond: what users feel is how long it takes to compile.
    engine.cranelift_opt_level(OptLevel::None);
    engine.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    engine.max_wasm_stack(STACK);
    // What the host's own functions take comes on top.
    engine.async_stack_size(STACK + (2 << 20));
    engine.epoch_interruption(true);
    engine.consume_fuel(config.fuel.is_some());
    // NaN bits would differ between machines.
    engine.cranelift_nan_canonicalization(true);
    // Nobody gets to see where in the code a program crashed; without these, there is less to write and to read.
    engine.generate_address_map(false);
    engine.native_unwind_info(cfg!(windows));
    if let Some(directory) = &config.cache_directory {
        let setup =
            |error: String| ProgramError::Setup(format!("the cache `{}`: {error}", directory.display()));
        std::fs::create_dir_all(directory).map_err(|error| setup(error.to_string()))?;
        let directory = directory.canonicalize().map_err(|error| setup(error.to_string()))?;
        let mut cache = CacheConfig::new();
        // The quickest compression there is.
        cache.with_directory(directory).with_baseline_compression_level(1);
        engine.cache(Some(Cache::new(cache).map_err(|error| setup(root_cause(&error)))?));
    }
    Ok(engine)
}

/// Ticks until a deadline, at least one.
fn ticks(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Advances the engine's epoch for as long as the engine lives.
fn tick(engine: EngineWeak) -> Result<(), ProgramError> {
    let ticker = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new()
        .name("program-epoch".to_owned())
        .spawn(ticker)
        .map(drop)
        .map_err(|error| ProgramError::Setup(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "the encoder has a bug")]
    async fn a_panic_of_the_loader_is_not_the_programs() {
        let loading = tokio::task::spawn_blocking(|| panic!("the encoder has a bug"));
        let _: Result<(), _> = loaded(loading).await;
    }
}
