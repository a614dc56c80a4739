//! Machines of a CI system: each job has one, with nothing on it but what its steps bring.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use mlflow_host_tests::Run;
use serde_json::Value as Json;

use crate::workflow::{Job, Step, Workflow, in_order};

/// Steps that are not carried out, by the beginning of an action's name or the whole script, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "google-github-actions/auth",
        "the local cloud asks nobody who he is; host/gcp/src/credentials/tests.rs has the file that it writes",
    ),
    ("cargo test", "scripts/test-languages tests a new project in every language"),
    (
        "host/mlflow-host build . --output tracking.wasm",
        "scripts/test-languages builds one in every language",
    ),
];

/// Programs that stand for those of a CI system: what they would compile lies in the checkout, and what they would fetch in
/// a directory. They refuse what they do not know.
const STAND_INS: &[(&str, &str)] = &[
    (
        "cargo",
        r#"case "$*" in
            "build --package mlflow-host" | "build --release --package mlflow-host") ;;
            *) echo "cargo $* is not known here" >&2; exit 64 ;;
        esac"#,
    ),
    (
        "curl",
        r#"for argument; do
            case ${previous:-} in --output) output=$argument ;; esac
            previous=$argument
        done
        cp "$STORED/${previous#https://}" "$output""#,
    ),
    (
        "gcloud",
        r#"[ "$1 $2" = "storage cp" ] || { echo "gcloud $* is not known here" >&2; exit 64; }
        shift 2
        for argument; do [ $# = 1 ] || { set -- "$@" "$(echo "$1" | sed "s|^gs://|$STORED/|")"; shift; }; done
        exec cp "$@""#,
    ),
];

/// What the jobs of a recipe share: what is handed from job to job, and what is stored somewhere else.
pub(crate) struct Fleet<'a> {
    /// Where everything is.
    directory: PathBuf,
    /// What `actions/checkout` brings without a `ref`: the pull request's files, or the branch's after a merge.
    pub(crate) head: PathBuf,
    /// What it brings with one: the protected branch's.
    pub(crate) base: PathBuf,
    /// The home of the local cloud, for machines that may change something; without one a machine has an empty home.
    pub(crate) cloud: Option<&'a Path>,
    machines: usize,
}

impl<'a> Fleet<'a> {
    /// Machines whose checkouts bring these files.
    pub(crate) fn new(directory: &Path, head: &Path, base: &Path) -> Result<Self> {
        let fleet = Self {
            directory: directory.to_owned(),
            head: head.to_owned(),
            base: base.to_owned(),
            cloud: None,
            machines: 0,
        };
        for part in ["programs", "artifacts", "stored"] {
            fs::create_dir_all(directory.join(part))?;
        }
        for (name, script) in STAND_INS {
            write_program(&directory.join("programs").join(name), script)?;
        }
        Ok(fleet)
    }

    /// Those machines that have the local cloud at this place.
    pub(crate) fn with_cloud(self, home: &'a Path) -> Self {
        Self { cloud: Some(home), ..self }
    }

    /// A place that addresses of `gs://` and `https://` lead to.
    pub(crate) fn stored(&self) -> PathBuf {
        self.directory.join("stored")
    }

    /// Carries out the jobs of a workflow in their order, up to the first script that fails. Gives the last run.
    pub(crate) fn carry_out(&mut self, workflow: &Workflow) -> Result<Run> {
        let mut last = None;
        for job in in_order(workflow)? {
            let run = self.job(job)?;
            if run.code != 0 {
                return Ok(run);
            }
            last = Some(run);
        }
        last.context("there is no job")
    }

    /// Carries out a build of Cloud Build, with its substitutions.
    pub(crate) fn build(&mut self, build: &Job, substitutions: &BTreeMap<String, String>) -> Result<Run> {
        let place = self.machine()?;
        copy(&self.head, &place)?;
        let run = self.steps(build, &place, substitutions)?;
        if let (0, Some((location, files))) = (run.code, &build.kept) {
            let location = substitutions
                .iter()
                .fold(location.clone(), |text, (name, value)| text.replace(&format!("${name}"), value));
            let bucket =
                location.strip_prefix("gs://").with_context(|| format!("{location} is no bucket"))?;
            let target = self.stored().join(bucket);
            fs::create_dir_all(&target)?;
            for file in files {
                let name = Path::new(file).file_name().context("a file has a name")?;
                fs::copy(place.join(file), target.join(name))
                    .with_context(|| format!("no {file} is there to keep"))?;
            }
        }
        Ok(run)
    }

    /// Carries out one job of a workflow, on a machine of its own.
    pub(crate) fn job(&mut self, job: &Job) -> Result<Run> {
        let place = self.machine()?;
        self.steps(job, &place, &BTreeMap::new())
    }

