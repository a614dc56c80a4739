//! Cloud Build v1: builds that run `docker build` on an archive from a bucket.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{fill, list, set, text};
use crate::common::operations::{Failure, Operation};
use crate::common::{clock, identifiers};
use crate::data::images::BuildRequest;
use crate::server::call::{Answer, Call, Reply, page};
use crate::services::artifacts;
use crate::services::storage::buckets;

const TYPE: &str = "type.googleapis.com/google.devtools.cloudbuild.v1.";

/// Lines of the log that a failed build carries in its `failureInfo`.
const TAIL: usize = 40;

/// Whether a text can be the id of a build; it becomes part of a file name.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Where the log of a build is kept.
pub(crate) fn log_path(cloud: &Cloud, id: &str) -> PathBuf {
    cloud.directory.join("builds").join(format!("{id}.log"))
}

pub(crate) fn call(cloud: &Arc<Cloud>, mut call: Call) -> Answer {
    // The older methods have no location and call the build `id`.
    call.variables.entry("location".to_owned()).or_insert_with(|| "global".to_owned());
    if let Some(id) = call.variables.get("id").cloned() {
        call.variables.insert("build".to_owned(), id);
    }
    let name = call.located("builds", call.variable("build"));
    let action = call.action().trim_start_matches("projects.").trim_start_matches("locations.");
    match action {
        "builds.create" => create(cloud, &call),
        "builds.get" => cloud.store.builds.get(&name).map(Reply::Json).ok_or_else(unknown),
        "builds.list" => {
            let mut builds: Vec<_> = cloud
                .store
                .builds
                .list(&call.located("builds", ""))
                .into_iter()
                .map(|(_, build)| build)
                .collect();
            builds.sort_by(|one, other| text(other, "createTime").cmp(&text(one, "createTime")));
            page(&call, "builds", builds).map(Reply::Json)
        }
        "operations.get" => {
            let id = call.variable("operation");
            let name = if call.project().is_empty() {
                format!("operations/{id}")
            } else {
                call.located("operations", id)
            };
            match cloud.operations.poll("cloudbuild", &name) {
                Some(operation) => Ok(Reply::Json(operation.longrunning())),
                None => Err(unknown()),
            }
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("Requested entity was not found.")
}

/// The account that a build acts as, if it names one.
fn account(build: &Value) -> Option<&str> {
    text(build, "serviceAccount").map(|name| name.rsplit('/').next().unwrap_or(name))
}

fn create(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let (project, location) = (call.project(), call.variable("location"));
    let mut build = call.body.clone();
    let logging = text(&build, "options.logging").unwrap_or_default();
    let own_logs = text(&build, "logsBucket").is_some()
        || text(&build, "options.defaultLogsBucketBehavior") == Some("REGIONAL_USER_OWNED_BUCKET")
        || matches!(logging, "CLOUD_LOGGING_ONLY" | "NONE");
    if let Some(account) = account(&build) {
        if !own_logs {
            return Err(ApiError::invalid(
                "if 'build.service_account' is specified, the build must either (a) specify 'build.logs_bucket', (b) \
                 use the REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, or (c) use \
                 either CLOUD_LOGGING_ONLY / NONE logging options",
            ));
        }
        if !cloud.account_exists(account) {
            return Err(ApiError::not_found(format!("service account {account} was not found")));
        }
    }
    // What the local cloud cannot run is refused at once, with the reason.
    docker_build(&build).map_err(ApiError::invalid)?;
    let id = identifiers::uuid();
    let name = format!("projects/{project}/locations/{location}/builds/{id}");
    fill(
        &mut build,
        json!({
            "timeout": "600s",
            "queueTtl": "3600s",
            "options": {"logging": "LEGACY", "pool": {}},
            "serviceAccount": format!(
                "projects/{project}/serviceAccounts/{}-compute@developer.gserviceaccount.com",
                identifiers::project_number(project)
            ),
        }),
    );
    let own = json!({
        "id": id,
        "name": name.replacen(project, &identifiers::project_number(project), 1),
        "projectId": project,
        "status": "QUEUED",
        "createTime": clock::now(),
        "artifacts": {"images": build["images"]},
        "logUrl": format!(
            "https://console.cloud.google.com/cloud-build/builds;region={location}/{id}?project={}",
            identifiers::project_number(project)
        ),
        "sourceProvenance": {"resolvedStorageSource": build["source"]["storageSource"]},
    });
    crate::common::json::merge(&mut build, &own);
    cloud.store.builds.put(&name, build.clone())?;
    let operation = if call.action() == "projects.builds.create" {
        format!("operations/build/{project}/{}", STANDARD.encode(&id))
    } else {
        call.located("operations", &STANDARD.encode(format!("{location}:{id}")).replace('=', ""))
    };
    let operation = Operation::new("cloudbuild", "builds.create", operation, project, &name)
        .metadata(json!({"@type": format!("{TYPE}BuildOperationMetadata"), "build": build}));
    Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
}

/// A `docker build`, as a build step asks for it.
#[derive(Debug, PartialEq, Eq)]
struct DockerBuild {
    tags: Vec<String>,
    dockerfile: String,
    arguments: BTreeMap<String, String>,
    context: String,
}

/// The one step that a build may have.
fn docker_build(build: &Value) -> Result<DockerBuild, String> {
    let steps: Vec<_> = list(build, "steps").collect();
    let [step] = steps.as_slice() else {
        return Err(format!("The local cloud runs builds of one step, not of {}.", steps.len()));
    };
    let builder = text(step, "name").unwrap_or_default();
    if builder.split(':').next() != Some("gcr.io/cloud-builders/docker") {
        return Err(format!(
            "The local cloud runs the builder gcr.io/cloud-builders/docker only, not {builder}."
        ));
    }
    if text(build, "source.storageSource.bucket").is_none()
        || text(build, "source.storageSource.object").is_none()
    {
        return Err("The local cloud builds from source.storageSource only.".to_owned());
    }
    let args: Vec<&str> = list(step, "args").filter_map(Value::as_str).collect();
    let Some((&"build", args)) = args.split_first() else {
        return Err("The step must run `docker build`.".to_owned());
    };
    let mut parsed = DockerBuild {
        tags: Vec::new(),
        dockerfile: "Dockerfile".to_owned(),
        arguments: BTreeMap::new(),
        context: String::new(),
    };
    let mut contexts = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (flag, inline) = match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (*arg, None),
        };
        let mut value = || {
            inline.or_else(|| args.next().copied()).ok_or_else(|| format!("The option {flag} needs a value."))
        };
        match flag {
            "-t" | "--tag" => parsed.tags.push(value()?.to_owned()),
            "-f" | "--file" => parsed.dockerfile = value()?.to_owned(),
            "--build-arg" => {
                let value = value()?;
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                parsed.arguments.insert(name.to_owned(), value.to_owned());
            }
            "--no-cache" | "--pull" | "--network" | "--progress" | "--platform" => {
                if !matches!(flag, "--no-cache" | "--pull") {
                    value()?;
                }
            }
            other if other.starts_with('-') => {
                return Err(format!("The local cloud does not know the option {other} of docker build."));
            }
            context => contexts.push(context),
        }
    }
    match contexts.as_slice() {
        [context] => parsed.context = context.trim_start_matches("./").trim_matches(['.', '/']).to_owned(),
        _ => return Err("docker build needs exactly one context directory.".to_owned()),
    }
    if parsed.tags.is_empty() {
        return Err("docker build needs a tag (-t).".to_owned());
    }
    Ok(parsed)
}

