//! From the bytes of a file to a component that fits the contract.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

use crate::host::LARGEST_PROGRAM;
use crate::logs::printable;
use crate::{ProgramError, World};

const PACKAGE: &str = "mlflow-host:stack";
/// The version in `wit/stack.wit`. Versions that share its first two numbers can be linked.
const SUPPORTED: &str = "0.1.0";
const REVIEW: &str = "mlflow-host:stack/review@";
/// What language runtimes insist on; all of it leads nowhere.
const WASI_PACKAGES: &[&str] =
    &["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

impl World {
    /// The interfaces of the contract that such a program may import.
    fn interfaces(self) -> &'static [&'static str] {
        match self {
            Self::Stack => &["graph", "config", "assets", "log"],
            Self::Policy => &["log"],
        }
    }

    /// What such a program exports, for people.
    pub(crate) fn export(self) -> &'static str {
        match self {
            Self::Stack => "function `run`",
            Self::Policy => "interface `review`",
        }
    }
}

const MAGIC: &[u8] = b"\0asm";
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
const MODULE: &[u8] = &[1, 0, 0, 0];

/// A component from the bytes of a component, or of a core module that carries a component type. Wrapped
/// modules are kept in the `cache` directory, if there is one.
pub(crate) fn load(
    engine: &Engine,
    bytes: &[u8],
    cache: Option<&Path>,
    world: World,
) -> Result<Component, ProgramError> {
    let component = match form(bytes)? {
        Form::Module => wrapped(engine, bytes, cache, world)?,
        Form::Component => compile(engine, bytes)?,
    };
    let kind = component.component_type();
    check_imports(kind.imports(engine).map(|(name, _)| name), world)?;
    check_exports(kind.exports(engine).map(|(name, _)| name), world)?;
    Ok(component)
}

/// The bytes of a component: as they are, or of a core module that carries a component type, wrapped.
pub(crate) fn component<'a>(engine: &Engine, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, ProgramError> {
    Ok(match form(bytes)? {
        Form::Module => Cow::Owned(encode(engine, bytes, World::Stack)?),
        Form::Component => Cow::Borrowed(bytes),
    })
}

/// The two forms in which a stack may come.
enum Form {
    Module,
    Component,
}

fn form(bytes: &[u8]) -> Result<Form, ProgramError> {
    if bytes.len() > LARGEST_PROGRAM {
        return Err(ProgramError::TooLarge { limit: LARGEST_PROGRAM });
    }
    if bytes.is_empty() {
        return Err(ProgramError::Empty);
    }
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        if MAGIC.starts_with(bytes) {
            return Err(ProgramError::Malformed("it ends within its first 8 bytes".to_owned()));
        }
        return Err(ProgramError::NotWasm(beginning(bytes)));
    };
    match rest.get(..4) {
        None => Err(ProgramError::Malformed("it ends within its first 8 bytes".to_owned())),
        Some(MODULE) => Ok(Form::Module),
        Some(COMPONENT) => Ok(Form::Component),
        Some(_) => Err(ProgramError::Malformed("its version is unknown".to_owned())),
    }
}

fn compile(engine: &Engine, component: &[u8]) -> Result<Component, ProgramError> {
    Component::from_binary(engine, component).map_err(|error| ProgramError::Malformed(root_cause(&error)))
}

/// The component around a core module, from the cache if it is there. A cache that cannot be used or is
/// damaged costs time only.
fn wrapped(
    engine: &Engine,
    module: &[u8],
    cache: Option<&Path>,
    world: World,
) -> Result<Component, ProgramError> {
    let file = cache.map(|directory| {
        let digest = hex::encode(Sha256::digest(module));
        directory.join(format!("component-{}-{digest}.wasm", env!("CARGO_PKG_VERSION")))
    });
    let kept = file.as_ref().and_then(|file| fs::read(file).ok());
    if let Some(component) = kept.and_then(|component| compile(engine, &component).ok()) {
        return Ok(component);
    }
    let component = encode(engine, module, world)?;
    if let Some(file) = file {
        // Whole or not at all: another process may read it at this moment.
        let part = file.with_extension(format!("{}.part", std::process::id()));
        if let Err(error) = fs::write(&part, &component).and_then(|()| fs::rename(&part, &file)) {
            tracing::debug!(%error, file = %file.display(), "the component is not kept");
        }
    }
    compile(engine, &component)
}

