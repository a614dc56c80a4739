//! The leak hunt: after a whole life, no secret is anywhere but where it belongs.
//!
//! The stack is `tests/guests/secrets`: a secret of the configuration in Secret Manager, in the environment of
//! a job, in strings, functions and outputs, and MLflow with its generated password. Everything that any
//! command prints, every file of the state, every plan, log and record of requests is searched. The secrets
//! may be in two places only: in the local cloud's own Secret Manager, and in PostgreSQL's data.

mod forms;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Cloud, Run, Steps, Workbench, guest};
use sha2::{Digest as _, Sha256};

use forms::Hunted;

const STACK: &str = "stacks/secrets.wasm";
const PROJECT: &str = "mlflow-dev";
const VARIABLE: &str = "TOKEN_OF_THE_STACK";
/// Everything, but for what the compiler says of the code that it compiles, hundreds of megabytes, before any
/// secret is there.
const LOG: &str =
    "trace,cranelift_codegen=off,cranelift_frontend=off,regalloc2=off,wasmtime_internal_cranelift=off";
const CANARY: &str = "a canary that the guest is told of";

fn main() -> ExitCode {
    Steps::begin("a_stack_full_of_secrets_comes_up", Hunt::begin)
        .then("the_search_finds_what_is_there", Hunt::control)
        .then("no_secret_is_in_the_memory_of_the_guest", Hunt::memory)
        .then("no_command_prints_one", Hunt::commands)
        .then("no_file_holds_one_while_it_lives", Hunt::files)
        .then("a_new_secret_is_as_secret_as_the_old", Hunt::change)
        .then("a_state_in_a_bucket_holds_none", Hunt::migrate)
        .then("destroy_leaves_none", Hunt::destroy)
        .run()
}

struct Hunt {
    bench: Workbench,
    cloud: Cloud,
    token: String,
    hunted: Vec<Hunted>,
    /// Everything that was printed so far.
    runs: Vec<Run>,
}

impl Hunt {
    fn begin() -> Result<Self> {
        let bench = Workbench::new()?;
        bench.open()?;
        bench.lighten()?;
        fs::copy(guest("secrets")?, bench.stacks().join("secrets.wasm"))?;

        // Nobody has ever seen it, and no two of its forms look alike.
        let token = fresh("first", bench.directory());
        let masked: Vec<_> = Hunted::new("token", &token)?.forms.iter().map(|(_, form)| mask(form)).collect();
        let document = format!(
            "[target]\nproject = \"{PROJECT}\"\n[config]\ncanary = \"{CANARY}\"\nmasked-canary = \"{}\"\n\
             masked = {masked:?}\n[secrets]\ntoken = {{ env = \"{VARIABLE}\" }}\n",
            mask(CANARY.as_bytes())
        );
        fs::write(bench.stacks().join("secrets.toml"), document)?;

        let hunted = vec![Hunted::new("the configured token", &token)?];
        bench.succeeds(&["cloud", "start"])?;
        let status = bench.succeeds(&["cloud", "status", "--json"])?.event("cloud")?;
        let cloud = Cloud::at(status["endpoint"].as_str().context("no endpoint")?)?;
        let mut hunt = Self { bench, cloud, token, hunted, runs: Vec::new() };

        hunt.run(&["preview", STACK, "--details"], 0)?;
        hunt.run(&["preview", STACK, "--json", "--out", "stacks/plan.json"], 0)?;
        hunt.run(&["up", STACK, "--yes", "--details"], 0)?;
        let password = hunt.cloud.secret(PROJECT, "mlflow-dev-database-password")?;
        hunt.hunted.push(Hunted::new("the generated password", &password)?);
        Ok(hunt)
    }

    /// Runs a command with the whole log, and keeps what it prints.
    fn run(&mut self, arguments: &[&str], code: i32) -> Result<&Run> {
        let variables = [(VARIABLE, self.token.as_str()), ("MLFLOW_HOST_LOG", LOG)];
        let run = self.bench.host_with(arguments, &variables)?;
        ensure!(run.code == code, "{}", run.report());
        self.runs.push(run);
        self.runs.last().context("a run")
    }

    /// Of what use is a search that finds nothing?
    fn control(&mut self) -> Result<()> {
        let shown = self.bench.host_with(["outputs", STACK, "token-part", "--show-secrets"], &[])?;
        ensure!(shown.stdout.trim() == format!("Bearer {}", self.token), "{}", shown.report());
        for hunted in &self.hunted {
            let store = self.bench.home().join("cloud/control/local.SecretPayload");
            let mut files = Vec::new();
            list(&store, &mut files)?;
            let texts = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
            ensure!(
                texts.iter().any(|text| hunted.form_in(text) == Some("in base64")),
                "{} is not in Secret Manager",
                hunted.name
            );
        }
        Ok(())
    }

    fn memory(&mut self) -> Result<()> {
        let outputs = self.run(&["outputs", STACK, "--json"], 0)?.event("outputs")?;
        let number = |name: &str| outputs["outputs"][name]["value"].as_str().map(str::to_owned);
        ensure!(number("secrets-in-memory").as_deref() == Some("0"), "{outputs}");
        let canaries: u32 = number("canaries-in-memory").context("no canaries")?.parse()?;
        ensure!(canaries > 0, "the guest does not find what is in its memory: {outputs}");
        for secret in ["token", "token-part"] {
            ensure!(outputs["outputs"][secret]["value"] == "[secret]", "{outputs}");
        }
        Ok(())
    }

