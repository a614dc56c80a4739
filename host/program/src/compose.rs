//! One component of two: a stack, and what it uses.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PlugError, plug};
use wasmtime::Engine;

use crate::ProgramError;
use crate::logs::printable;
use crate::module;

/// Puts a stack and the components that it uses together in one component. Every import of the stack that one of
/// the components exports is bound to that export; what is left are imports of the host. Files may be components,
/// or core modules that carry a component type.
///
/// # Errors
/// When a file is no component, or when the stack uses none of what a component exports.
pub fn compose(stack: &[u8], components: &[(&str, &[u8])]) -> Result<Vec<u8>, ProgramError> {
    let engine = Engine::default();
    let mut composed = module::component(&engine, stack)?.into_owned();
    // One after the other: a component that nothing uses is then known by its name.
    for (name, bytes) in components {
        let component = module::component(&engine, bytes)?;
        composed = together(composed, component.into_owned(), name)?;
    }
    Ok(composed)
}

fn together(stack: Vec<u8>, component: Vec<u8>, name: &str) -> Result<Vec<u8>, ProgramError> {
    let unlinkable = |error: String| ProgramError::Unlinkable(printable(&error));
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: Vec<u8>| {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut())
            .map_err(|error| unlinkable(format!("{error:#}")))?;
        graph.register_package(package).map_err(|error| unlinkable(error.to_string()))
    };
    let socket = register("mlflow-host:the-stack", stack)?;
    let used = register("mlflow-host:the-component", component)?;
    plug(&mut graph, vec![used], socket).map_err(|error| match error {
        PlugError::NoPlugHappened => ProgramError::Unused(printable(name)),
        PlugError::GraphError { source } => unlinkable(format!("{source:#}")),
    })?;
    graph
        .encode(EncodeOptions { validate: true, ..EncodeOptions::default() })
        .map_err(|error| unlinkable(error.to_string()))
}
