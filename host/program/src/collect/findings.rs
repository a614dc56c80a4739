//! What is wrong, or worth a look: the first few, and how many more.

use mlflow_host_graph::{Diagnostic, Severity};

use super::token;
use crate::logs;

/// Diagnostics up to a number, safe to print.
#[derive(Debug)]
pub(crate) struct Findings {
    severity: Severity,
    kept: Vec<Diagnostic>,
    limit: usize,
    count: usize,
}

impl Findings {
    pub(crate) fn new(severity: Severity, limit: usize) -> Self {
        Self { severity, kept: Vec::new(), limit, count: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Counts it, and keeps it if there is room.
    pub(crate) fn add(&mut self, found: Diagnostic) {
        self.count += 1;
        if self.kept.len() < self.limit {
            self.kept.push(clean(found));
        }
    }

    /// What is kept, and a note about the rest.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        let more = self.count - self.kept.len();
        if more > 0 {
            let note = Diagnostic::error("too-many-problems", format!("There are {more} more."));
            self.kept.push(Diagnostic { severity: self.severity, ..note });
        }
        self.kept
    }
}

/// A diagnostic whose words are safe to print and of bearable length: some are the program's own.
pub(crate) fn clean(found: Diagnostic) -> Diagnostic {
    let clean = |text: String| {
        let mut text = logs::printable(&text.chars().take(1000).collect::<String>());
        text.retain(|character| !matches!(character, token::START | token::END));
        text
    };
    Diagnostic {
        message: clean(found.message),
        subject: found.subject.map(clean),
        path: found.path.map(clean),
        ..found
    }
}
