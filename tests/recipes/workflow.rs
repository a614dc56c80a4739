//! The recipes, as they are written.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value as Json;

/// One step of a job.
#[derive(Debug)]
pub(crate) enum Step {
    /// A script of the shell.
    Script(String),
    /// An action of GitHub's or of somebody's, without its version, and what it is given.
    Action(String, Json),
}

/// A job of GitHub Actions, or a whole build of Cloud Build.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its steps, in order.
    pub(crate) steps: Vec<Step>,
    /// The files that a build of Cloud Build keeps, and where.
    pub(crate) kept: Option<(String, Vec<String>)>,
    needs: Option<String>,
}

/// A file of GitHub Actions: its jobs by name.
pub(crate) type Workflow = BTreeMap<String, Job>;

/// The blocks of YAML in a document.
pub(crate) fn blocks(document: &str) -> Vec<String> {
    let after = document.split("```yaml\n").skip(1);
    after.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// Reads a workflow of GitHub Actions.
pub(crate) fn workflow(text: &str) -> Result<Workflow> {
    let file = parse(text)?;
    let jobs = file["jobs"].as_object().context("a workflow has `jobs`")?;
    jobs.iter().map(|(name, content)| Ok((name.clone(), job(content)?))).collect()
}

/// Reads a build of Cloud Build.
pub(crate) fn build(text: &str) -> Result<Job> {
    job(&parse(text)?)
}

/// The jobs of a workflow in the order in which they need each other.
pub(crate) fn in_order(workflow: &Workflow) -> Result<Vec<&Job>> {
    let mut done: Vec<&str> = Vec::new();
    while done.len() < workflow.len() {
        let is_next = |(name, job): &(&String, &Job)| {
            !done.contains(&name.as_str()) && job.needs.as_deref().is_none_or(|needed| done.contains(&needed))
        };
        let (name, _) = workflow.iter().find(is_next).context("the jobs need each other in a circle")?;
        done.push(name);
    }
    Ok(done.into_iter().map(|name| &workflow[name]).collect())
}

fn parse(text: &str) -> Result<Json> {
    serde_saphyr::from_str(text).with_context(|| format!("this is no YAML:\n{text}"))
}

fn job(content: &Json) -> Result<Job> {
    let steps = content["steps"].as_array().context("a job has `steps`")?;
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let artifacts = &content["artifacts"]["objects"];
    let kept = match text(&artifacts["location"]) {
        None => None,
        Some(location) => Some((location, serde_json::from_value(artifacts["paths"].clone())?)),
    };
    Ok(Job { steps: steps.iter().map(step).collect::<Result<_>>()?, kept, needs: text(&content["needs"]) })
}

fn step(content: &Json) -> Result<Step> {
    let script = content["run"].as_str().or(content["script"].as_str());
    match (content["uses"].as_str(), script) {
        (Some(action), None) => {
            let (name, version) = action.split_once('@').unwrap_or((action, ""));
            ensure!(!version.is_empty(), "`{action}` is used without a version");
            Ok(Step::Action(name.to_owned(), content["with"].clone()))
        }
        (None, Some(script)) => Ok(Step::Script(script.to_owned())),
        _ => bail!("nobody knows how to carry out the step {content}"),
    }
}
