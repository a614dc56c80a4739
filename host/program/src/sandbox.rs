//! The world as a program sees it: the contract, and an empty WASI.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, ResourceLimiter};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

use crate::collect::{Collector, Refusal};
use crate::logs::{Level, Logs, printable};

/// Generated from `wit/stack.wit`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub(crate) mod contract {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "stack",
        exports: { default: async },
    });
}

use contract::mlflow_host::stack::{assets, config, graph, log};

/// 2026-01-01, when time stands still.
const FROZEN: Duration = Duration::from_secs(1_767_225_600);
/// As long as the repetition of the bytes that pass for random is.
const RANDOM_BYTES: usize = 1 << 16;

/// What a program is there for, as far as the sandbox has to know.
pub(crate) trait Task: Send + 'static {
    /// A text of the program's, in words and safe to print.
    fn describe(&self, text: &str) -> String;
}

impl Task for Collector {
    fn describe(&self, text: &str) -> String {
        self.describe(text)
    }
}

/// A program that gives its result back and calls for nothing.
impl Task for () {
    fn describe(&self, text: &str) -> String {
        printable(text)
    }
}

/// What a store holds.
pub(crate) struct Guest<T> {
    pub(crate) task: T,
    pub(crate) memory: MemoryLimit,
    logs: SharedLogs,
    /// The last error that the program wrote: the words of a panic, if it crashes.
    pub(crate) last_words: Option<String>,
    wasi: WasiCtx,
    table: ResourceTable,
}

pub(crate) type SharedLogs = Arc<Mutex<Logs>>;

impl<T: Task> Guest<T> {
    pub(crate) fn new(task: T, logs: &SharedLogs, memory: usize, run: &[u8; 32]) -> Self {
        let output = |is_error| Output { logs: Arc::clone(logs), is_error };
        let seed = u128::from_le_bytes(run.first_chunk().copied().unwrap_or_default());
        // The builder's defaults: no arguments, no variables, no directories, no standard input.
        let wasi = WasiCtxBuilder::new()
            .stdout(output(false))
            .stderr(output(true))
            .wall_clock(FrozenClock)
            .monotonic_clock(FrozenClock)
            .secure_random(random_bytes(run))
            .insecure_random(random_bytes(run))
            .insecure_random_seed(seed)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self {
            task,
            memory: MemoryLimit { limit: memory, used: 0, exceeded: false },
            logs: Arc::clone(logs),
            last_words: None,
            wasi,
            table: ResourceTable::new(),
        }
    }
}

/// The linker for every stack.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest<Collector>>> {
    let mut linker = Linker::new(engine);
    contract::Stack::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest<Collector>| guest)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

impl From<Refusal> for graph::Problem {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, message: refusal.message, path: refusal.path }
    }
}

impl graph::Host for Guest<Collector> {
    fn declare(
        &mut self,
        kind: String,
        name: String,
        properties: String,
        options: String,
    ) -> Result<u32, graph::Problem> {
        Ok(self.task.declare(&kind, &name, &properties, &options)?)
    }

    fn lookup(&mut self, kind: String, name: String, properties: String) -> Result<u32, graph::Problem> {
        Ok(self.task.lookup(&kind, &name, &properties)?)
    }

    fn component(&mut self, kind: String, name: String, parent: Option<u32>) -> Result<u32, graph::Problem> {
        Ok(self.task.component(&kind, &name, parent)?)
    }

    fn attribute(&mut self, of: u32, path: String) -> Result<String, graph::Problem> {
        Ok(self.task.attribute(of, &path)?)
    }

    fn call(&mut self, name: String, operands: String) -> Result<String, graph::Problem> {
        Ok(self.task.call(&name, &operands)?)
    }

    fn output(&mut self, name: String, value: String) -> Result<(), graph::Problem> {
        Ok(self.task.output(&name, &value)?)
    }
}

impl config::Host for Guest<Collector> {
    fn get(&mut self, key: String) -> Option<String> {
        let value = self.task.inputs().config.get(&key)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn secret(&mut self, key: String) -> Option<String> {
        self.task.secret(&key)
    }

    fn stack(&mut self) -> config::StackInfo {
        let inputs = self.task.inputs();
        config::StackInfo {
            name: inputs.stack.clone(),
            project: inputs.project.clone(),
            region: inputs.region.clone(),
        }
    }
}

impl assets::Host for Guest<Collector> {
    fn directory(&mut self, path: String, options: String) -> Result<String, String> {
        self.task.directory(&path, &options)
    }
}

impl<T: Task> log::Host for Guest<T> {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warning => Level::Warning,
            log::Level::Error => Level::Error,
        };
        let message = self.task.describe(&message);
        lock(&self.logs).write(level, &message);
        if level == Level::Error {
            self.last_words = Some(message.chars().take(2000).collect());
        }
    }
}

impl<T: Task> WasiView for Guest<T> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A panic while a line was written leaves whole lines, so the logs can still be used.
pub(crate) fn lock(logs: &Mutex<Logs>) -> std::sync::MutexGuard<'_, Logs> {
    logs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops a program that wants more memory than it may have. Counts all its memories and tables together.
pub(crate) struct MemoryLimit {
    limit: usize,
    used: usize,
    pub(crate) exceeded: bool,
}

/// What an element of a table takes at most, in bytes.
const TABLE_ELEMENT: usize = 16;

impl MemoryLimit {
    fn take(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(bytes);
        if used > self.limit {
            self.exceeded = true;
            // Most programs answer a refusal with an abort; the reason is clearer here.
            return Err(wasmtime::format_err!("out of memory"));
        }
        self.used = used;
        Ok(true)
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.take(desired.saturating_sub(current))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.take(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT))
    }
}

struct FrozenClock;

impl HostWallClock for FrozenClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        FROZEN
    }
}

impl HostMonotonicClock for FrozenClock {
    fn resolution(&self) -> u64 {
        1
    }

    /// Not zero: Go takes that for a broken clock, and stops.
    fn now(&self) -> u64 {
        1
    }
}

/// The same bytes on every run of the same program with the same inputs.
fn random_bytes(run: &[u8; 32]) -> Deterministic {
    let blocks = (0..RANDOM_BYTES / 32).flat_map(|block| {
        let mut hasher = Sha256::new_with_prefix(run);
        hasher.update(block.to_le_bytes());
        hasher.finalize()
    });
    Deterministic::new(blocks.collect())
}

/// The standard output or error of a program.
#[derive(Clone)]
struct Output {
    logs: SharedLogs,
    is_error: bool,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Preview 2 asks for the stream below.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        lock(&self.logs).write_piece(self.is_error, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(1 << 16)
    }
}
