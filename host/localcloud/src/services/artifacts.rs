//! Artifact Registry v1: Docker repositories, their images and policies.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{apply_mask, fill};
use crate::common::operations::{Failure, Operation};
use crate::common::{clock, identifiers, policies};
use crate::server::call::{Answer, Call, Reply, page};
use crate::services::projects;

const TYPE: &str = "type.googleapis.com/google.devtools.artifactregistry.v1.";

/// Roles that may push.
const WRITERS: [&str; 6] = [
    "roles/artifactregistry.writer",
    "roles/artifactregistry.repoAdmin",
    "roles/artifactregistry.admin",
    "roles/cloudbuild.builds.builder",
    "roles/editor",
    "roles/owner",
];

/// The full resource name under which a repository's policy is kept.
fn resource(name: &str) -> String {
    format!("//artifactregistry.googleapis.com/{name}")
}

pub(crate) async fn call(cloud: &Arc<Cloud>, call: Call) -> Answer {
    let name = call.located("repositories", call.variable("repository"));
    let action = call.action().trim_start_matches("projects.locations.");
    match action {
        "repositories.create" => create(cloud, &call),
        "repositories.list" => {
            let mut repositories = Vec::new();
            for (name, body) in cloud.store.repositories.list(&call.located("repositories", "")) {
                repositories.push(public(cloud, &name, body).await);
            }
            page(&call, "repositories", repositories).map(Reply::Json)
        }
        "repositories.get" => {
            let body = existing(cloud, &name)?;
            Ok(Reply::Json(public(cloud, &name, body).await))
        }
        "repositories.patch" => patch(cloud, &call, &name),
        "repositories.delete" => {
            existing(cloud, &name)?;
            begin(cloud, &call, &name)
        }
        "repositories.getIamPolicy" => {
            existing(cloud, &name)?;
            Ok(Reply::Json(policies::get(cloud, &resource(&name))))
        }
        "repositories.setIamPolicy" => {
            existing(cloud, &name)?;
            policies::set(cloud, &resource(&name), &call.body["policy"]).map(Reply::Json)
        }
        "repositories.testIamPermissions" => {
            Ok(Reply::Json(json!({"permissions": call.body["permissions"]})))
        }
        "repositories.dockerImages.list" => {
            existing(cloud, &name)?;
            page(&call, "dockerImages", images(cloud, &name).await).map(Reply::Json)
        }
        "repositories.dockerImages.get" => {
            existing(cloud, &name)?;
            let wanted = format!("{name}/dockerImages/{}", call.variable("dockerImage"));
            let found = images(cloud, &name).await.into_iter().find(|image| image["name"] == wanted.as_str());
            found.map(Reply::Json).ok_or_else(|| ApiError::not_found("Requested entity was not found."))
        }
        "repositories.packages.tags.get" => {
            existing(cloud, &name)?;
            tag(cloud, &call, &name, call.variable("tag")).await
        }
        "repositories.packages.tags.list" => {
            existing(cloud, &name)?;
            let package = format!("{}/{}", registry(&name), call.variable("package"));
            let tags = cloud.images.tags(&package).await.map_err(not_found)?;
            let tags = tags.iter().map(|(id, digest)| described(&call, &name, id, digest)).collect();
            page(&call, "tags", tags).map(Reply::Json)
        }
        "repositories.packages.tags.patch" => {
            existing(cloud, &name)?;
            let package = format!("{}/{}", registry(&name), call.variable("package"));
            let version = call.text("version").unwrap_or_default();
            let digest = version.rsplit('/').next().unwrap_or_default();
            cloud.images.resolve(&format!("{package}@{digest}")).await.map_err(not_found)?;
            cloud.images.push(&package, call.variable("tag"), digest).await.map_err(not_found)?;
            tag(cloud, &call, &name, call.variable("tag")).await
        }
        "repositories.packages.tags.delete" => {
            existing(cloud, &name)?;
            let package = format!("{}/{}", registry(&name), call.variable("package"));
            cloud.images.delete_tag(&package, call.variable("tag")).await.map_err(not_found)?;
            Ok(Reply::Json(json!({})))
        }
        "repositories.packages.versions.delete" => {
            existing(cloud, &name)?;
            let package = format!("{}/{}", registry(&name), call.variable("package"));
            cloud.images.delete_image(&package, call.variable("version")).await.map_err(not_found)?;
            let operation = call.located("operations", &identifiers::uuid());
            let operation =
                Operation::new("artifactregistry", call.action(), operation, call.project(), &name)
                    .finished(json!({"@type": "type.googleapis.com/google.protobuf.Empty"}));
            Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
        }
        "operations.get" => {
            let name = call.located("operations", call.variable("operation"));
            match cloud.operations.poll("artifactregistry", &name) {
                Some(operation) => Ok(Reply::Json(operation.longrunning())),
                None => Err(ApiError::not_found("Requested entity was not found.")),
            }
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// A tag of a package.
async fn tag(cloud: &Cloud, call: &Call, repository: &str, id: &str) -> Answer {
    let package = format!("{}/{}", registry(repository), call.variable("package"));
    let tags = cloud.images.tags(&package).await.map_err(not_found)?;
    let digest = tags.get(id).ok_or_else(|| not_found("Requested entity was not found."))?;
    Ok(Reply::Json(described(call, repository, id, digest)))
}

fn described(call: &Call, repository: &str, tag: &str, digest: &str) -> Value {
    let package = format!("{repository}/packages/{}", call.variable("package").replace('/', "%2F"));
    json!({"name": format!("{package}/tags/{tag}"), "version": format!("{package}/versions/{digest}")})
}

fn not_found(error: impl std::fmt::Display) -> ApiError {
    ApiError::not_found(error.to_string())
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.repositories.get(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> ApiError {
    ApiError::not_found(format!("Repository \"{name}\" not found"))
}

/// `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY`: what images of the repository begin with.
fn registry(name: &str) -> String {
    let mut parts = name.split('/').skip(1).step_by(2);
    let (project, location, id) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    format!("{location}-docker.pkg.dev/{project}/{id}")
}

/// The repository that an image belongs to, as in the store, and the image's path without tag and
/// digest; `None` when the address is not one of Artifact Registry's Docker addresses.
pub(crate) fn repository_of(image: &str) -> Option<(String, String)> {
    let path = image.split('@').next()?;
    let path = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => path,
    };
    let mut parts = path.splitn(4, '/');
    let location = parts.next()?.strip_suffix("-docker.pkg.dev")?;
    let (project, repository, name) = (parts.next()?, parts.next()?, parts.next()?);
    (!name.is_empty()).then(|| {
        (format!("projects/{project}/locations/{location}/repositories/{repository}"), path.to_owned())
    })
}

/// Whether `account` may push into `repository`.
pub(crate) fn may_write(cloud: &Cloud, repository: &str, account: &str) -> bool {
    let project = repository.split('/').nth(1).unwrap_or_default();
    let places = [resource(repository), projects::resource(project)];
    policies::grants(cloud, &places, &WRITERS, &format!("serviceAccount:{account}"))
}

fn create(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let id = call.required("repositoryId")?;
    let fits = (1..=63).contains(&id.len())
        && id.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err(ApiError::invalid(format!(
            "Invalid repository id \"{id}\": it must have 1 to 63 lower-case letters, digits and dashes, begin \
             with a letter and not end with a dash."
        )));
    }
    if call.text("format") != Some("DOCKER") {
        return Err(ApiError::invalid("The local cloud keeps repositories of format DOCKER only."));
    }
    let name = call.located("repositories", id);
    let mut repository = call.body.clone();
    if repository["mode"] == "MODE_UNSPECIFIED" {
        crate::common::json::remove(&mut repository, "mode");
    }
    fill(
        &mut repository,
        json!({
            "mode": "STANDARD_REPOSITORY",
            "cleanupPolicyDryRun": false,
            "vulnerabilityScanningConfig": {
                "lastEnableTime": clock::now(),
                "enablementState": "SCANNING_DISABLED",
                "enablementStateReason": "API containerscanning.googleapis.com is not enabled.",
            },
        }),
    );
    let now = clock::now();
    repository["name"] = name.as_str().into();
    repository["createTime"] = now.as_str().into();
    repository["updateTime"] = now.into();
    Cloud::create(&cloud.store.repositories, &name, repository, || {
        ApiError::exists("the repository already exists")
    })?;
    begin(cloud, call, &name)
}

fn begin(cloud: &Arc<Cloud>, call: &Call, target: &str) -> Answer {
    let name = call.located("operations", &identifiers::uuid());
    let operation = Operation::new("artifactregistry", call.action(), name, call.project(), target)
        .metadata(json!({"@type": format!("{TYPE}OperationMetadata")}));
    Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
}

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    let mask = call.query("updateMask").unwrap_or("*");
    let changed = cloud.store.repositories.change::<ApiError>(name, |repository| {
        if call.text("format").is_some_and(|format| repository["format"] != format) {
            return Err(ApiError::invalid("The format of a repository cannot be changed."));
        }
        apply_mask(repository, &call.body, mask);
        repository["name"] = name.into();
        repository["updateTime"] = clock::now().into();
        Ok(())
    })?;
    changed.map(Reply::Json).ok_or_else(|| unknown(name))
}

/// A repository with what the registry knows of it.
async fn public(cloud: &Cloud, name: &str, mut body: Value) -> Value {
    let count: usize = cloud.images.list(&registry(name)).await.values().map(Vec::len).sum();
    // The disk use of shared layers is nobody's in particular; a number must be there for gcloud.
    body["sizeBytes"] = (count * 1024 * 1024).to_string().into();
    body["registryUri"] = registry(name).into();
    body
}

async fn images(cloud: &Cloud, repository: &str) -> Vec<Value> {
    let prefix = registry(repository);
    let mut images = Vec::new();
    for (path, entries) in cloud.images.list(&prefix).await {
        let short = path.strip_prefix(&prefix).unwrap_or(&path).trim_start_matches('/').to_owned();
        for entry in entries {
            images.push(json!({
                "name": format!("{repository}/dockerImages/{}@{}", short.replace('/', "%2F"), entry.digest),
                "uri": format!("{path}@{}", entry.digest),
                "tags": entry.tags,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "uploadTime": clock::utc(entry.uploaded),
                "updateTime": clock::utc(entry.uploaded),
            }));
        }
    }
    images
}

pub(crate) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    if operation.action.ends_with("delete") {
        cloud.images.delete_below(&registry(name)).await.map_err(Failure::internal)?;
        cloud.store.repositories.remove(name)?;
        policies::remove(cloud, &resource(name))?;
        return Ok(json!({"@type": "type.googleapis.com/google.protobuf.Empty"}));
    }
    let body =
        cloud.store.repositories.get(name).ok_or_else(|| Failure::new(5, "The repository is gone."))?;
    let mut response = json!({"@type": format!("{TYPE}Repository")});
    crate::common::json::merge(&mut response, &public(cloud, name, body).await);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_name_their_repositories() {
        let repository = "projects/p/locations/us-central1/repositories/r".to_owned();
        let path = "us-central1-docker.pkg.dev/p/r/a/b".to_owned();
        for suffix in ["", ":tag", "@sha256:00", ":tag@sha256:00"] {
            assert_eq!(repository_of(&format!("{path}{suffix}")), Some((repository.clone(), path.clone())));
        }
        assert_eq!(registry(&repository), "us-central1-docker.pkg.dev/p/r");
        assert_eq!(repository_of("gcr.io/cloudrun/hello"), None);
        assert_eq!(repository_of("us-central1-docker.pkg.dev/p/r"), None);
    }
}