fn update(cloud: &Cloud, name: &str, change: impl FnOnce(&mut Value)) -> Result<Value, Failure> {
    let changed = cloud.store.builds.change::<Failure>(name, |build| {
        change(build);
        Ok(())
    })?;
    changed.ok_or_else(|| Failure::new(5, "The build is gone."))
}

pub(crate) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    let started = clock::now();
    let build = update(cloud, name, |build| {
        build["status"] = "WORKING".into();
        build["startTime"] = started.as_str().into();
    })?;
    show(cloud, operation, &build)?;
    let result = run(cloud, &build).await;
    let finished = clock::now();
    let log = log_path(cloud, text(&build, "id").unwrap_or_default());
    let build = update(cloud, name, |build| {
        build["finishTime"] = finished.as_str().into();
        build["timing"] = json!({"BUILD": {"startTime": started, "endTime": finished}});
        match &result {
            Ok(images) => {
                build["status"] = "SUCCESS".into();
                build["results"] =
                    json!({"images": images, "buildStepImages": [""], "buildStepOutputs": [""]});
                set(build, "steps", stepped(build, "SUCCESS"));
            }
            Err(problem) => {
                let tail = crate::data::file::tail(&log, TAIL).join("\n");
                let detail = if tail.is_empty() { problem.clone() } else { format!("{problem}\n{tail}") };
                build["status"] = "FAILURE".into();
                build["statusDetail"] = problem.as_str().into();
                build["failureInfo"] = json!({"type": "USER_BUILD_STEP", "detail": detail});
                set(build, "steps", stepped(build, "FAILURE"));
            }
        }
    })?;
    show(cloud, operation, &build)?;
    match result {
        Ok(_) => {
            let mut response = json!({"@type": format!("{TYPE}Build")});
            crate::common::json::merge(&mut response, &build);
            Ok(response)
        }
        Err(problem) => {
            Err(Failure::new(2, format!("Build failed; check build logs for details: {problem}")))
        }
    }
}

