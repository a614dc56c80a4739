//! The report as one HTML file that loads nothing and runs nothing.

use std::fmt::Write as _;

use super::Report;
use crate::render::drawing::{class, svg};
use crate::render::text::escaped;

/// Resources in a drawing. More would only be a black square.
const MOST: usize = 500;
use crate::config::PolicyLevel;
use crate::render::text::{sign, subject, verb};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222}\
pre{background:#f6f8fa;padding:.8em;overflow:auto;font:13px/1.45 ui-monospace,monospace;border-radius:4px}\
summary{font:13px/1.8 ui-monospace,monospace;cursor:pointer}code{font:13px ui-monospace,monospace}\
td{padding:.1em 1.5em .1em 0;vertical-align:top}.create{color:#1a7f37}.update{color:#9a6700}.replace{color:#8250df}\
.delete{color:#cf222e}.adopt{color:#0969da}.bad{border-left:4px solid #cf222e}.careful{border-left:4px solid #9a6700}\
.good{border-left:4px solid #1a7f37}.graph{overflow:auto}";

/// The whole report.
pub(super) fn html(report: &Report<'_>) -> String {
    let title = escaped(&report.title());
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n{}",
        escaped(&report.place()),
        preformatted("", &report.summary())
    );
    let _ = write!(text, "<h2>Policies</h2>\n{}", preformatted(verdict(report), &report.policies()));
    if !report.plan.operations.is_empty() {
        text.push_str("<h2>Operations</h2>\n");
    }
    for operation in &report.plan.operations {
        let _ = write!(
            text,
            "<details open><summary class=\"{}\">{} {} {}</summary>\n{}</details>\n",
            class(operation.action),
            sign(operation.action),
            verb(operation.action),
            escaped(&subject(operation)),
            preformatted("", &report.operation(operation))
        );
    }
    let sections = [("Changes to the record", report.records()), ("Known only afterwards", report.unknown())];
    for (title, content) in sections.iter().filter(|(_, content)| !content.is_empty()) {
        let _ = write!(text, "<h2>{title}</h2>\n{}", preformatted("", content));
    }
    if !report.graph.resources.is_empty() {
        let count = report.graph.resources.len();
        let drawn = match count {
            0..=MOST => svg(report.graph, |urn| report.action(urn)),
            _ => format!("<p>{count} resources are too many to draw.</p>\n"),
        };
        let _ = write!(text, "<h2>Graph</h2>\n<div class=\"graph\">\n{drawn}</div>\n");
    }
    text.push_str("<h2>Made from</h2>\n<table>\n");
    for (name, source) in report.sources() {
        let _ = writeln!(text, "<tr><td>{name}</td><td><code>{}</code></td></tr>", escaped(source));
    }
    text.push_str("</table>\n</body>\n</html>\n");
    text
}

/// The colour of what the policies say.
fn verdict(report: &Report<'_>) -> &'static str {
    let violated = |level| {
        report.findings.iter().any(|finding| finding.level == level && !finding.violations.is_empty())
    };
    match () {
        () if violated(PolicyLevel::Mandatory) => "bad",
        () if violated(PolicyLevel::Advisory) => "careful",
        () if report.findings.is_empty() => "",
        () => "good",
    }
}

fn preformatted(class: &str, content: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<pre{class}>{}</pre>\n", escaped(content.trim_end()))
}
