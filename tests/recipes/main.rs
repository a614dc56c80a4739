//! The recipes for continuous integration, carried out as they are written: those of `docs/continuous-integration.md`, and
//! those that a new project has. What a pull request runs has an empty environment and no cloud; what comes after a merge
//! has the local cloud.

mod machine;
mod workflow;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Run, Steps, Workbench, host, root};

use crate::machine::{Fleet, copy, write_program};

fn main() -> ExitCode {
    Steps::begin("the_recipes_are_read", Recipes::begin)
        .then("a_pull_request_is_previewed_with_nothing", Recipes::pull_request)
        .then("a_pull_request_does_not_change_what_judges_it", Recipes::hostile_pull_request)
        .then("after_a_merge_exactly_the_plan_is_applied", Recipes::merge)
        .then("cloud_build_does_the_same", Recipes::cloud_build)
        .then("a_new_project_does_the_same", Recipes::new_project)
        .run()
}

struct Recipes {
    bench: Workbench,
    /// The repository, as it is on the protected branch.
    repository: PathBuf,
    /// The blocks of the document: two for GitHub Actions, four for Cloud Build.
    blocks: [String; 6],
}

/// The configuration of a small stack that stands for production. Its bucket may go.
fn small(project: &str) -> String {
    format!(
        r#"
        [target]
        project = "{project}"
        [state]
        store = "gs://{project}-state"
        key = "projects/{project}/locations/europe-west1/keyRings/mlflow-host/cryptoKeys/state"
        [policies]
        artifact-expiry = {{ file = "policies/artifact-expiry.wasm" }}
        broad-role = {{ file = "policies/broad-role.wasm" }}
        "#
    )
}

/// What the small stack makes: an API, a bucket, a text.
const SMALL: usize = 3;

impl Recipes {
    fn begin() -> Result<Self> {
        let bench = Workbench::new()?;
        let repository = bench.directory().join("repository");
        copy(&bench.stacks(), &repository.join("stacks"))?;
        // What would be compiled is there already.
        let call = format!("exec {} \"$@\"", host()?.display());
        for profile in ["debug", "release"] {
            let directory = repository.join("target").join(profile);
            fs::create_dir_all(&directory)?;
            write_program(&directory.join("mlflow-host"), &call)?;
        }
        let scripts = repository.join("scripts");
        fs::create_dir_all(&scripts)?;
        let has_stacks = r#"for stack; do [ -f "$(dirname "$0")/../stacks/$stack.wasm" ]; done"#;
        write_program(&scripts.join("build-stacks"), &format!("set -e\n{has_stacks}"))?;
        fs::copy(root().join("scripts/release"), scripts.join("release"))?;

        let document = fs::read_to_string(root().join("docs/continuous-integration.md"))?;
        let blocks = workflow::blocks(&document);
        let count = blocks.len();
        let blocks =
            blocks.try_into().ok().with_context(|| format!("{count} recipes, of which 6 are tested"))?;
        Ok(Self { bench, repository, blocks })
    }

    /// A place for the machines of a recipe.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let place = self.bench.directory().join(name);
        fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// The repository after a merge that makes the small stack production, with a bucket for its state.
    fn merged(&self, name: &str) -> Result<PathBuf> {
        let merged = self.place(name)?.join("merged");
        copy(&self.repository, &merged)?;
        let stack = merged.join("stacks/prod.wasm");
        fs::copy(root().join("stacks/examples/hello.wasm"), &stack)?;
        fs::write(stack.with_extension("toml"), small(name))?;
        self.make_state(name, &stack, &stack.with_extension("toml"))?;
        Ok(merged)
    }

    /// Makes the bucket and the key of the state.
    fn make_state(&self, project: &str, stack: &Path, config: &Path) -> Result<()> {
        self.bench.cloud()?.key(project, "europe-west1", "mlflow-host", "state")?;
        let (stack, config) = (stack.display().to_string(), config.display().to_string());
        let bucket = format!("gs://{project}-state");
        self.bench.succeeds(&["state", "init", &bucket, &stack, "--config", &config])?;
        Ok(())
    }

