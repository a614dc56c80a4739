//! Reading a Dockerfile: the supported subset, and clear refusals for the rest.
//!
//! | instruction | supported |
//! |---|---|
//! | `FROM` | one, first: `python:TAG`, or an image of the local Artifact Registry |
//! | `RUN` | shell and exec form, without flags and here-documents |
//! | `COPY` | from the context, with globs; `--chown` is ignored with a note |
//! | `WORKDIR`, `ENV`, `ARG`, `LABEL`, `EXPOSE`, `USER`, `STOPSIGNAL` | yes; `USER` is recorded only |
//! | `CMD`, `ENTRYPOINT` | shell and exec form |
//! | comments, line continuations, `# syntax=` | yes |
//!
//! Anything else is refused with its line, before any step runs.

use super::ImageError;
use super::shell;

/// Instructions that exist but are refused, and what to do instead.
const REFUSED: [(&str, &str); 6] = [
    ("ADD", "use COPY"),
    ("HEALTHCHECK", "declare a probe on the Cloud Run service"),
    ("MAINTAINER", "use LABEL"),
    ("ONBUILD", "write the instruction in the Dockerfile that needs it"),
    ("SHELL", "use the exec form of RUN"),
    ("VOLUME", "declare a volume on the Cloud Run service"),
];

/// One instruction with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Line of its first word, from 1.
    pub(super) line: usize,
    /// The instruction on one line, as the build log shows it.
    pub(super) text: String,
    pub(super) instruction: Instruction,
}

/// What a step does. Strings are as written: variables are put in when the step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instruction {
    From(String),
    Run(Invocation),
    Copy { sources: Vec<String>, destination: String, owner_ignored: bool },
    Workdir(String),
    Environment(String),
    Argument(String),
    Label(String),
    Expose(String),
    User(String),
    StopSignal(String),
    Command(Invocation),
    Entrypoint(Invocation),
}

/// The two forms of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invocation {
    Shell(String),
    Exec(Vec<String>),
}

impl Invocation {
    fn parse(text: &str) -> Self {
        match json_words(text) {
            Some(words) => Self::Exec(words),
            None => Self::Shell(text.to_owned()),
        }
    }

    /// The argument vector.
    pub(super) fn into_words(self) -> Vec<String> {
        match self {
            Self::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line],
            Self::Exec(words) => words,
        }
    }
}

/// Parses a whole Dockerfile.
pub(super) fn parse(content: &str) -> Result<Vec<Step>, ImageError> {
    let mut steps = Vec::new();
    for (line, text) in logical_lines(content)? {
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
        let name = name.to_ascii_uppercase();
        let instruction =
            instruction(&name, rest.trim()).map_err(|message| ImageError::Dockerfile { line, message })?;
        let from_count =
            steps.iter().filter(|step: &&Step| matches!(step.instruction, Instruction::From(_))).count();
        let misplaced = match (&instruction, from_count) {
            (Instruction::From(_), 1..) => {
                Some("a second FROM (a multi-stage build) is not supported by the local cloud: install in one stage".to_owned())
            }
            (Instruction::From(_) | Instruction::Argument(_), 0) => None,
            (_, 0) => Some(format!("{name} comes before FROM: begin with FROM")),
            _ => None,
        };
        if let Some(message) = misplaced {
            return Err(ImageError::Dockerfile { line, message });
        }
        steps.push(Step { line, text, instruction });
    }
    if !steps.iter().any(|step| matches!(step.instruction, Instruction::From(_))) {
        return Err(ImageError::Dockerfile {
            line: 1,
            message: "there is no FROM: begin with, for example, FROM python:3.12-slim".to_owned(),
        });
    }
    Ok(steps)
}