/// Wraps a core module, with the adapter that its WASI preview 1 imports need, if it has any.
fn encode(engine: &Engine, module: &[u8], world: World) -> Result<Vec<u8>, ProgramError> {
    // The encoder trusts that a module is whole.
    Module::validate(engine, module).map_err(|error| ProgramError::Malformed(root_cause(&error)))?;
    let (typed, _) = wit_component::metadata::decode(module)
        .map_err(|error| ProgramError::Malformed(printable(&error.root_cause().to_string())))?;
    if typed.is_none() {
        return Err(ProgramError::NoComponentType(world));
    }
    let adapter = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
    let name = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
    // Without debugging names the component is smaller, and so is the time to compile it.
    ComponentEncoder::default()
        .validate(true)
        .debug_names(false)
        .module(module)
        .and_then(|encoder| encoder.adapter(name, adapter))
        .and_then(ComponentEncoder::encode)
        .map_err(|error| ProgramError::Unlinkable(printable(&format!("{error:#}"))))
}

/// Refuses another version of the contract, and everything that is neither the contract nor WASI 0.2.
fn check_imports<'a>(names: impl Iterator<Item = &'a str>, world: World) -> Result<(), ProgramError> {
    let mut unknown = Vec::new();
    for name in names {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let (package, short) = interface.split_once('/').unwrap_or((interface, ""));
        if package == PACKAGE {
            check_version(version, world)?;
        }
        let known = (package == PACKAGE && world.interfaces().contains(&short))
            || (WASI_PACKAGES.contains(&package) && version.starts_with("0.2."));
        if !known {
            unknown.push(printable(name));
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(ProgramError::UnknownImports { world, names: unknown }) }
}

/// Refuses what does not export what its world has, or that of another version.
fn check_exports<'a>(mut names: impl Iterator<Item = &'a str>, world: World) -> Result<(), ProgramError> {
    match world {
        World::Stack if names.any(|name| name == "run") => Ok(()),
        World::Policy => match names.find_map(|name| name.strip_prefix(REVIEW)) {
            Some(version) => check_version(version, world),
            None => Err(ProgramError::MissingExport(world)),
        },
        World::Stack => Err(ProgramError::MissingExport(world)),
    }
}

fn check_version(version: &str, world: World) -> Result<(), ProgramError> {
    if series(version) == series(SUPPORTED) {
        return Ok(());
    }
    Err(ProgramError::WrongVersion {
        world,
        found: printable(if version.is_empty() { "unknown" } else { version }),
        supported: SUPPORTED.to_owned(),
    })
}

/// The part of a version within which nothing breaks: `0.1` of `0.1.7`, `1` of `1.2.3`.
fn series(version: &str) -> Option<&str> {
    let mut dots = version.match_indices('.').map(|(at, _)| at);
    let first = dots.next()?;
    if &version[..first] == "0" { version.get(..dots.next()?) } else { version.get(..first) }
}

/// How a file starts, for people.
fn beginning(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(8)];
    match std::str::from_utf8(start) {
        Ok(text) if !text.chars().any(char::is_control) => format!("`{text}`"),
        _ => format!("the bytes {}", hex::encode(start)),
    }
}

/// The innermost message of an error, in one line.
pub(crate) fn root_cause(error: &wasmtime::Error) -> String {
    let cause = error.root_cause().to_string();
    printable(cause.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_what_may_break() {
        assert_eq!(series("0.1.7"), series("0.1.0"));
        assert_ne!(series("0.2.0"), series("0.1.0"));
        assert_eq!(series("1.2.3"), series("1.0.0"));
        assert_eq!(series(""), None);
    }

    #[test]
    fn the_supported_version_is_that_of_the_contract() {
        let files = [
            (World::Stack, include_str!("../../../wit/stack.wit")),
            (World::Policy, include_str!("../../../wit/policy.wit")),
        ];
        for (world, contract) in files {
            assert!(contract.contains(&format!("package {PACKAGE}@{SUPPORTED};")));
            assert!(contract.contains(&format!("\nworld {world} {{")));
            for interface in world.interfaces() {
                assert!(contract.contains(&format!("import {interface};")));
            }
        }
    }
}