    fn commands(&mut self) -> Result<()> {
        let commands: &[&[&str]] = &[
            &["up", STACK, "--yes", "--json"],
            &["preview", STACK, "--verbose"],
            &["outputs", STACK],
            &["refresh", STACK, "--yes"],
            &["refresh", STACK, "--yes", "--json"],
            &["state", "list", STACK],
            &["state", "show", STACK, "std/Value::forms"],
            &["state", "show", STACK, "std/Value::forms", "--json"],
            &["state", "show", STACK, "std/RandomPassword::mlflow-dev-database-password"],
            &["state", "show", STACK, "sqladmin.googleapis.com/User::mlflow-dev-mlflow"],
            &["state", "show", STACK, "secretmanager.googleapis.com/SecretVersion::token"],
            &["state", "history", STACK],
            &["state", "history", STACK, "--json"],
            &["state", "export", STACK],
            &["state", "export", STACK, "stacks/exported.json"],
            &["config", "list", STACK, "--json"],
            &["config", "get", STACK, "--secret", "token"],
            &["cloud", "status", "--json"],
        ];
        for command in commands {
            self.run(command, 0)?;
        }
        self.search_runs()
    }

    fn search_runs(&self) -> Result<()> {
        for run in &self.runs {
            for hunted in &self.hunted {
                let form = hunted.form_in(run.report().as_bytes());
                ensure!(
                    form.is_none(),
                    "`{}` shows {} {}",
                    run.command,
                    hunted.name,
                    form.unwrap_or_default()
                );
            }
        }
        Ok(())
    }

    /// All files: stacks, states, plans, and everything that the local cloud writes.
    fn files(&mut self) -> Result<()> {
        self.files_with(&["plan.json", "exported.json", "snapshot.json", "requests.jsonl", "daemon.log"])
    }

    /// The same, of which some must be there.
    fn files_with(&mut self, names: &[&str]) -> Result<()> {
        let mut files = Vec::new();
        list(self.bench.directory(), &mut files)?;
        let has = |name: &str| files.iter().any(|file| file.ends_with(name));
        for name in names {
            ensure!(has(name), "no {name} among {} files", files.len());
        }
        let cloud = self.bench.home().join("cloud");
        let allowed = [cloud.join("control/local.SecretPayload"), cloud.join("postgres")];
        let mut found = Vec::new();
        for file in files.iter().filter(|file| !allowed.iter().any(|place| file.starts_with(place))) {
            let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            for hunted in &self.hunted {
                if let Some(form) = hunted.form_in(&content) {
                    found.push(format!("{} holds {} {form}", file.display(), hunted.name));
                }
            }
        }
        ensure!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    }

    fn change(&mut self) -> Result<()> {
        self.token = fresh("second", self.bench.directory());
        self.hunted.push(Hunted::new("the second token", &self.token)?);
        self.run(&["preview", STACK, "--exit-code"], 10)?;
        self.run(&["preview", STACK, "--json"], 0)?;
        self.run(&["up", STACK, "--yes", "--json"], 0)?;
        self.run(&["state", "history", STACK], 0)?;
        self.search_runs()?;
        // What earlier runs have left is among what is searched.
        self.files_with(&["snapshot.previous.json", "journal.previous.jsonl"])?;
        self.files()
    }

    /// Everything from here on is in a bucket, which keeps every version of its objects.
    fn migrate(&mut self) -> Result<()> {
        self.run(&["state", "init", "gs://leaks", STACK], 0)?;
        self.run(&["state", "migrate", STACK, "--to", "gs://leaks", "--yes"], 0)?;
        let file = self.bench.stacks().join("secrets.toml");
        let document = fs::read_to_string(&file)?;
        fs::write(&file, format!("{document}[state]\nstore = \"gs://leaks\"\n"))?;
        self.run(&["up", STACK, "--yes"], 0)?;
        self.run(&["state", "history", STACK, "--json"], 0)?;
        self.search_runs()?;
        self.files_with(&["requests.jsonl"])
    }

    fn destroy(&mut self) -> Result<()> {
        self.run(&["destroy", STACK, "--yes", "--json"], 0)?;
        self.run(&["state", "history", STACK, "--json"], 0)?;
        self.search_runs()?;
        self.files_with(&["plan.json", "exported.json", "requests.jsonl"])?;
        self.cloud.ensure_as_described()
    }
}

/// A secret that never was before, of characters that every form writes in another way.
fn fresh(name: &str, directory: &Path) -> String {
    let digest =
        hex::encode(Sha256::digest(format!("{name} {} {}", directory.display(), std::process::id())));
    format!("{}/+&=?~ {}%>", &digest[..12], &digest[12..24])
}

/// Hexadecimal digits of the text with every bit flipped.
fn mask(text: &[u8]) -> String {
    hex::encode(text.iter().map(|byte| !byte).collect::<Vec<_>>())
}

/// Adds the files that are below a directory.
fn list(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