/// Joins continued lines and leaves comments out; numbers are those of the first line.
fn logical_lines(content: &str) -> Result<Vec<(usize, String)>, ImageError> {
    let mut lines = Vec::new();
    let mut pending: Option<(usize, String)> = None;
    for (index, raw) in content.lines().enumerate() {
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            let directive = trimmed.trim_start_matches('#').replace(' ', "").to_ascii_lowercase();
            if lines.is_empty() && pending.is_none() && directive == "escape=`" {
                return Err(ImageError::Dockerfile {
                    line: index + 1,
                    message: "another escape character is not supported: use \\".to_owned(),
                });
            }
            continue;
        }
        let (line, mut text) = pending.take().unwrap_or((index + 1, String::new()));
        if !text.is_empty() {
            text.push(' ');
        }
        match trimmed.strip_suffix('\\') {
            Some(continued) => {
                text.push_str(continued.trim_end());
                pending = Some((line, text));
            }
            None => {
                text.push_str(trimmed);
                lines.push((line, text));
            }
        }
    }
    lines.extend(pending);
    Ok(lines)
}

fn instruction(name: &str, rest: &str) -> Result<Instruction, String> {
    if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(format!("{name} is not supported by the local cloud: {instead}"));
    }
    if rest.is_empty() {
        return Err(format!("{name} needs an argument"));
    }
    match name {
        "FROM" => from(rest),
        "RUN" => run(rest),
        "COPY" => copy(rest),
        "WORKDIR" => Ok(Instruction::Workdir(rest.to_owned())),
        "ENV" => Ok(Instruction::Environment(assignments(rest))),
        "ARG" => Ok(Instruction::Argument(rest.to_owned())),
        "LABEL" => Ok(Instruction::Label(assignments(rest))),
        "EXPOSE" => Ok(Instruction::Expose(rest.to_owned())),
        "USER" => Ok(Instruction::User(rest.to_owned())),
        "STOPSIGNAL" => Ok(Instruction::StopSignal(rest.to_owned())),
        "CMD" => Ok(Instruction::Command(Invocation::parse(rest))),
        "ENTRYPOINT" => Ok(Instruction::Entrypoint(Invocation::parse(rest))),
        _ => Err(format!("{name} is not a Dockerfile instruction")),
    }
}

fn from(rest: &str) -> Result<Instruction, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        [flag, ..] if flag.starts_with("--") => Err(unsupported_flag("FROM", flag)),
        [image] => Ok(Instruction::From((*image).to_owned())),
        [image, word, _] if word.eq_ignore_ascii_case("as") => Ok(Instruction::From((*image).to_owned())),
        _ => Err("FROM takes one image, for example FROM python:3.12-slim".to_owned()),
    }
}

fn run(rest: &str) -> Result<Instruction, String> {
    if rest.starts_with("--") {
        return Err(unsupported_flag("RUN", rest));
    }
    if rest.contains("<<") {
        return Err(
            "RUN with a here-document is not supported by the local cloud: join the commands with &&"
                .to_owned(),
        );
    }
    let invocation = Invocation::parse(rest);
    let refusal = match &invocation {
        Invocation::Shell(line) => shell::refusal(line),
        Invocation::Exec(words) => shell::refusal(&words.join(" ")),
    };
    match refusal {
        Some(refusal) => Err(format!("RUN {refusal}")),
        None => Ok(Instruction::Run(invocation)),
    }
}

fn copy(rest: &str) -> Result<Instruction, String> {
    let mut rest = rest;
    let mut owner_ignored = false;
    while rest.starts_with("--") {
        let (flag, remainder) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if !flag.starts_with("--chown=") {
            return Err(unsupported_flag("COPY", flag));
        }
        owner_ignored = true;
        rest = remainder.trim_start();
    }
    if rest.contains("<<") {
        return Err("COPY with a here-document is not supported by the local cloud: copy a file".to_owned());
    }
    let mut sources =
        json_words(rest).unwrap_or_else(|| rest.split_whitespace().map(ToOwned::to_owned).collect());
    match sources.pop() {
        Some(destination) if !sources.is_empty() => {
            Ok(Instruction::Copy { sources, destination, owner_ignored })
        }
        _ => Err("COPY needs at least one source and a destination".to_owned()),
    }
}

