//! `mlflow-host completions`

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Code;
use crate::render;

/// Write completions for a shell to standard output.
///
/// Example:
///   mlflow-host completions bash > ~/.local/share/bash-completion/completions/mlflow-host
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Code {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "mlflow-host", &mut script);
        render::print(&String::from_utf8_lossy(&script));
        Code::Done
    }
}
