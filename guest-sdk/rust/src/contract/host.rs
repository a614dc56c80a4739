//! The imports of the component.

/// Generated from `wit/stack.wit`.
#[cfg(feature = "stack")]
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "stack",
        pub_export_macro: true,
        default_bindings_module: "::mlflow_host_sdk::__private::bindings",
        generate_unused_types: true,
    });
}

/// Generated from `wit/stack.wit`, without the export of a stack: a module that promises it must have it.
#[cfg(not(feature = "stack"))]
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "library",
        generate_unused_types: true,
    });
}

#[cfg(feature = "stack")]
pub use bindings::{Guest, export};

use bindings::mlflow_host::stack as imports;

pub(crate) use imports::config::{get as config_get, secret as config_secret, stack as config_stack};

pub(crate) fn declare(kind: &str, name: &str, properties: &str, options: &str) -> Option<u32> {
    imports::graph::declare(kind, name, properties, options).ok()
}

pub(crate) fn lookup(kind: &str, name: &str, properties: &str) -> Option<u32> {
    imports::graph::lookup(kind, name, properties).ok()
}

pub(crate) fn component(kind: &str, name: &str, parent: Option<u32>) -> Option<u32> {
    imports::graph::component(kind, name, parent).ok()
}

pub(crate) fn attribute(of: u32, path: &str) -> Option<String> {
    imports::graph::attribute(of, path).ok()
}

pub(crate) fn call(name: &str, operands: &str) -> Option<String> {
    imports::graph::call(name, operands).ok()
}

pub(crate) fn output(name: &str, value: &str) -> Option<()> {
    imports::graph::output(name, value).ok()
}

pub(crate) fn directory(path: &str, options: &str) -> Result<String, String> {
    imports::assets::directory(path, options)
}

pub(crate) fn log(level: crate::log::Level, message: &str) {
    use crate::log::Level as Ours;
    use imports::log::Level as Theirs;
    let level = match level {
        Ours::Debug => Theirs::Debug,
        Ours::Info => Theirs::Info,
        Ours::Warning => Theirs::Warning,
        Ours::Error => Theirs::Error,
    };
    imports::log::write(level, message);
}
