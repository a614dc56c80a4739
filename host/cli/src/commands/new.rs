//! `mlflow-host new`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mlflow_host_languages::{self as languages, Language};
use serde_json::json;

use super::build::failure;
use crate::failure::{Code, Result};
use crate::render::Reporter;

/// Make a project for a stack.
///
/// It holds a small stack with a test, its configuration, an example for
/// continuous integration, and a copy of the language's SDK. `mlflow-host build`
/// compiles it. What the machine lacks for that is named with the command that
/// installs it.
///
/// Examples:
///   mlflow-host new python tracking
///   mlflow-host new go stacks/tracking
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct New {
    /// The language to write the stack in
    #[arg(value_parser = language())]
    language: Language,
    /// The project's directory; its name becomes that of the stack
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl New {
    pub(crate) fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        let language = self.language;
        let name = languages::create(language, &self.directory).map_err(failure)?;
        let missing: Vec<_> = languages::missing(language).iter().map(ToString::to_string).collect();
        let directory = self.directory.display();
        let test = languages::test_command(language);
        let fields = json!({
            "language": language.word(), "directory": self.directory, "stack": name, "test": test,
            "missing": missing,
        });
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
        reporter.answer("created", fields, &text);
        Ok(Code::Done)
    }
}

/// The languages by the words that they have on the command line.
fn language() -> impl TypedValueParser<Value = Language> {
    PossibleValuesParser::new(Language::ALL.map(Language::word)).try_map(|word| {
        Language::ALL.into_iter().find(|language| language.word() == word).ok_or("there is no such language")
    })
}
