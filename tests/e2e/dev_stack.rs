//! The whole life of the dev stack on the local cloud: from nothing to nothing, judged by real clients.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{
    Cloud, Run, Steps, Workbench, gcloud, processes_that_mention, python, python_by_default, skip,
};
use sha2::{Digest as _, Sha256};

const PROJECT: &str = "mlflow-dev";
const REGION: &str = "europe-west1";
const SERVICE: &str = "run.googleapis.com/Service::mlflow-dev";
const BUCKET: &str = "storage.googleapis.com/Bucket::mlflow-dev-artifacts";
const INVOKER: &str = "run.googleapis.com/ServiceIamMember::mlflow-dev-invoker-allUsers";
const SECRET: &str = "mlflow-dev-database-password";
const STACK: &str = "stacks/dev.wasm";

fn main() -> ExitCode {
    Steps::begin("up_from_nothing_makes_a_server_that_answers", Story::begin)
        .then("a_second_up_changes_nothing_and_asks_for_nothing", Story::second_up)
        .then("an_mlflow_client_finds_again_what_it_writes", Story::client)
        .then("googles_clients_see_what_was_built", Story::google)
        .then("gcloud_lists_what_was_built", Story::gcloud)
        .then("what_others_change_is_the_drift_and_goes_away", Story::drift)
        .then("artifacts_are_in_the_buckets_directory", Story::objects)
        .then("the_password_is_nowhere_in_the_clear", Story::secrets)
        .then("data_survives_a_restart_of_the_cloud", Story::restart)
        .then("a_changed_variable_is_one_update_and_a_new_revision", Story::environment)
        .then("a_changed_location_is_shown_as_a_replacement", Story::location)
        .then("a_changed_dockerfile_is_a_new_image", Story::dockerfile)
        .then("destroy_leaves_nothing", Story::destroy)
        .then("a_preview_from_nothing_knows_what_can_be_known", Story::foreknowledge)
        .then("a_stopped_cloud_leaves_no_process", Story::stop)
        .run()
}

struct Story {
    bench: Workbench,
    cloud: Cloud,
    /// The last run that printed the outputs.
    up: Run,
    record: PathBuf,
}

impl Story {
    fn begin() -> Result<Self> {
        let bench = Workbench::new()?;
        let up = bench.succeeds(&["up", STACK, "--yes", "--json"])?;
        let counts = up.counts()?;
        ensure!(counts.keys().eq(["create"]) && counts["create"] > 30, "{counts:?}");
        let outputs = up.outputs()?;
        for name in ["url", "bucket", "image", "image-digest", "sql-connection-name"] {
            ensure!(outputs.contains_key(name), "no output `{name}`: {outputs:?}");
        }
        let cloud = Cloud::at(&endpoint(&bench)?)?;
        let health = cloud.text(&format!("{}/health", up.local_address("url")?))?;
        ensure!(health == "OK", "/health says {health}");
        let record = bench.directory().join("record.json");
        Ok(Self { bench, cloud, up, record })
    }

    fn second_up(&mut self) -> Result<()> {
        let before = self.cloud.mutations()?;
        let again = self.bench.succeeds(&["up", STACK, "--yes", "--json"])?;
        ensure!(again.counts()?.is_empty(), "{}", again.report());
        ensure!(again.outputs()? == self.up.outputs()?, "the outputs differ\n{}", again.report());
        self.bench.succeeds(&["preview", STACK, "--exit-code"])?;
        let sent = self.cloud.mutations()? - before;
        ensure!(sent == 0, "{sent} mutating requests: {}", self.cloud.get("/_local/counters")?);
        // So far nobody but the host has asked for anything.
        self.cloud.ensure_as_described()
    }

    fn client(&mut self) -> Result<()> {
        self.mlflow("write")
    }

    fn google(&mut self) -> Result<()> {
        let outputs = self.bench.directory().join("outputs.json");
        fs::write(&outputs, serde_json::to_vec(&self.up.outputs()?)?)?;
        let arguments = [
            self.cloud.endpoint(),
            PROJECT,
            REGION,
            &outputs.to_string_lossy(),
            &self.record.to_string_lossy(),
        ];
        python("google_clients.py", arguments, &[])?;
        let exports = self.bench.succeeds(&["cloud", "env", "--libraries"])?.stdout;
        let built = self.up.outputs()?;
        let bucket = built["bucket"].trim_start_matches("gs://");
        let named = [PROJECT, REGION, SECRET, bucket];
        python_by_default("google_defaults.py", &exports, &named)
    }

