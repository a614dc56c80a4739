//! The one error that users see: a sentence, what to do about it, and the exit code.

use std::fmt;

use mlflow_host_engine::StoreError;
use mlflow_host_graph::Diagnostic;

/// How the process ends. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// All is as declared.
    Done = 0,
    /// An error; nothing has been changed.
    Error = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Some operations failed or were not begun; the next run goes on from there.
    Failed = 3,
    /// Something has to wait; come back later.
    Deferred = 4,
    /// A mandatory policy does not allow the plan; nothing has been changed.
    Refused = 5,
    /// Changes are pending (`preview --exit-code`).
    Pending = 10,
}

impl Code {
    /// The number for the operating system.
    pub(crate) fn number(self) -> u8 {
        self as u8
    }
}

/// Why a command cannot go on.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A sentence.
    pub(crate) message: String,
    /// What to do, in the order of likelihood.
    pub(crate) hints: Vec<String>,
    /// What is wrong with the stack, one by one.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// How the process ends.
    pub(crate) code: Code,
}

/// What nearly every function of this crate returns.
pub(crate) type Result<T, E = Box<Failure>> = std::result::Result<T, E>;

impl Failure {
    /// An error after which nothing has been changed.
    pub(crate) fn new(message: impl Into<String>) -> Box<Self> {
        Box::new(Self { message: message.into(), hints: vec![], diagnostics: vec![], code: Code::Error })
    }

    /// An error of the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Box<Self> {
        Self::new(message).with_code(Code::Usage)
    }

    /// What is wrong with a stack.
    pub(crate) fn of_stack(stack: &str, diagnostics: Vec<Diagnostic>) -> Box<Self> {
        let message = match diagnostics.len() {
            1 => format!("Stack `{stack}` has a problem; nothing has been changed."),
            count => format!("Stack `{stack}` has {count} problems; nothing has been changed."),
        };
        Box::new(Self { diagnostics, ..*Self::new(message) })
    }

    #[must_use]
    pub(crate) fn with_hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn with_code(mut self: Box<Self>, code: Code) -> Box<Self> {
        self.code = code;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<StoreError> for Box<Failure> {
    fn from(error: StoreError) -> Self {
        let failure = Failure::new(capitalised(&error.to_string()));
        match error {
            StoreError::Damaged { restore, .. } => failure.with_hint(restore),
            StoreError::Unreachable { remedy, .. } => failure.with_hint(remedy),
            StoreError::Locked { .. } => failure.with_hint(
                "Wait for it by yourself: add `--lock-timeout 10m` to `up`, `destroy` or `refresh`. If it is dead, the lock \
                 goes by itself within two minutes, or with `mlflow-host state unlock`.",
            ),
            _ => failure,
        }
    }
}

/// A clause as the beginning of a sentence.
pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The candidate that was probably meant, if one is near.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}
