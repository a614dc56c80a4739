//! `mlflow-host new`

use std::fmt::Write as _;
use std::path::PathBuf;

use mlflow_host_languages as languages;
use serde_json::json;

use super::build::failure;
use crate::arguments::Global;
use crate::failure::{Code, Result};
use crate::render;

/// Make a project for a stack.
///
/// It holds a small stack with a test, its configuration, an example for continuous
/// integration, and a copy of the language's SDK. `mlflow-host build` compiles it. What the
/// machine lacks for that is named with the command that installs it.
///
/// Examples:
///   mlflow-host new python tracking
///   mlflow-host new go stacks/tracking
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct New {
    /// The language to write the stack in
    #[arg(value_enum)]
    language: Language,
    /// The project's directory; its name becomes that of the stack
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// The languages as the command line spells them.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    Rust,
    Python,
    #[value(name = "typescript")]
    TypeScript,
    Go,
    C,
}

impl New {
    pub(crate) fn run(self, global: Global) -> Result<Code> {
        let language = match self.language {
            Language::Rust => languages::Language::Rust,
            Language::Python => languages::Language::Python,
            Language::TypeScript => languages::Language::TypeScript,
            Language::Go => languages::Language::Go,
            Language::C => languages::Language::C,
        };
        let name = languages::create(language, &self.directory).map_err(failure)?;
        let missing: Vec<_> = languages::missing(language).iter().map(ToString::to_string).collect();
        let directory = self.directory.display();
        let test = languages::test_command(language);
        if global.json {
            let line = json!({
                "version": 1, "event": "created", "language": language.word(), "directory": self.directory,
                "stack": name, "test": test, "missing": missing,
            });
            render::print(&format!("{line}\n"));
            return Ok(Code::Done);
        }
        let mut text = format!("{directory} holds a stack in {language}.\n\n");
        let steps = [
            (format!("mlflow-host build {directory}"), "compiles it"),
            (format!("mlflow-host preview {directory}/{name}.wasm --offline"), "shows what it would make"),
            (format!("(cd {directory} && {test})"), "tests it"),
        ];
        let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
        for (command, what) in steps {
            let _ = writeln!(text, "    {command:width$}  # {what}");
        }
        for missing in missing {
            let _ = writeln!(text, "\n{missing}");
        }
        render::print(&text);
        Ok(Code::Done)
    }
}
