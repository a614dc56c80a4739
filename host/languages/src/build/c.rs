//! Zig's C compiler, as pinned, which brings a C library for Wasm with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Project;
use crate::tools::{PYTHON, Tool, python_packages, run};
use crate::{Language, LanguageError, bindings};

/// The compiler, by version and hashes.
const PINS: &str = include_str!("../../../../guest-sdk/c/build/requirements.txt");

pub(super) const TOOLS: &[Tool] = &[PYTHON];

pub(super) fn compile(project: &Project<'_>) -> Result<(), LanguageError> {
    let sdk = project.sdk(Language::C)?;
    let python = PYTHON.find()?;
    let tools = project.tools.installed(Language::C, &[PINS.as_bytes(), python.as_bytes()], |directory| {
        python_packages(directory, PINS)
    })?;
    let mut inputs = sources(project.directory)?;
    inputs.extend(sources(&sdk)?.into_iter().filter(|source| !is_fake(source)));
    if let Some((directory, additions)) = project.bindings()? {
        bindings::c(additions, &directory)?;
        inputs.extend(["component.c", "component_component_type.o"].map(|file| directory.join(file)));
    }
    run(Command::new(tools.join("bin/python"))
        .args(["-m", "ziglang", "cc", "-std=c11", "-Wall", "-Wextra", "-target", "wasm32-wasi"])
        .args(["-mexec-model=reactor", "-Oz", "-s", "-I"])
        .arg(&sdk)
        .args(inputs)
        .arg("-o")
        .arg(project.output)
        .current_dir(project.directory)
        // Its own copy of the C library, compiled once.
        .env("ZIG_GLOBAL_CACHE_DIR", tools.join("cache"))
        .env("ZIG_LOCAL_CACHE_DIR", tools.join("cache")))?;
    project.add_type()
}

/// The C files of a directory, in order of names, without tests.
fn sources(directory: &Path) -> Result<Vec<PathBuf>, LanguageError> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).map_err(LanguageError::disk(directory))? {
        let path = entry.map_err(LanguageError::disk(directory))?.path();
        let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("test_"));
        if path.extension().is_some_and(|ending| ending == "c") && !is_test {
            sources.push(path);
        }
    }
    sources.sort();
    Ok(sources)
}

/// The host of tests stands in for the real one.
fn is_fake(source: &Path) -> bool {
    source.file_name().is_some_and(|name| name == "fake.c")
}
