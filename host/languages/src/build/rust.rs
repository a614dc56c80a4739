//! Cargo, with whatever toolchain for Wasm the machine can have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::Project;
use crate::tools::Tool;
use crate::{Language, LanguageError};

/// Finds or installs the toolchain.
const SCRIPT: &str = include_str!("../../../../scripts/wasm-cargo");

const CARGO: Tool = Tool {
    program: "cargo",
    question: &["--version"],
    fits: |_| true,
    what: "Rust",
    command: "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"$HOME/.cargo/env\"",
};

pub(super) const TOOLS: &[Tool] = &[CARGO];

pub(super) fn compile(project: &Project<'_>) -> Result<(), LanguageError> {
    CARGO.find()?;
    project.sdk(Language::Rust)?;
    let manifest = project.directory.join("Cargo.toml");
    let output = Command::new("sh")
        .args(["-c", SCRIPT, "wasm-cargo", "build", "--release", "--message-format=json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&manifest)
        .env("WASM_CARGO_ROOT", project.directory)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(LanguageError::disk(&manifest))?;
    if !output.status.success() {
        return Err(LanguageError::ToolFailed { tool: "cargo".to_owned(), status: output.status });
    }
    let module = module(&String::from_utf8_lossy(&output.stdout), &manifest).ok_or_else(|| {
        LanguageError::NoStack("Cargo.toml needs `crate-type = [\"cdylib\"]` under `[lib]`".to_owned())
    })?;
    fs::copy(&module, project.output).map(drop).map_err(LanguageError::disk(&module))
}

/// The module that Cargo has made of the package with this manifest, from its messages.
fn module(messages: &str, manifest: &Path) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_found_among_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","filenames":["/a/a.wasm"]}
            no JSON
            {"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/p/p.d","/p/p.wasm"]}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(module(messages, Path::new("/p/Cargo.toml")), Some(PathBuf::from("/p/p.wasm")));
        assert_eq!(module(messages, Path::new("/q/Cargo.toml")), None);
    }
}
