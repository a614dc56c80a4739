//! A graph of resources as a picture, in SVG.

use std::fmt::Write as _;

use mlflow_host_engine::Action;
use mlflow_host_graph::{Graph, Urn};

use super::layout::{Place, layout, needs};
use super::text::{escaped, shortened};

const WIDTH: usize = 230;
const HEIGHT: usize = 40;
const GAP: usize = 70;
const SPACE: usize = 14;
/// Characters that fit into a box.
const LETTERS: usize = 34;

/// The word for an action in style sheets.
pub(super) fn class(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete | Action::DeleteReplaced => "delete",
        Action::Adopt | Action::Forget => "adopt",
    }
}

/// A drawing of what a program declares, with a class for what is done with each resource.
pub(super) fn svg(graph: &Graph, action: impl Fn(&Urn) -> Option<Action>) -> String {
    let resources = &graph.resources;
    let needs = needs(graph);
    let places = layout(&needs);
    let left = |place: Place| place.column * (WIDTH + GAP) + 1;
    let top = |place: Place| place.row * (HEIGHT + SPACE) + 1;
    let width = places.iter().map(|place| left(*place) + WIDTH + 1).max().unwrap_or(0);
    let height = places.iter().map(|place| top(*place) + HEIGHT + 1).max().unwrap_or(0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    for (place, needed) in places.iter().zip(&needs) {
        for need in needed {
            let (from, to) = (left(places[*need]) + WIDTH, left(*place));
            let (start, end) = (top(places[*need]) + HEIGHT / 2, top(*place) + HEIGHT / 2);
            let middle = usize::midpoint(from, to);
            let _ = writeln!(
                text,
                "<path d=\"M{from} {start}C{middle} {start} {middle} {end} {to} {end}\" fill=\"none\" \
                 stroke=\"#999\"/>"
            );
        }
    }
    for (resource, place) in resources.iter().zip(&places) {
        let (x, y) = (left(*place), top(*place));
        let class = action(&resource.urn).map_or("", class);
        let (kind, name) = (resource.urn.kind().as_str(), resource.urn.name());
        let _ = writeln!(
            text,
            "<g class=\"{class}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             rx=\"5\" fill=\"#fff\" stroke=\"currentColor\"/><text x=\"{}\" y=\"{}\" fill=\"#666\">{}</text>\
             <text x=\"{}\" y=\"{}\" fill=\"currentColor\">{}</text></g>",
            escaped(&resource.urn.to_string()),
            x + 8,
            y + 16,
            escaped(&shortened(kind, LETTERS)),
            x + 8,
            y + 31,
            escaped(&shortened(name, LETTERS)),
        );
    }
    text.push_str("</svg>\n");
    text
}