    fn gcloud(&mut self) -> Result<()> {
        let exports = self.bench.succeeds(&["cloud", "env"])?.stdout;
        let outputs = self.up.outputs()?;
        let instance = outputs["sql-connection-name"].rsplit(':').next().unwrap_or_default();
        let bucket = outputs["bucket"].trim_start_matches("gs://");
        let password = self.cloud.secret(PROJECT, SECRET)?;
        let wanted = [PROJECT, REGION, "mlflow-dev-runtime", bucket, instance, SECRET, &password];
        if !gcloud("gcloud", &exports, &wanted)? {
            skip("gcloud is not installed on this machine");
        }
        Ok(())
    }

    fn drift(&mut self) -> Result<()> {
        let outputs = self.up.outputs()?;
        let bucket = outputs["bucket"].trim_start_matches("gs://");
        python("google_changes.py", [self.cloud.endpoint(), PROJECT, bucket, REGION], &[])?;
        // Who deployed it, and with what, is not declared: no drift.
        let mut expected = vec![(BUCKET, "versioning.enabled"), (SERVICE, "ingress")];
        // In the order in which the script takes their names.
        let by_hand = [
            ("iam.googleapis.com/ServiceAccount::mlflow-dev-runtime", "displayName"),
            ("compute.googleapis.com/Subnetwork::mlflow-dev-subnetwork", "privateIpGoogleAccess"),
            ("secretmanager.googleapis.com/Secret::mlflow-dev-database-password", "labels.mlflow-host-stack"),
            ("artifactregistry.googleapis.com/Repository::mlflow-dev-images", "description"),
            ("sqladmin.googleapis.com/Instance::mlflow-dev-database", "settings.storageAutoResize"),
        ];
        let ids = by_hand.iter().map(|(urn, _)| self.id(urn)).collect::<Result<Vec<_>>>()?;
        let mut named = vec![PROJECT, REGION, "mlflow-dev"];
        named.extend(ids.iter().map(String::as_str));
        let exports = self.bench.succeeds(&["cloud", "env"])?.stdout;
        if gcloud("gcloud-changes", &exports, &named)? {
            expected.extend(by_hand);
            expected.push((INVOKER, "gone"));
        } else {
            skip("gcloud is not installed on this machine");
        }
        let run = self.bench.host(["refresh", STACK, "--exit-code", "--json"])?;
        ensure!(run.code == 10, "something has drifted, which is exit code 10\n{}", run.report());
        let drift = run.event("drift")?;
        let mut found = Vec::new();
        for resource in drift["resources"].as_array().into_iter().flatten() {
            if resource["difference"] == "gone" {
                found.push((resource["urn"].as_str(), Some("gone")));
            }
            for change in resource["changes"].as_array().into_iter().flatten() {
                found.push((resource["urn"].as_str(), change["path"].as_str()));
            }
        }
        let mut expected: Vec<_> = expected.into_iter().map(|(urn, path)| (Some(urn), Some(path))).collect();
        found.sort_unstable();
        expected.sort_unstable();
        ensure!(found == expected, "{found:#?} instead of {expected:#?}");

        let repair = self.bench.succeeds(&["up", STACK, "--refresh", "--yes", "--json"])?;
        let mut wanted = BTreeMap::new();
        for (_, path) in &expected {
            let action = if *path == Some("gone") { "create" } else { "update" };
            *wanted.entry(action.to_owned()).or_insert(0) += 1;
        }
        ensure!(repair.counts()? == wanted, "{}", repair.report());
        self.bench.succeeds(&["refresh", STACK, "--exit-code", "--json"])?;
        Ok(())
    }

    fn objects(&mut self) -> Result<()> {
        let record: serde_json::Value = serde_json::from_slice(&fs::read(&self.record)?)?;
        let mut wanted = BTreeMap::new();
        for (path, artifact) in record["artifacts"].as_object().context("no artifacts in the record")? {
            let size = artifact["bytes"].as_u64().context("an artifact without a size")?;
            wanted.insert((size, artifact["sha256"].as_str().unwrap_or_default().to_owned()), path.clone());
        }
        find(&self.bench.home(), &mut wanted)?;
        ensure!(wanted.is_empty(), "not on disk below the cloud's directory: {wanted:?}");
        Ok(())
    }

