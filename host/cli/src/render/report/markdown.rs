//! The report as Markdown, as GitHub shows it.

use std::fmt::Write as _;

use super::Report;
use crate::render::GraphFormat;

/// The whole report.
pub(super) fn markdown(report: &Report<'_>) -> String {
    let mut text = format!("# {}\n\n{}\n\n{}", report.title(), report.place(), fenced("", &report.summary()));
    let _ = write!(text, "\n## Policies\n\n{}", fenced("", &report.policies()));
    let operations: String =
        report.plan.operations.iter().map(|operation| report.operation(operation)).collect();
    section(&mut text, "Operations", &format!("{operations}{}", report.records()));
    section(&mut text, "Known only afterwards", &report.unknown());
    if !report.graph.resources.is_empty() {
        let graph = GraphFormat::Mermaid.draw(&report.heading.stack, report.graph);
        let _ = write!(text, "\n## Graph\n\n{}", fenced("mermaid", &graph));
    }
    text.push_str("\n## Made from\n\n| | |\n|---|---|\n");
    for (name, source) in report.sources() {
        let _ = writeln!(text, "| {name} | `{source}` |");
    }
    text
}

fn section(text: &mut String, title: &str, content: &str) {
    if !content.is_empty() {
        let _ = write!(text, "\n## {title}\n\n{}", fenced("", content));
    }
}

/// A block that its content cannot end.
fn fenced(language: &str, content: &str) -> String {
    let longest = content.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", content.trim_end())
}
