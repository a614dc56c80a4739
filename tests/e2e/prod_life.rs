//! The prod stack on the local cloud: what is protected stays, and serves the next deployment.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Cloud, Database, Run, Steps, Workbench};

const PROJECT: &str = "mlflow-prod";
const STACK: &str = "stacks/prod.wasm";
const PASSWORD: &str = "mlflow-prod-database-password";
const PROTECTED: [&str; 4] = [
    "sqladmin.googleapis.com/Database::mlflow-prod-mlflow",
    "sqladmin.googleapis.com/Instance::mlflow-prod-database",
    "sqladmin.googleapis.com/User::mlflow-prod-mlflow",
    "storage.googleapis.com/Bucket::mlflow-prod-artifacts",
];

fn main() -> ExitCode {
    Steps::begin("production_comes_up", Story::begin)
        .then("what_is_protected_is_neither_replaced_nor_destroyed", Story::refusals)
        .then("all_but_the_data_can_go", Story::destroy)
        .then("the_next_deployment_finds_the_data", Story::again)
        .run()
}

struct Story {
    bench: Workbench,
    cloud: Cloud,
}

impl Story {
    fn begin() -> Result<Self> {
        let bench = Workbench::new()?;
        bench.lighten()?;
        bench.open()?;
        let cloud = bench.cloud()?;
        let story = Self { bench, cloud };
        story.run("up", &["--yes"])?;
        let database = Database::of(&story.cloud, PROJECT, PASSWORD)?;
        // As MLflow does, the user owns what it makes.
        database.ask("create table kept (text text); insert into kept values ('still here')")?;
        Ok(story)
    }

    fn run(&self, command: &str, options: &[&str]) -> Result<Run> {
        let run = self.host(command, options)?;
        ensure!(run.code == 0, "{}", run.report());
        Ok(run)
    }

    fn host(&self, command: &str, options: &[&str]) -> Result<Run> {
        self.bench.host([&[command, STACK, "--cloud", "local", "--json"], options].concat())
    }

    fn refusals(&mut self) -> Result<()> {
        let before = self.cloud.mutations()?;
        let destroy = self.host("destroy", &["--yes"])?;
        let subjects = |run: &Run| {
            let problems = run.events()?.into_iter().filter(|event| event["event"] == "diagnostic");
            let mut subjects: Vec<_> =
                problems.filter_map(|problem| problem["subject"].as_str().map(str::to_owned)).collect();
            subjects.sort_unstable();
            anyhow::Ok(subjects)
        };
        ensure!(destroy.code == 1 && subjects(&destroy)? == PROTECTED, "{}", destroy.report());
        let moved = self.host("up", &["--yes", "--set", "bucket-location=US"])?;
        ensure!(moved.code == 1 && subjects(&moved)? == PROTECTED[3..], "{}", moved.report());
        ensure!(self.cloud.mutations()? == before, "something was changed");
        Ok(())
    }

    fn destroy(&mut self) -> Result<()> {
        self.run("destroy", &["--yes", "--except-protected"])?;
        // What holds data, and the network that the database is reached by.
        let left = self.cloud.resources(PROJECT)?;
        let bucket =
            left.iter().find(|name| name.starts_with("mlflow-prod-artifacts-")).context("no bucket")?;
        let suffix = bucket.trim_start_matches("mlflow-prod-artifacts");
        let left: BTreeSet<String> = left.iter().map(|name| name.replace(suffix, "")).collect();
        let wanted = [
            "//storage.googleapis.com/mlflow-prod-artifacts",
            "mlflow-prod-artifacts",
            "projects/mlflow-prod/global/addresses/mlflow-prod-services",
            "projects/mlflow-prod/global/networks/mlflow-prod-network",
            "projects/mlflow-prod/instances/mlflow-prod-database",
            "projects/mlflow-prod/instances/mlflow-prod-database/databases/mlflow",
            "projects/mlflow-prod/instances/mlflow-prod-database/databases/postgres",
            "projects/mlflow-prod/instances/mlflow-prod-database/users/mlflow",
            "projects/mlflow-prod/instances/mlflow-prod-database/users/postgres",
        ];
        ensure!(left.iter().eq(wanted), "{left:#?}");
        Ok(())
    }

    fn again(&mut self) -> Result<()> {
        let counts = self.run("up", &["--yes"])?.counts()?;
        ensure!(counts.keys().eq(["create"]) && counts["create"] < 36, "{counts:?}");
        let database = Database::of(&self.cloud, PROJECT, PASSWORD)?;
        ensure!(database.ask("select text from kept")? == "still here", "the table is another");
        ensure!(self.run("up", &["--yes"])?.counts()?.is_empty(), "a second run finds something to do");
        self.cloud.ensure_as_described()
    }
}