    fn secrets(&mut self) -> Result<()> {
        const USER: &str = "sqladmin.googleapis.com/User::mlflow-dev-mlflow";
        let password = self.cloud.secret(PROJECT, SECRET)?;
        ensure!(password.len() == 32, "the password has {} characters", password.len());
        let shown = self.up.plan()?;
        ensure!(shown.resource(USER).is_some(), "the first plan made the user");
        for run in [&self.up, &self.bench.succeeds(&["outputs", STACK, "--json"])?] {
            ensure!(!run.report().contains(&password), "`{}` shows the password", run.command);
        }
        let mut files = Vec::new();
        list(&self.bench.stacks(), &mut files)?;
        let holds_state = |file: &PathBuf| file.ends_with("journal.jsonl") || file.ends_with("snapshot.json");
        ensure!(files.iter().any(holds_state), "no state among {files:?}");
        for file in &files {
            let content = fs::read(file)?;
            let found = content.windows(password.len()).any(|window| window == password.as_bytes());
            ensure!(!found, "{} holds the password", file.display());
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        // The counters begin anew with the cloud.
        self.cloud.ensure_as_described()?;
        self.bench.succeeds(&["cloud", "stop"])?;
        self.ensure_no_process("after `cloud stop`")?;
        self.bench.succeeds(&["cloud", "start"])?;
        self.cloud = Cloud::at(&endpoint(&self.bench)?)?;
        let again = self.bench.succeeds(&["up", STACK, "--yes", "--json"])?;
        ensure!(again.counts()?.is_empty(), "{}", again.report());
        self.up = again;
        self.mlflow("read")
    }

    fn environment(&mut self) -> Result<()> {
        let before = self.revision()?;
        self.bench.edit("dev.toml", "MLFLOW_LOGGING_LEVEL = \"INFO\"", "MLFLOW_LOGGING_LEVEL = \"DEBUG\"")?;
        let run = self.bench.succeeds(&["up", STACK, "--yes", "--json"])?;
        let actions = run.plan()?.actions();
        ensure!(actions == [("update".to_owned(), SERVICE.to_owned())], "{actions:?}");
        ensure!(run.counts()? == BTreeMap::from([("update".to_owned(), 1)]), "{}", run.report());
        let after = self.revision()?;
        ensure!(before != after, "the revision is still {before}");
        self.mlflow("read")
    }

    fn location(&mut self) -> Result<()> {
        let before = self.cloud.mutations()?;
        let arguments = ["preview", STACK, "--json", "--exit-code", "--set", "bucket-location=EU"];
        let run = self.bench.host(arguments)?;
        ensure!(run.code == 10, "changes are pending, which is exit code 10\n{}", run.report());
        let plan = run.plan()?;
        let actions = plan.actions();
        ensure!(actions.contains(&("replace".to_owned(), BUCKET.to_owned())), "{actions:?}");
        let changes = &plan.resource(BUCKET).context("the bucket is not in the plan")?["changes"];
        ensure!(changes[0]["path"] == "location" && changes[0]["needs"] == "replace", "{changes}");
        ensure!(self.cloud.mutations()? == before, "a preview changed something");

        let shown = self.bench.host(["preview", STACK, "--set", "bucket-location=EU"])?;
        let text = shown.stdout.to_lowercase();
        ensure!(text.contains("replace") && text.contains("location"), "{}", shown.report());
        Ok(())
    }

    fn dockerfile(&mut self) -> Result<()> {
        let before = (self.revision()?, self.up.outputs()?["image-digest"].clone());
        self.bench.edit("mlflow/image/Dockerfile", "EXPOSE 8080", "ENV EDITION=second\nEXPOSE 8080")?;
        let run = self.bench.succeeds(&["up", STACK, "--yes", "--json"])?;
        let counts = run.counts()?;
        let actions = run.plan()?.actions();
        let replaced = |urn: &str| actions.contains(&("replace".to_owned(), urn.to_owned()));
        ensure!(replaced("cloudbuild.googleapis.com/Build::mlflow-dev-image"), "{actions:?}");
        ensure!(replaced("run.googleapis.com/Execution::mlflow-dev-migrate"), "{actions:?}");
        ensure!(!counts.contains_key("create"), "{counts:?}");
        let after = (self.revision()?, run.outputs()?["image-digest"].clone());
        ensure!(before.0 != after.0 && before.1 != after.1, "{before:?} became {after:?}");
        ensure!(self.running_image()?.ends_with(&after.1), "the service runs another image");
        self.up = run;
        self.mlflow("read")
    }

    fn destroy(&mut self) -> Result<()> {
        ensure!(!self.cloud.resources(PROJECT)?.is_empty(), "the project is empty before `destroy`");
        self.bench.succeeds(&["destroy", STACK, "--yes", "--json"])?.counts()?;
        let left = self.cloud.resources(PROJECT)?;
        ensure!(left.is_empty(), "left in the project: {left:#?}");
        let running: Vec<_> = processes_that_mention(&self.bench.home())
            .into_iter()
            .filter(|process| process.contains("postgres") || process.contains("mlflow server"))
            .collect();
        ensure!(running.is_empty(), "still running after `destroy`: {running:#?}");
        // Since the cloud's restart, nobody but the host has asked for anything.
        self.cloud.ensure_as_described()
    }

    fn foreknowledge(&mut self) -> Result<()> {
        let preview = self.bench.succeeds(&["preview", STACK, "--json"])?;
        let references = &preview.plan()?.0["references"];
        let unknown: Vec<_> = references["unknown"].as_array().into_iter().flatten().collect();
        let attributes: Vec<_> = unknown.iter().filter_map(|it| it["attribute"].as_str()).collect();
        // The image is not built, the secret has no version, Google chooses the address, and a password that
        // was drawn before it is needed would have to be kept in the plan.
        let wanted = ["results.images[0].digest", "resourceId", "ipAddresses[0].ipAddress", "result"];
        ensure!(attributes == wanted, "{references}");
        let known = references["known"].as_u64().context("`known` is no number")?;
        let total = known + u64::try_from(unknown.len())?;
        ensure!(known * 100 >= total * 80, "{known} of {total} attributes are known");
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        self.bench.succeeds(&["cloud", "stop"])?;
        self.ensure_no_process("after `cloud stop`")
    }

    fn mlflow(&self, verb: &str) -> Result<()> {
        let address = self.up.local_address("url")?;
        let record = self.record.to_string_lossy();
        python("mlflow_client.py", [verb, record.as_ref()], &[("MLFLOW_TRACKING_URI", &address)])
    }

    /// The last part of a resource's full name.
    fn id(&self, urn: &str) -> Result<String> {
        let state = self.bench.succeeds(&["state", "show", STACK, urn, "--json"])?.event("resource")?;
        let identity = state["identity"].as_str().with_context(|| format!("{urn} has no name: {state}"))?;
        Ok(identity.rsplit('/').next().unwrap_or(identity).to_owned())
    }

    fn revision(&self) -> Result<String> {
        let service = self.cloud.service(PROJECT, REGION, "mlflow-dev")?;
        service["latestReadyRevision"].as_str().map(str::to_owned).context("no ready revision")
    }

    fn running_image(&self) -> Result<String> {
        let service = self.cloud.service(PROJECT, REGION, "mlflow-dev")?;
        let image = service["template"]["containers"][0]["image"].as_str();
        image.map(str::to_owned).context("a service without an image")
    }

    fn ensure_no_process(&self, when: &str) -> Result<()> {
        let running = processes_that_mention(&self.bench.home());
        ensure!(running.is_empty(), "still running {when}: {running:#?}");
        Ok(())
    }
}

/// The address of the local cloud.
fn endpoint(bench: &Workbench) -> Result<String> {
    let status = bench.succeeds(&["cloud", "status", "--json"])?;
    let event = status.event("cloud")?;
    event["endpoint"].as_str().map(str::to_owned).with_context(|| format!("no endpoint: {event}"))
}

/// Takes out of `wanted` (size and SHA-256) the files that are below a directory.
fn find(directory: &Path, wanted: &mut BTreeMap<(u64, String), String>) -> Result<()> {
    let mut files = Vec::new();
    list(directory, &mut files)?;
    for file in files {
        let size = fs::metadata(&file)?.len();
        if wanted.keys().any(|(wanted, _)| *wanted == size) {
            wanted.remove(&(size, hex::encode(Sha256::digest(fs::read(file)?))));
        }
    }
    Ok(())
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