    fn pull_request(&mut self) -> Result<()> {
        let mut fleet = Fleet::new(&self.place("pull-request")?, &self.repository, &self.repository)?;
        let run = fleet.carry_out(&workflow::workflow(&self.blocks[0])?)?;
        ensure!(run.code == 0, "{}", run.report());
        // Those of prod.toml, and those of the command line.
        ensure!(run.stdout.contains("\n10 policies: no violations."), "{}", run.report());
        ensure!(
            fleet.artifact("report", "report.md")?.contains("mlflow-prod-database"),
            "the report has no plan"
        );
        ensure!(!fleet.has_cloud(), "a local cloud was begun");
        Ok(())
    }

    fn hostile_pull_request(&mut self) -> Result<()> {
        let place = self.place("hostile")?;
        let head = place.join("head");
        copy(&self.repository, &head)?;
        // A host and policies that have nothing to say, no policies in the configuration, and nothing protected.
        write_program(&head.join("target/debug/mlflow-host"), "exit 0")?;
        let stacks = head.join("stacks");
        for policy in fs::read_dir(stacks.join("policies"))? {
            fs::write(policy?.path(), "nothing")?;
        }
        fs::copy(stacks.join("dev.wasm"), stacks.join("prod.wasm"))?;
        fs::write(stacks.join("prod.toml"), "[target]\nproject = \"mlflow-prod\"\n")?;
        let refused = |run: Run| {
            ensure!(run.code == 5, "{}", run.report());
            ensure!(run.stdout.contains("✗ deletion-protection (mandatory): "), "{}", run.report());
            anyhow::Ok(())
        };
        let mut fleet = Fleet::new(&place, &head, &self.repository)?;
        refused(fleet.carry_out(&workflow::workflow(&self.blocks[0])?)?)?;

        let mut fleet = Fleet::new(&self.place("hostile-build")?, &self.repository, &self.repository)?;
        let substitutions = self.release(&mut fleet)?;
        fleet.head = head;
        refused(fleet.build(&workflow::build(&self.blocks[3])?, &substitutions)?)
    }

