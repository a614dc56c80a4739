//! A plan for reviewers, in a file.
//!
//! Its pieces are those that the terminal shows. Everything that a program or a policy has had a say in stands
//! inside of fences or is escaped, so that a stack cannot write into the report of its own review.

mod html;
mod markdown;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use mlflow_host_engine::{Action, Operation, Plan, PlanDigests};
use mlflow_host_graph::{Graph, Urn, Value};

use super::{Finding, Heading, Paint, plan, policies};
use crate::failure::{Failure, Result};
use crate::files;

/// Everything that a reviewer gets to see.
pub(crate) struct Report<'a> {
    /// What the plan is about.
    pub(crate) heading: &'a Heading,
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// What the policies say of it.
    pub(crate) findings: &'a [Finding],
    /// What it was made from.
    pub(crate) digests: &'a PlanDigests,
    /// What the program declared.
    pub(crate) graph: &'a Graph,
}

/// A file for a report, in the language that its name asks for.
#[derive(Debug, Clone)]
pub(crate) struct ReportFile {
    path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Markdown,
    Html,
}

impl ReportFile {
    /// For clap.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("md") => Ok(Self { path, format: Format::Markdown }),
            Some("html") => Ok(Self { path, format: Format::Html }),
            _ => Err("name a file that ends in `.md` or `.html`".to_owned()),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, report: &Report<'_>) -> Result<()> {
        let text = match self.format {
            Format::Markdown => markdown::markdown(report),
            Format::Html => html::html(report),
        };
        files::replace(&self.path, text.as_bytes()).map_err(|error| {
            Failure::new(format!("The report cannot be written to {}: {error}.", self.path.display()))
        })
    }
}

const PLAIN: Paint = Paint::new(false);

impl Report<'_> {
    fn title(&self) -> String {
        format!("Plan for stack {}", self.heading.stack)
    }

    fn place(&self) -> String {
        let Heading { cloud_title, project, region, .. } = self.heading;
        format!("{cloud_title}, project {project}, region {region}")
    }

    fn summary(&self) -> String {
        plan::summary(self.heading, self.plan, PLAIN)
    }

    /// An operation in full.
    fn operation(&self, operation: &Operation) -> String {
        let mut text = String::new();
        plan::write_operation(&mut text, operation, self.heading, true, PLAIN);
        text
    }

    /// What changes in the record alone.
    fn records(&self) -> String {
        plan::records(self.plan, PLAIN)
    }

    fn policies(&self) -> String {
        match policies::policies(self.findings, PLAIN) {
            text if text.is_empty() => "No policies are configured.\n".to_owned(),
            text => text.trim_start().to_owned(),
        }
    }

    /// Every value that only the cloud can tell, a line each.
    fn unknown(&self) -> String {
        let mut lines = Vec::new();
        for step in self.plan.operations.iter().flat_map(|operation| &operation.steps) {
            unknown_below(&step.inputs, &format!("{}: ", step.urn), "", &mut lines);
        }
        for (name, value) in &self.plan.outputs {
            unknown_below(value, "output ", name, &mut lines);
        }
        lines.concat()
    }

    /// What the plan was made from, by name.
    fn sources(&self) -> [(&'static str, &str); 6] {
        let PlanDigests { tool, stack, program, configuration, state, sources } = self.digests;
        [
            ("mlflow-host", tool),
            ("stack", stack),
            ("program", program),
            ("configuration", configuration),
            ("state", state),
            ("sources", sources),
        ]
    }

    /// What is done with a resource, if anything.
    fn action(&self, urn: &Urn) -> Option<Action> {
        let mut operations = self.plan.operations.iter();
        let found = operations.find(|operation| operation.steps.iter().any(|step| step.urn == *urn));
        found.map(|operation| operation.action)
    }
}

fn unknown_below(value: &Value, subject: &str, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Unknown => lines.push(format!("{subject}{path}\n")),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                unknown_below(item, subject, &format!("{path}[{index}]"), lines);
            }
        }
        Value::Map(entries) => {
            for (name, item) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                unknown_below(item, subject, &format!("{path}{dot}{name}"), lines);
            }
        }
        // Whether a part of a secret is known is nobody's business.
        _ => {}
    }
}
