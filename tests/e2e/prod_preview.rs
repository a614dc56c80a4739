//! A plan for production, made without an account, a network or a cloud.

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{Plan, Run, Steps, Workbench, processes_that_mention};

const INSTANCE: &str = "sqladmin.googleapis.com/Instance::mlflow-prod-database";
const BUCKET: &str = "storage.googleapis.com/Bucket::mlflow-prod-artifacts";

fn main() -> ExitCode {
    Steps::begin("a_preview_needs_no_credentials_and_no_cloud", Preview::begin)
        .then("everything_is_to_be_created", Preview::creations)
        .then("production_is_highly_available_and_protected", Preview::settings)
        .then("no_secret_is_shown", Preview::secrets)
        .then("the_shipped_policies_find_nothing", Preview::policies)
        .then("two_previews_are_the_same", Preview::determinism)
        .then("no_local_cloud_was_started", Preview::processes)
        .run()
}

struct Preview {
    bench: Workbench,
    run: Run,
    plan: Plan,
}

const COMMAND: [&str; 5] = ["preview", "stacks/prod.wasm", "--offline", "--json", "--fuel"];

impl Preview {
    fn begin() -> Result<Self> {
        let bench = Workbench::new()?;
        let run = bench.succeeds(&COMMAND)?;
        let plan = run.plan()?;
        Ok(Self { bench, run, plan })
    }

    fn creations(&mut self) -> Result<()> {
        let actions = self.plan.actions();
        ensure!(actions.len() > 30, "{actions:?}");
        ensure!(actions.iter().all(|(action, _)| action == "create"), "{actions:?}");
        ensure!(self.plan.0["project"] == "mlflow-prod" && self.plan.0["cloud"] == "gcp", "{}", self.plan.0);
        Ok(())
    }

    fn settings(&mut self) -> Result<()> {
        let inputs = |urn: &str| {
            let resource = self.plan.resource(urn).with_context(|| format!("{urn} is not in the plan"))?;
            anyhow::Ok(resource["inputs"].clone())
        };
        let settings = &inputs(INSTANCE)?["settings"];
        ensure!(settings["availabilityType"] == "REGIONAL", "{settings}");
        ensure!(settings["deletionProtectionEnabled"] == true, "{settings}");
        ensure!(settings["backupConfiguration"]["pointInTimeRecoveryEnabled"] == true, "{settings}");
        ensure!(settings["ipConfiguration"]["ipv4Enabled"] == false, "{settings}");
        let bucket = inputs(BUCKET)?;
        ensure!(bucket["versioning"]["enabled"] == true && bucket["location"] == "EU", "{bucket}");
        let service = inputs("run.googleapis.com/Service::mlflow-prod")?;
        ensure!(service["template"]["scaling"]["minInstanceCount"] == 1, "{service}");
        Ok(())
    }

    fn secrets(&mut self) -> Result<()> {
        let user = self.plan.resource("sqladmin.googleapis.com/User::mlflow-prod-mlflow");
        let inputs = &user.context("the user is not in the plan")?["inputs"];
        let shown = inputs["password"].to_string();
        ensure!(shown.contains("secret") || shown.contains("unknown"), "the password is shown as {shown}");
        Ok(())
    }

    fn policies(&mut self) -> Result<()> {
        let event = self.run.event("policies")?;
        let policies = event["policies"].as_array().context("`policies` is no list")?;
        let silent = |policy: &&serde_json::Value| policy["violations"] == serde_json::json!([]);
        ensure!(policies.len() == 5 && policies.iter().filter(silent).count() == 5, "{event}");
        // And they do look: without its settings, production does not pass.
        self.bench.edit(
            "prod.toml",
            "parameters = { temporary-buckets = [\"mlflow-prod-sources\"] } ",
            "",
        )?;
        let run = self.bench.host(COMMAND)?;
        ensure!(run.code == 5, "{}", run.report());
        self.bench.edit(
            "prod.toml",
            "policies/deletion-protection.wasm\", ",
            "policies/deletion-protection.wasm\", parameters = { temporary-buckets = [\"mlflow-prod-sources\"] } ",
        )?;
        Ok(())
    }

    fn determinism(&mut self) -> Result<()> {
        let fuel = |run: &Run| run.event("summary")?["fuel"].as_u64().context("the fuel is not counted");
        let same = |run: &Run| {
            let report = || format!("{}\n{}", self.run.report(), run.report());
            ensure!(run.plan()?.0 == self.plan.0, "the plans differ\n{}", report());
            ensure!(fuel(run)? == fuel(&self.run)?, "the fuel differs\n{}", report());
            Ok(())
        };
        same(&self.bench.succeeds(&COMMAND)?)?;
        // Nothing that was compiled before, another place, another time of day.
        let elsewhere = Workbench::new()?;
        let cache = elsewhere.home().join("empty-cache").display().to_string();
        let variables =
            [("XDG_CACHE_HOME", cache.as_str()), ("TZ", "Asia/Kathmandu"), ("LC_ALL", "tr_TR.UTF-8")];
        let run = elsewhere.host_with(COMMAND, &variables)?;
        ensure!(run.code == 0, "{}", run.report());
        ensure!(elsewhere.home().join("empty-cache").is_dir(), "the cache is somewhere else");
        same(&run)
    }

    fn processes(&mut self) -> Result<()> {
        let running = processes_that_mention(self.bench.directory());
        ensure!(running.is_empty(), "{running:#?}");
        Ok(())
    }
}
