//! `mlflow-host doctor`

use std::collections::BTreeMap;

use mlflow_host_graph::Urn;
use mlflow_host_graph::value::Map;
use mlflow_host_languages::{self as languages, Language};
use mlflow_host_localcloud::requirements;
use serde_json::json;

use super::stack::StackArguments;
use crate::config::Cloud;
use crate::failure::{Code, Failure, Result};
use crate::render::{Ending, Reporter};
use crate::session::Session;

/// What is read to learn whether credentials and project are good.
const PROJECT: &str = "cloudresourcemanager.googleapis.com/Project::project";

/// Look whether this machine, or a stack, has all that it needs.
///
/// Without a stack: what the local cloud needs, and what each language needs to
/// be compiled. With one: its configuration and secrets, its program, its state,
/// the lock, and whether its project can be reached. Nothing is changed.
///
/// Ends with exit code 1 when something that is needed is wrong. What only some
/// need, such as the compiler of a language, is marked with a dash.
///
/// Examples:
///   mlflow-host doctor
///   mlflow-host doctor stacks/prod.wasm
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, mut_arg("stack", |stack| stack.required(false)))]
pub(crate) struct Doctor {
    #[command(flatten)]
    stack: Option<StackArguments>,
}

/// How something was found.
enum Finding {
    Good(String),
    /// Only some need it.
    Missing(String),
    Bad(String),
}

/// One look at something.
struct Check {
    what: String,
    finding: Finding,
}

impl Check {
    fn new(what: impl Into<String>, found: std::result::Result<String, String>) -> Self {
        Self { what: what.into(), finding: found.map_or_else(Finding::Bad, Finding::Good) }
    }
}

impl Doctor {
    pub(crate) async fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        let checks = match &self.stack {
            None => machine().await,
            Some(stack) => examine(stack, reporter).await,
        };
        let width = checks.iter().map(|check| check.what.len()).max().unwrap_or(0);
        let mut code = Code::Done;
        for Check { what, finding } in checks {
            let (mark, word, message) = match &finding {
                Finding::Good(message) => ("✓", "good", message),
                Finding::Missing(message) => ("-", "missing", message),
                Finding::Bad(message) => ("✗", "bad", message),
            };
            if matches!(finding, Finding::Bad(_)) {
                code = Code::Error;
            }
            let indented = message.replace('\n', &format!("\n{:1$}", "", width + 4));
            let text = format!("{mark} {what:width$}  {indented}\n");
            reporter.answer("check", json!({"what": what, "finding": word, "message": message}), &text);
        }
        reporter.ending(&Ending::new("doctor", code));
        Ok(code)
    }
}

async fn machine() -> Vec<Check> {
    let needs = requirements().await;
    let local = needs.into_iter().map(|need| Check::new(format!("local cloud: {}", need.name), need.found));
    let compilers = Language::ALL.into_iter().map(|language| {
        let missing: Vec<_> = languages::missing(language).iter().map(ToString::to_string).collect();
        let finding = match missing.is_empty() {
            true => Finding::Good("can be compiled".to_owned()),
            false => Finding::Missing(missing.join("\n")),
        };
        Check { what: format!("stacks in {language}"), finding }
    });
    local.chain(compilers).collect()
}

/// Looks at one thing after the other, up to one that the rest cannot do without.
async fn examine(stack: &StackArguments, reporter: &dyn Reporter) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut note = |what: &str, found: Result<String>| {
        let is_good = found.is_ok();
        checks.push(Check::new(what, found.map_err(|failure| told(&failure))));
        is_good
    };
    let config = match stack.config() {
        Ok(config) => config,
        Err(failure) => {
            note("configuration", Err(failure));
            return checks;
        }
    };
    let is_local = config.cloud == Cloud::Local;
    note(
        "configuration",
        Ok(format!("to {}, project {}, region {}", config.cloud.title(), config.project, config.region)),
    );
    if !config.secrets.is_empty() {
        note("secrets", config.reveal(false).map(|(secrets, _)| format!("{}, all there", secrets.len())));
    }

    let mut session = match Session::declare(config, BTreeMap::new(), reporter).await {
        Ok(session) => session,
        Err(failure) => {
            note("program", Err(failure));
            return checks;
        }
    };
    note("program", Ok(format!("resources declared: {}", session.graph.resources.len())));
    if let Err(failure) = session.connect(false).await {
        note("cloud", Err(failure));
        return checks;
    }
    if note("state", state(&mut session).await) {
        note("lock", lock(&session).await);
        note("project", project(&session, is_local).await);
    }
    checks
}

async fn state(session: &mut Session<'_>) -> Result<String> {
    let place = session.store().place();
    session.load().await?;
    let resources = session.state.all().count();
    Ok(match session.state.open.len() {
        0 => format!("resources recorded: {resources}, in {place}"),
        open => format!(
            "resources recorded: {resources}, in {place}; requests that the next `up` takes up: {open}"
        ),
    })
}

async fn lock(session: &Session<'_>) -> Result<String> {
    match session.store().holder().await? {
        None => Ok("nobody holds it".to_owned()),
        Some(holder) => {
            Err(Failure::new(format!("{} by {} holds it since {}.", holder.command, holder.by, holder.since))
                .with_hint("If that run is dead, `mlflow-host state unlock` takes the lock away."))
        }
    }
}

async fn project(session: &Session<'_>, is_local: bool) -> Result<String> {
    if is_local && session.access().is_none() {
        return Ok("the local cloud does not run; the next `up` starts it".to_owned());
    }
    let urn: Urn = PROJECT.parse().map_err(|error| Failure::new(format!("{error}")))?;
    match session.provider()?.lookup(&urn, &Map::new()).await {
        Ok(project) => {
            let number = project.get("projectNumber").and_then(|number| number.as_str()).unwrap_or("unknown");
            Ok(format!("answers, with the number {number}"))
        }
        Err(error) => {
            let failure = Failure::new(error.message);
            Err(match error.hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            })
        }
    }
}

fn told(failure: &Failure) -> String {
    let problems = failure.diagnostics.iter().map(ToString::to_string);
    let lines = problems.chain([failure.message.clone()]).chain(failure.hints.iter().cloned());
    lines.collect::<Vec<_>>().join("\n")
}