/// Ends a build whose operation fails without its work.
pub(crate) fn abandon(cloud: &Cloud, operation: &Operation, failure: &Failure) {
    let ended = update(cloud, &operation.target, |build| {
        build["status"] = "INTERNAL_ERROR".into();
        build["statusDetail"] = failure.message.as_str().into();
        build["finishTime"] = clock::now().into();
    });
    if let Err(error) = ended.and_then(|build| show(cloud, operation, &build)) {
        tracing::error!(operation = operation.name, %error, "cannot record the end of a build");
    }
}

fn stepped(build: &Value, status: &str) -> Value {
    let mut steps = build["steps"].clone();
    for step in steps.as_array_mut().into_iter().flatten() {
        step["status"] = status.into();
    }
    steps
}

fn show(cloud: &Cloud, operation: &Operation, build: &Value) -> Result<(), Failure> {
    let metadata = json!({"@type": format!("{TYPE}BuildOperationMetadata"), "build": build});
    Ok(cloud.operations.set_metadata(operation, metadata)?)
}

/// Runs a build and pushes its images; the error is one sentence, and the log has the rest.
async fn run(cloud: &Arc<Cloud>, build: &Value) -> Result<Vec<Value>, String> {
    let docker = docker_build(build)?;
    let account = account(build).unwrap_or_default().to_owned();
    let source = fetch(cloud, build, &account).await?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    let path = log_path(cloud, text(build, "id").unwrap_or_default());
    let log = tokio::spawn(async move {
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        let mut file = tokio::fs::File::create(&path).await?;
        while let Some(line) = receiver.recv().await {
            file.write_all(line.as_bytes()).await?;
            file.write_all(b"\n").await?;
        }
        file.flush().await
    });
    let request = BuildRequest {
        source: source.path().to_owned(),
        context: docker.context.clone(),
        dockerfile: docker.dockerfile.clone(),
        arguments: docker.arguments.clone(),
        log: sender,
    };
    let built = cloud.images.build(request).await;
    if let Ok(Err(error)) = log.await {
        tracing::warn!(%error, "cannot write a build log");
    }
    let manifest = built.map_err(|error| {
        // The log repeats the output that the error carries.
        error.to_string().lines().next().unwrap_or("the build failed").to_owned()
    })?;
    let mut images = Vec::new();
    for image in list(build, "images").filter_map(Value::as_str) {
        if !docker.tags.iter().any(|tag| tag == image) {
            return Err(format!(
                "failed to find one or more images after execution of build steps: [\"{image}\"]"
            ));
        }
        images.push(push(cloud, image, &manifest.digest, &account).await?);
    }
    Ok(images)
}

