//! componentize-py, as pinned: the interpreter, its library and the stack in one component.

use std::process::Command;

use super::Project;
use crate::tools::{PYTHON, Tool, python_packages, run};
use crate::{Language, LanguageError, world};

/// The compiler, by version and hashes.
const PINS: &str = include_str!("../../../../guest-sdk/python/build/requirements.txt");

pub(super) const TOOLS: &[Tool] = &[PYTHON];

pub(super) fn compile(project: &Project<'_>) -> Result<(), LanguageError> {
    let sdk = project.sdk(Language::Python)?;
    let python = PYTHON.find()?;
    let tools =
        project.tools.installed(Language::Python, &[PINS.as_bytes(), python.as_bytes()], |directory| {
            python_packages(directory, PINS)
        })?;
    let contract = project.contract(&tools)?;
    let compiler = || {
        let mut command = Command::new(tools.join("bin/componentize-py"));
        command.args(["--quiet", "--world", world::NAME, "--wit-path"]).arg(&contract);
        command
    };
    if let Some((directory, _)) = project.bindings()? {
        run(compiler().arg("bindings").arg(directory))?;
    }
    run(compiler()
        .arg("componentize")
        .arg("--python-path")
        .arg(project.directory)
        .arg("--python-path")
        .arg(sdk)
        .arg("--output")
        .arg(project.output)
        .arg("mlflow_host._component")
        // What is loaded while compiling is part of the component: no bytecode is left beside the sources, and no
        // packages of this machine get in.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("VIRTUAL_ENV", &tools))
}
