//! Every command that the documentation shows is one that the command line understands.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use crate::arguments::Arguments;

/// What comes before a command in a transcript, a workflow, or a script.
const BEFORE: &[&str] = &["$ ", "- run: ", "run: "];
const PROGRAM: &str = "mlflow-host";

/// The files in which commands stand.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].iter().map(|name| root.join(name)).collect();
    let below = |directory: &str| {
        let entries = fs::read_dir(root.join(directory)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    files.extend(below("docs"));
    files.extend(below("docs/decisions"));
    files.extend(below("stacks"));
    files.extend(below("host/languages/templates/common"));
    files.extend(below("guest-sdk").into_iter().map(|sdk| sdk.join("README.md")));
    let readable = ["md", "yml", "toml"];
    files.retain(|file| {
        file.is_file() && file.extension().is_some_and(|ending| readable.iter().any(|known| ending == *known))
    });
    files
}

/// A command that a text shows, or only mentions.
#[derive(Debug, Clone, PartialEq)]
enum Command {
    Shown(String),
    /// In backticks: arguments may be left to the reader.
    Mentioned(String),
}

/// The commands in a text: lines, and what stands in backticks or `$(…)`.
fn commands(text: &str) -> Vec<Command> {
    let joined: String = text.split("\\\n").map(str::trim_start).collect();
    let mut found = Vec::new();
    for line in joined.lines() {
        let line = BEFORE.iter().fold(line.trim(), |line, before| line.strip_prefix(before).unwrap_or(line));
        found.extend(command(line).map(Command::Shown));
        found.extend(inside(line, "$(", ")").filter_map(command).map(Command::Shown));
        found.extend(inside(line, "`", "`").filter_map(command).map(Command::Mentioned));
    }
    found
}

/// What stands between two marks, each time that the first occurs.
fn inside<'a>(line: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(begin).skip(1).map(move |rest| rest.split(end).next().unwrap_or_default())
}

/// The arguments of the host in a line that runs it, with neither a comment nor what a table of examples says.
fn command(line: &str) -> Option<String> {
    let (program, rest) = line.split_once(' ')?;
    if program != PROGRAM && !program.ends_with("/mlflow-host") {
        return None;
    }
    let rest = rest.trim_start();
    let end = [" #", "  ", "`", " > ", " >> ", " | "].iter().filter_map(|end| rest.find(end)).min();
    Some(rest[..end.unwrap_or(rest.len())].trim().to_owned())
}

/// Why the command line does not understand a command.
fn misunderstood(command: &Command) -> Option<String> {
    let (Command::Shown(text) | Command::Mentioned(text)) = command;
    let Some(words) = shlex::split(text) else {
        return Some(format!("`{text}`: its quotes do not end"));
    };
    let error = Arguments::try_parse_from(std::iter::once(PROGRAM.to_owned()).chain(words)).err()?;
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        ErrorKind::MissingRequiredArgument => matches!(command, Command::Mentioned(_)),
        // The place of a language's name; an option that is named without its value.
        ErrorKind::InvalidValue => text.contains("LANGUAGE") || is_option_alone(command),
        _ => text.contains('…'),
    };
    (!is_fine).then(|| format!("`{text}`: {error}"))
}

/// Whether a command that is only mentioned ends in an option.
fn is_option_alone(command: &Command) -> bool {
    matches!(command, Command::Mentioned(text) if text.split(' ').next_back().is_some_and(|word| word.starts_with("--")))
}

#[test]
fn every_command_in_the_documents_is_understood() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for file in files() {
        // In a template of a new project.
        let text = fs::read_to_string(&file).unwrap().replace("{{name}}", "tracking");
        for command in commands(&text) {
            count += 1;
            wrong.extend(misunderstood(&command).map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(count > 50, "only {count} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_the_help_is_understood() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut rest = vec![Arguments::command()];
    while let Some(command) = rest.pop() {
        rest.extend(command.get_subcommands().cloned());
        let about = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        for example in commands(&about) {
            count += 1;
            wrong.extend(misunderstood(&example));
        }
    }
    assert!(count > 30, "only {count} examples were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_are_found_and_judged() {
    let text = "Run `mlflow-host up stacks/dev.wasm` or\n    $ mlflow-host preview a.wasm \\\n      --offline   # why\n\
                export A=$(mlflow-host outputs a.wasm url)\n- run: base/target/debug/mlflow-host new tracking\n";
    let shown = |text: &str| Command::Shown(text.to_owned());
    let mentioned = Command::Mentioned("up stacks/dev.wasm".to_owned());
    let others = ["preview a.wasm --offline", "outputs a.wasm url", "new tracking"].map(shown);
    assert_eq!(commands(text), [vec![mentioned], others.into()].concat());
    assert!(misunderstood(&shown("up stacks/dev.wasm")).is_none());
    assert!(misunderstood(&Command::Mentioned("new".to_owned())).is_none());
    assert!(misunderstood(&Command::Mentioned("build --with".to_owned())).is_none());
    assert!(misunderstood(&shown("build --with")).is_some());
    assert!(misunderstood(&shown("new tracking")).is_some());
    assert!(misunderstood(&shown("up stacks/dev.wasm --yess")).is_some());
}