    /// An empty machine.
    fn machine(&mut self) -> Result<PathBuf> {
        self.machines += 1;
        let place = self.directory.join(format!("machine-{}", self.machines));
        fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// The steps of a job, up to the first script that fails. Gives the run that failed, or that of the last host.
    fn steps(&self, job: &Job, place: &Path, variables: &BTreeMap<String, String>) -> Result<Run> {
        let mut last = None;
        for step in &job.steps {
            match step {
                Step::Action(name, with) => self.action(name, with, place)?,
                Step::Script(script) if left_out(script) => {}
                Step::Script(script) => {
                    let run = self.script(script, place, variables)?;
                    if run.code != 0 {
                        return Ok(run);
                    }
                    if script.contains("mlflow-host") || last.is_none() {
                        last = Some(run);
                    }
                }
            }
        }
        last.context("the job runs nothing")
    }

    fn action(&self, name: &str, with: &Json, place: &Path) -> Result<()> {
        let path = |key: &str| with[key].as_str().unwrap_or_default();
        let artifact = self.directory.join("artifacts").join(path("name"));
        match name {
            "actions/checkout" => {
                let source = match with.get("ref") {
                    None => &self.head,
                    Some(branch) if branch == "${{ github.base_ref }}" => &self.base,
                    Some(other) => bail!("nobody knows what {other} is"),
                };
                copy(source, &place.join(path("path")))
            }
            "actions/upload-artifact" => {
                let files: Vec<_> = path("path").lines().map(str::trim).collect();
                let root = common_directory(&files, place);
                fs::create_dir_all(&artifact)?;
                let mut command = Command::new("sh");
                // The shell knows what `*` means.
                let files: Vec<_> =
                    files.iter().map(|file| file.strip_prefix(&root).unwrap_or(file)).collect();
                command.args(["-ec", &format!("cp -R --parents {} \"$0\"", files.join(" "))]).arg(&artifact);
                let run = Run::of({
                    command.current_dir(place.join(&root));
                    command
                })?;
                ensure!(run.code == 0, "{}", run.report());
                Ok(())
            }
            "actions/download-artifact" => copy(&artifact, &place.join(path("path"))),
            name if left_out(name) => Ok(()),
            name => bail!("nobody knows what {name} does: carry it out here, or say in LEFT_OUT why not"),
        }
    }

    /// Runs a script as the CI system does, with an environment that holds no more than it has to.
    fn script(&self, script: &str, place: &Path, variables: &BTreeMap<String, String>) -> Result<Run> {
        ensure!(!script.contains("${{"), "an expression in a script is an injection: {script}");
        let home = match self.cloud {
            Some(home) => home.to_owned(),
            None => place.with_extension("home"),
        };
        fs::create_dir_all(&home)?;
        let mut command = Command::new("bash");
        command
            .args(["-e", "-c", script])
            .current_dir(place)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.directory.join("programs").display()))
            .env("HOME", &home)
            .env("MLFLOW_HOST_HOME", &home)
            .env("STORED", self.stored())
            .env("GITHUB_STEP_SUMMARY", place.with_extension("summary"))
            .envs(variables);
        Run::of(command)
    }

    /// What one machine has kept for another.
    pub(crate) fn artifact(&self, name: &str, file: &str) -> Result<String> {
        let file = self.directory.join("artifacts").join(name).join(file);
        fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))
    }

    /// Whether a machine without a cloud has begun one.
    pub(crate) fn has_cloud(&self) -> bool {
        (1..=self.machines).any(|number| self.directory.join(format!("machine-{number}.home/cloud")).exists())
    }
}

fn left_out(step: &str) -> bool {
    LEFT_OUT.iter().any(|(known, _)| step == *known)
}

/// What GitHub leaves out of the paths in an artifact: the directory that all of them have in common.
fn common_directory(files: &[&str], place: &Path) -> String {
    let directories = files.iter().map(|file| {
        let is_directory = place.join(file).is_dir();
        if is_directory { file } else { file.rsplit_once('/').map_or("", |(directory, _)| directory) }
    });
    let shared =
        directories.map(|directory| directory.split('/').collect::<Vec<_>>()).reduce(|one, other| {
            one.into_iter().zip(other).take_while(|(one, other)| one == other).map(|(part, _)| part).collect()
        });
    let shared = shared.unwrap_or_default().join("/");
    if shared.is_empty() { shared } else { format!("{shared}/") }
}

/// Copies what is in a directory into another.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut command = Command::new("cp");
    command.arg("-R").arg(from.join(".")).arg(to);
    let run = Run::of(command)?;
    ensure!(run.code == 0, "{}", run.report());
    Ok(())
}

/// A script that can be called like a program.
pub(crate) fn write_program(path: &Path, script: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