async fn push(cloud: &Arc<Cloud>, image: &str, digest: &str, account: &str) -> Result<Value, String> {
    let (repository, path) = artifacts::repository_of(image)
        .ok_or_else(|| format!("The local cloud pushes to LOCATION-docker.pkg.dev only, not to {image}."))?;
    if !cloud.store.repositories.contains(&repository) {
        return Err(format!(
            "failed to push {image}: name unknown: Repository \"{}\" not found",
            repository.rsplit('/').next().unwrap_or_default()
        ));
    }
    if !artifacts::may_write(cloud, &repository, account) {
        return Err(format!(
            "failed to push {image}: denied: Permission \"artifactregistry.repositories.uploadArtifacts\" denied on \
             resource \"{repository}\" (or it may not exist) for {account}"
        ));
    }
    let tag = image.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.contains('/')).unwrap_or("latest");
    cloud.images.push(&path, tag, digest).await.map_err(|error| error.to_string())?;
    Ok(
        json!({"name": image, "digest": digest, "pushTiming": {"startTime": clock::now(), "endTime": clock::now()}}),
    )
}

/// Copies the source archive to a temporary file, with the build account's rights.
async fn fetch(cloud: &Arc<Cloud>, build: &Value, account: &str) -> Result<tempfile::NamedTempFile, String> {
    let bucket = text(build, "source.storageSource.bucket").unwrap_or_default();
    let object = text(build, "source.storageSource.object").unwrap_or_default();
    let generation = text(build, "source.storageSource.generation").and_then(|number| number.parse().ok());
    if !cloud.store.buckets.contains(bucket) {
        return Err(format!("could not resolve source: the bucket {bucket} does not exist"));
    }
    if !buckets::may_read(cloud, bucket, account) {
        return Err(format!(
            "could not resolve source: googleapi: Error 403: {account} does not have storage.objects.get access to the \
             Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)., forbidden"
        ));
    }
    let mut reader = cloud
        .objects
        .read(bucket, object, generation, None)
        .await
        .map_err(|error| format!("could not resolve source: {error}"))?;
    let copy = async {
        let file = tempfile::NamedTempFile::new()?;
        let mut output = tokio::fs::File::create(file.path()).await?;
        while let Some(piece) = reader.content.next().await {
            output.write_all(&piece?).await?;
        }
        output.flush().await?;
        Ok::<_, std::io::Error>(file)
    };
    copy.await.map_err(|error| format!("could not copy the source: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(args: Value) -> Value {
        json!({
            "source": {"storageSource": {"bucket": "b", "object": "o"}},
            "steps": [{"name": "gcr.io/cloud-builders/docker", "args": args}],
        })
    }

    #[test]
    fn docker_arguments_are_understood_or_refused() {
        let parsed = docker_build(&build(json!([
            "build",
            "-t",
            "a:1",
            "--tag=b",
            "--build-arg",
            "X=1=2",
            "-f",
            "D",
            "./sub/"
        ])))
        .unwrap();
        assert_eq!(parsed.tags, ["a:1", "b"]);
        assert_eq!(parsed.dockerfile, "D");
        assert_eq!(parsed.arguments["X"], "1=2");
        assert_eq!(parsed.context, "sub");
        assert_eq!(docker_build(&build(json!(["build", "-t", "a", "."]))).unwrap().context, "");
        let problems: Vec<_> = [
            json!(["push", "a"]),
            json!(["build", "."]),
            json!(["build", "-t"]),
            json!(["build", "--squash", "-t", "a", "."]),
            json!(["build", "-t", "a"]),
        ]
        .into_iter()
        .map(|args| docker_build(&build(args)).unwrap_err())
        .collect();
        insta::assert_snapshot!(problems.join("\n"), @r"
        The step must run `docker build`.
        docker build needs a tag (-t).
        The option -t needs a value.
        The local cloud does not know the option --squash of docker build.
        docker build needs exactly one context directory.
        ");
    }
}