    /// Has Cloud Build pack the host of the protected branch. Gives the substitutions of the builds that use it.
    fn release(&self, fleet: &mut Fleet<'_>) -> Result<BTreeMap<String, String>> {
        let substitutions = |entries: &[(&str, &str)]| {
            entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let run =
            fleet.build(&workflow::build(&self.blocks[2])?, &substitutions(&[("COMMIT_SHA", "one")]))?;
        ensure!(run.code == 0, "{}", run.report());
        Ok(substitutions(&[("_HOST", "one"), ("COMMIT_SHA", "two"), ("BUILD_ID", "three")]))
    }

    fn merge(&mut self) -> Result<()> {
        let merged = self.merged("github")?;
        let home = self.bench.home();
        let mut fleet = Fleet::new(&self.place("github")?, &merged, &merged)?.with_cloud(&home);
        let workflow = workflow::workflow(&self.blocks[1])?;
        applied(&fleet.carry_out(&workflow)?)?;
        ensure!(fleet.artifact("plan", "report.html")?.contains("Bucket::box"), "the report has no plan");
        refused_twice(&fleet.job(&workflow["apply"])?)
    }

    fn cloud_build(&mut self) -> Result<()> {
        let mut fleet = Fleet::new(&self.place("build-pull-request")?, &self.repository, &self.repository)?;
        let substitutions = self.release(&mut fleet)?;
        let run = fleet.build(&workflow::build(&self.blocks[3])?, &substitutions)?;
        ensure!(run.code == 0 && run.stdout.contains(" policies: no violations."), "{}", run.report());
        ensure!(fleet.stored().join("REPORTS/three/report.html").is_file(), "the report was not kept");
        ensure!(!fleet.has_cloud(), "a local cloud was begun");

        let merged = self.merged("cloud-build")?;
        let home = self.bench.home();
        let mut fleet = Fleet::new(&self.place("cloud-build")?, &merged, &merged)?.with_cloud(&home);
        let run = fleet.build(&workflow::build(&self.blocks[4])?, &substitutions)?;
        ensure!(run.code == 0, "{}", run.report());
        let apply = workflow::build(&self.blocks[5])?;
        applied(&fleet.build(&apply, &substitutions)?)?;
        refused_twice(&fleet.build(&apply, &substitutions)?)
    }

    fn new_project(&mut self) -> Result<()> {
        let place = self.place("new-project")?;
        let project = place.join("tracking");
        self.bench.succeeds(&["new", "rust", &project.display().to_string()])?;
        // Nothing says yet where the host comes from, and the job says that.
        let home = self.bench.home();
        let read = |name: &str| {
            let file = project.join(".github/workflows").join(name);
            workflow::workflow(&fs::read_to_string(&file)?).with_context(|| file.display().to_string())
        };
        let (preview, apply) = (read("preview.yml")?, read("apply.yml")?);
        let mut fleet = Fleet::new(&place, &project, &project)?;
        let run = fleet.carry_out(&preview)?;
        ensure!(run.code != 0 && run.stderr.contains("say in .github/fetch-host where"), "{}", run.report());

        // As the project's README says.
        let archive = fleet.stored().join("tools.example/mlflow-host.tar.gz");
        let released = self.pack(&archive)?;
        let fetch = project.join(".github/fetch-host");
        let text = fs::read_to_string(&fetch)?;
        let text = text.replace("url=  ", "url=https://tools.example/mlflow-host.tar.gz  ");
        fs::write(&fetch, text.replace("sha256=  ", &format!("sha256={released}  ")))?;
        fs::copy(root().join("stacks/examples/hello.wasm"), project.join("tracking.wasm"))?;
        let config = project.join("production.toml");
        let production = fs::read_to_string(&config)?.replace("cloud = \"gcp\"", "cloud = \"local\"");
        fs::write(&config, production)?;

        let run = fleet.carry_out(&preview)?;
        ensure!(run.code == 0, "{}", run.report());
        ensure!(fleet.artifact("report", "report.md")?.contains("Bucket::box"), "the report has no plan");
        ensure!(!fleet.has_cloud(), "a local cloud was begun");

        self.make_state("tracking-prod", &project.join("tracking.wasm"), &config)?;
        fleet.cloud = Some(&home);
        applied(&fleet.carry_out(&apply)?)?;
        refused_twice(&fleet.job(&apply["apply"])?)?;

        // Another archive at the same address is not used.
        fs::write(&archive, "somebody else's")?;
        let run = fleet.carry_out(&preview)?;
        ensure!(run.code != 0 && run.stderr.contains("checksum did NOT match"), "{}", run.report());
        Ok(())
    }

    /// Packs the host as `scripts/release` does. Gives the SHA-256 that it prints.
    fn pack(&self, archive: &Path) -> Result<String> {
        let mut fleet = Fleet::new(&self.place("packing")?, &self.repository, &self.repository)?;
        self.release(&mut fleet)?;
        fs::create_dir_all(archive.parent().context("an archive is in a directory")?)?;
        fs::copy(fleet.stored().join("TOOLS/one/mlflow-host.tar.gz"), archive)?;
        let sum = fs::read_to_string(fleet.stored().join("TOOLS/one/mlflow-host.tar.gz.sha256"))?;
        Ok(sum.split(' ').next().unwrap_or_default().to_owned())
    }
}

/// The whole small stack was made.
fn applied(run: &Run) -> Result<()> {
    ensure!(run.code == 0, "{}", run.report());
    let created = run.counts()?.get("create").copied();
    ensure!(created == Some(SMALL as u64), "{}", run.report());
    Ok(())
}

/// A plan that was carried out is out of date.
fn refused_twice(run: &Run) -> Result<()> {
    ensure!(run.code == 1, "{}", run.report());
    ensure!(run.stdout.contains("The plan in plan.json is not carried out: "), "{}", run.report());
    Ok(())
}