fn unsupported_flag(instruction: &str, text: &str) -> String {
    let flag = text.split(['=', ' ']).next().unwrap_or(text);
    format!("{instruction} {flag} is not supported by the local cloud")
}

/// The old form `ENV NAME VALUE WITH SPACES`, written as the new one.
fn assignments(rest: &str) -> String {
    match rest.split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => {
            let value = value.trim().replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}=\"{value}\"")
        }
        _ => rest.to_owned(),
    }
}

fn json_words(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(content: &str) -> String {
        parse(content).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_file_is_read() {
        let steps = parse(
            "# syntax=docker/dockerfile:1\nARG V=3.12\nFROM python:${V}-slim AS base\n\nWORKDIR /app\nENV A=1 \\\n  # why\n  B=\"two words\"\nENV OLD a \"b\"\nCOPY --chown=1000:1000 a.txt b*.txt ./\nRUN pip install \\\n    -r a.txt\nrun [\"python\", \"-V\"]\nEXPOSE 8080\nUSER 1000\nCMD exec server --port $PORT\n",
        )
        .unwrap();
        let shown: Vec<String> =
            steps.iter().map(|step| format!("{} {:?}", step.line, step.instruction)).collect();
        insta::assert_snapshot!(shown.join("\n"), @r##"
2 Argument("V=3.12")
3 From("python:${V}-slim")
5 Workdir("/app")
6 Environment("A=1 B=\"two words\"")
9 Environment("OLD=\"a \\\"b\\\"\"")
10 Copy { sources: ["a.txt", "b*.txt"], destination: "./", owner_ignored: true }
11 Run(Shell("pip install -r a.txt"))
13 Run(Exec(["python", "-V"]))
14 Expose("8080")
15 User("1000")
16 Command(Shell("exec server --port $PORT"))
"##);
    }

    #[test]
    fn what_is_not_supported_is_refused_with_its_line() {
        let refusals = [
            "FROM python:3.12\nADD a b",
            "FROM python:3.12\n\nHEALTHCHECK NONE",
            "FROM a\nFROM b",
            "RUN true",
            "FROM a\nRUN --mount=type=cache,target=/x true",
            "FROM a\nRUN <<EOF",
            "FROM a\nCOPY --from=x a b",
            "FROM a\nCOPY a",
            "FROM --platform=linux/amd64 a",
            "FROM a\nRUN set -e; apt-get update && apt-get install -y gcc",
            "FROM a\nRUN X=1 useradd mlflow",
            "FROM a\nFETCH x",
            "FROM a\nWORKDIR",
            "# escape=`\nFROM a",
            "",
        ]
        .map(refusal)
        .join("\n");
        insta::assert_snapshot!(refusals, @r##"
Dockerfile line 2: ADD is not supported by the local cloud: use COPY
Dockerfile line 3: HEALTHCHECK is not supported by the local cloud: declare a probe on the Cloud Run service
Dockerfile line 2: a second FROM (a multi-stage build) is not supported by the local cloud: install in one stage
Dockerfile line 1: RUN comes before FROM: begin with FROM
Dockerfile line 2: RUN --mount is not supported by the local cloud
Dockerfile line 2: RUN with a here-document is not supported by the local cloud: join the commands with &&
Dockerfile line 2: COPY --from is not supported by the local cloud
Dockerfile line 2: COPY needs at least one source and a destination
Dockerfile line 1: FROM --platform is not supported by the local cloud
Dockerfile line 2: RUN apt-get installs system packages, which the local cloud cannot do: use a Python wheel that brings what it needs
Dockerfile line 2: RUN useradd creates users, which the local cloud cannot do: write USER 1000 instead
Dockerfile line 2: FETCH is not a Dockerfile instruction
Dockerfile line 2: WORKDIR needs an argument
Dockerfile line 1: another escape character is not supported: use \
Dockerfile line 1: there is no FROM: begin with, for example, FROM python:3.12-slim
"##);
    }
}
