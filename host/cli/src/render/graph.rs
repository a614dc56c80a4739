//! A graph of resources, for programs that draw.

use std::fmt::Write as _;

use mlflow_host_graph::{Graph, Role};
use serde_json::json;

use super::drawing::svg;
use super::json::line;
use super::layout::needs;

/// A language for graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, as GitHub and many others show it in Markdown
    Mermaid,
    /// A picture, for browsers
    Svg,
}

impl GraphFormat {
    /// The whole graph.
    pub(crate) fn draw(self, stack: &str, graph: &Graph) -> String {
        match self {
            Self::Dot => dot(stack, graph),
            Self::Mermaid => mermaid(graph),
            Self::Svg => svg(graph, |_| None),
        }
    }
}

/// In Graphviz's language. Neither kinds nor names can hold characters that would have to be escaped.
fn dot(stack: &str, graph: &Graph) -> String {
    let mut text = format!(
        "digraph \"{stack}\" {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
    );
    for (number, resource) in graph.resources.iter().enumerate() {
        let style = if resource.role == Role::Lookup { ", style=\"rounded,dashed\"" } else { "" };
        let (kind, name) = (resource.urn.kind(), resource.urn.name());
        let _ = writeln!(text, "  n{number} [label=\"{kind}\\n{name}\"{style}];");
    }
    for (needed, number) in arrows(graph) {
        let _ = writeln!(text, "  n{needed} -> n{number};");
    }
    text.push_str("}\n");
    text
}

fn mermaid(graph: &Graph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (number, resource) in graph.resources.iter().enumerate() {
        let (kind, name) = (resource.urn.kind(), resource.urn.name());
        let _ = match resource.role {
            Role::Lookup => writeln!(text, "  n{number}([\"{kind}<br/>{name}\"])"),
            Role::Managed => writeln!(text, "  n{number}[\"{kind}<br/>{name}\"]"),
        };
    }
    for (needed, number) in arrows(graph) {
        let _ = writeln!(text, "  n{needed} --> n{number}");
    }
    text
}

/// From what is needed to what needs it, by their positions in the graph.
fn arrows(graph: &Graph) -> Vec<(usize, usize)> {
    let all = needs(graph).into_iter().enumerate();
    all.flat_map(|(number, needed)| needed.into_iter().map(move |needed| (needed, number))).collect()
}

/// The event `graph`.
pub(crate) fn graph_line(graph: &Graph) -> String {
    let resources: Vec<_> = graph
        .resources
        .iter()
        .map(|resource| {
            json!({
                "urn": resource.urn,
                "lookup": resource.role == Role::Lookup,
                "component": resource.parent,
                "needs": resource.dependencies(),
            })
        })
        .collect();
    line("graph", json!({"resources": resources}))
}
