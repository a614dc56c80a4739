//! What is added to a stack's declarations before they are planned: the dependencies that Google has and no property
//! shows, and digests for tags of images.

use mlflow_host_gcp_api::kinds::{Kind, Kinds};
use mlflow_host_graph::{Diagnostic, Expression, Graph, PropertyMap, Resource, Role};

use crate::session::Session;

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

/// What is declared at a path of the table of facts (`[]` is any element, `{}` any value of a map).
fn at<'a>(properties: &'a PropertyMap<Expression>, path: &str) -> Vec<&'a Expression> {
    let (name, depth, rest) = split(path);
    let mut found: Vec<&Expression> = properties.get(name).into_iter().collect();
    for _ in 0..depth {
        found = found
            .into_iter()
            .flat_map(|expression| match expression {
                Expression::List(items) => items.iter().collect(),
                Expression::Map(entries) => entries.values().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    let Some(rest) = rest else { return found };
    let below = |expression: &'a Expression| match expression {
        Expression::Map(inner) => at(inner, rest),
        _ => Vec::new(),
    };
    found.into_iter().flat_map(below).collect()
}

/// The same, to be changed.
fn at_mut<'a>(properties: &'a mut PropertyMap<Expression>, path: &str) -> Vec<&'a mut Expression> {
    let (name, depth, rest) = split(path);
    let mut found: Vec<&mut Expression> = properties.get_mut(name).into_iter().collect();
    for _ in 0..depth {
        found = found
            .into_iter()
            .flat_map(|expression| match expression {
                Expression::List(items) => items.iter_mut().collect(),
                Expression::Map(entries) => entries.values_mut().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    let Some(rest) = rest else { return found };
    let below = |expression: &'a mut Expression| match expression {
        Expression::Map(inner) => at_mut(inner, rest),
        _ => Vec::new(),
    };
    found.into_iter().flat_map(below).collect()
}

/// The first name of a path, how many levels of elements follow it, and the rest.
fn split(path: &str) -> (&str, usize, Option<&str>) {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let name = first.trim_end_matches(['[', ']', '{', '}']);
    (name, (first.len() - name.len()) / 2, rest)
}
