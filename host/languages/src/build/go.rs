//! Go's own compiler, for WASI preview 1.

use std::process::Command;

use super::Project;
use crate::tools::{Tool, at_least, run};
use crate::{Language, LanguageError, bindings};

const GO: Tool = Tool {
    program: "go",
    question: &["env", "GOVERSION"],
    fits: |version| at_least(version, 1, 24),
    what: "Go 1.24 or newer",
    command: "curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz && \
              export PATH=$PATH:/usr/local/go/bin",
};

pub(super) const TOOLS: &[Tool] = &[GO];

pub(super) fn compile(project: &Project<'_>) -> Result<(), LanguageError> {
    GO.find()?;
    project.sdk(Language::Go)?;
    if let Some((directory, additions)) = project.bindings()? {
        bindings::go(&additions, project.directory, &directory)?;
    }
    run(Command::new(GO.program)
        .args(["build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o"])
        .arg(project.output)
        .arg(".")
        .current_dir(project.directory)
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm")]))?;
    project.add_type()
}
