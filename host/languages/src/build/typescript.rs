//! TypeScript's checker, esbuild and componentize-js, as pinned: a JavaScript engine and the stack in one component.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Project;
use crate::tools::{Tool, at_least, run};
use crate::{Language, LanguageError, world};

/// The compilers, by version and hashes.
const PACKAGES: &str = include_str!("../../../../guest-sdk/typescript/build/package.json");
const PINS: &str = include_str!("../../../../guest-sdk/typescript/build/package-lock.json");
const SCRIPT: &str = include_str!("../../../../guest-sdk/typescript/build/build.mjs");

const NODE: Tool = Tool {
    program: "node",
    question: &["--version"],
    fits: |version| at_least(version, 20, 11),
    what: "Node.js 20.11 or newer",
    command: "curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs",
};
const NPM: Tool = Tool { program: "npm", fits: |_| true, what: "npm", ..NODE };

pub(super) const TOOLS: &[Tool] = &[NODE, NPM];

pub(super) fn compile(project: &Project<'_>) -> Result<(), LanguageError> {
    let sdk = project.sdk(Language::TypeScript)?;
    let node = NODE.find()?;
    let tools =
        project.tools.installed(Language::TypeScript, &[PINS.as_bytes(), node.as_bytes()], install)?;
    let script = tools.join("build.mjs");
    fs::write(&script, SCRIPT).map_err(LanguageError::disk(&script))?;
    let contract = project.contract(&tools)?;
    if let Some((directory, _)) = project.bindings()? {
        run(Command::new(tools.join("node_modules/.bin/jco"))
            .arg("guest-types")
            .arg(&contract)
            .args(["--world-name", world::NAME, "--quiet", "--out-dir"])
            .arg(directory))?;
    }
    if project.directory.join("tsconfig.json").exists() {
        run(Command::new(tools.join("node_modules/.bin/tsc"))
            .args(["--noEmit", "--project"])
            .arg(project.directory))?;
    }
    run(Command::new(NODE.program)
        .arg(script)
        .arg(project.directory)
        .arg(sdk)
        .arg(contract)
        .arg(project.output))
}

fn install(directory: &Path) -> Result<(), LanguageError> {
    NPM.find()?;
    for (name, text) in [("package.json", PACKAGES), ("package-lock.json", PINS)] {
        let file = directory.join(name);
        fs::write(&file, text).map_err(LanguageError::disk(&file))?;
    }
    run(Command::new(NPM.program)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(directory))
}
