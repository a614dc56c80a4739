//! Why a program gave no graph.

use std::fmt;
use std::time::Duration;

use mlflow_host_graph::Diagnostic;

use crate::logs::LogLine;

/// What a program is for: which function it exports, and what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Declares resources.
    Stack,
    /// Judges plans.
    Policy,
}

impl fmt::Display for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stack => "stack",
            Self::Policy => "policy",
        })
    }
}

/// A failed run: why, and what the program said before.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// Why.
    #[source]
    pub error: ProgramError,
    /// What the program said.
    pub logs: Vec<LogLine>,
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        Self { error, logs: Vec::new() }
    }
}

/// Why a program gave no graph. Nothing has been changed anywhere.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The engine could not be set up.
    #[error("The sandbox cannot be set up: {0}.")]
    Setup(String),
    /// The file is empty.
    #[error("The file is empty: build it again.")]
    Empty,
    /// The file is larger than any program.
    #[error("The file is larger than {} MiB, so it is not read: leave data out of the program.", .limit >> 20)]
    TooLarge {
        /// The most that a program may be, in bytes.
        limit: usize,
    },
    /// The file is something else.
    #[error("This is not WebAssembly: such a file starts with `\\0asm`, and this one starts with {0}.")]
    NotWasm(String),
    /// The file starts as it should and then does not make sense.
    #[error("The file is truncated or damaged: build it again ({0}).")]
    Malformed(String),
    /// A core module without the type of a component.
    #[error(
        "This is a WebAssembly module without a component type, so it is no {0}: build it with one of the SDKs, or add the type with `wasm-tools component embed`."
    )]
    NoComponentType(World),
    /// The program was built for another version of the contract.
    #[error(
        "The {world} was built for version {found} of the contract `mlflow-host:stack`, and this host speaks {supported}: build it again with the SDK of this host, or use a host that fits."
    )]
    WrongVersion {
        /// What the program is for.
        world: World,
        /// The version that the program wants.
        found: String,
        /// The version that this host has.
        supported: String,
    },
    /// The program wants what no stack gets.
    #[error(
        "The {world} asks for {}, which a {world} cannot have: it gets `mlflow-host:stack` and WASI 0.2 without a world around it. What another component exports, `mlflow-host compose` brings in.",
        listed(.names)
    )]
    UnknownImports {
        /// What the program is for.
        world: World,
        /// What it asks for.
        names: Vec<String>,
    },
    /// The program wants more of the contract than this host has.
    #[error("The program does not fit this host: {0}. Build it again with the SDK of this host.")]
    Unlinkable(String),
    /// A component was to be put into a stack that does not import anything of it.
    #[error("The stack uses nothing of what {0} exports: both must be built for the same interface.")]
    Unused(String),
    /// There is nothing to run.
    #[error(
        "The component has no {export}, so it is no {0}: export the world `{0}` of `mlflow-host:stack`.",
        export = .0.export()
    )]
    MissingExport(World),
    /// The program crashed.
    #[error("The program crashed: {}.", with_words(.reason, .message.as_deref()))]
    Trap {
        /// What happened, in few words.
        reason: String,
        /// The program's own last words, e.g., of a panic.
        message: Option<String>,
    },
    /// The program wanted more memory than it may have.
    #[error("The program needs more memory than its {} MiB.", .limit >> 20)]
    OutOfMemory {
        /// What it may have, in bytes.
        limit: usize,
    },
    /// The program ran for too long.
    #[error("The program did not end within {} seconds: look for an endless loop.", .0.as_secs_f64())]
    Deadline(Duration),
    /// The program did more than it may.
    #[error("The program did not end within {0} units of fuel.")]
    OutOfFuel(u64),
    /// The program gave up, with these words.
    #[error("The program failed: {0}")]
    Failed(String),
    /// The program ended, but what it declared is wrong.
    #[error("{}", problems(.0))]
    Invalid(Vec<Diagnostic>),
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn with_words(reason: &str, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{reason}: {}", message.trim_end_matches('.')),
        None => reason.to_owned(),
    }
}

fn problems(found: &[Diagnostic]) -> String {
    let count = match found.len() {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let lines: Vec<_> = found.iter().map(|problem| format!("  {problem}")).collect();
    format!("The stack has {count}:\n{}", lines.join("\n"))
}
