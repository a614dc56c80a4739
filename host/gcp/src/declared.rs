//! What is added to a stack's declarations before they are planned: the dependencies that Google has and no property
//! shows, and digests for tags of images.

use mlflow_host_gcp_api::kinds::{Kind, Kinds};
use mlflow_host_graph::{Diagnostic, Expression, Graph, PropertyMap, Resource, Role};

use crate::session::Session;
use crate::tree;

mod images;
mod needs;

/// Completes a graph; returns warnings.
pub(crate) async fn complete(session: &Session, graph: &mut Graph) -> Vec<Diagnostic> {
    needs::add(session.config.kinds, graph);
    images::pin(session, graph).await
}

/// The facts about a resource that is managed and of one of Google's kinds.
fn managed(kinds: Kinds, resource: &Resource) -> Option<&'static Kind> {
    kinds.get(resource.urn.kind().as_str()).filter(|_| resource.role == Role::Managed)
}

/// What is declared at a pattern of the table of facts (`[]` is any element, `{}` any value of a map).
fn at<'a>(properties: &'a PropertyMap<Expression>, pattern: &str) -> Vec<&'a Expression> {
    let steps = tree::steps(pattern);
    let Some((Some(first), rest)) = steps.split_first() else { return Vec::new() };
    let mut found: Vec<&Expression> = properties.get(first).into_iter().collect();
    for step in rest {
        let below = |expression: &'a Expression| match (step, expression) {
            (Some(name), Expression::Map(entries)) => entries.get(name).into_iter().collect(),
            (None, Expression::Map(entries)) => entries.values().collect(),
            (None, Expression::List(items)) => items.iter().collect(),
            _ => Vec::new(),
        };
        found = found.into_iter().flat_map(below).collect();
    }
    found
}

/// The same, to be changed.
fn at_mut<'a>(properties: &'a mut PropertyMap<Expression>, pattern: &str) -> Vec<&'a mut Expression> {
    let steps = tree::steps(pattern);
    let Some((Some(first), rest)) = steps.split_first() else { return Vec::new() };
    let mut found: Vec<&mut Expression> = properties.get_mut(first).into_iter().collect();
    for step in rest {
        let below = |expression: &'a mut Expression| match (step, expression) {
            (Some(name), Expression::Map(entries)) => entries.get_mut(name).into_iter().collect(),
            (None, Expression::Map(entries)) => entries.values_mut().collect(),
            (None, Expression::List(items)) => items.iter_mut().collect(),
            _ => Vec::new(),
        };
        found = found.into_iter().flat_map(below).collect();
    }
    found
}
