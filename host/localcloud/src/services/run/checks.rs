//! What a template refers to must be there.

use serde_json::Value;

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{list, text};
use crate::common::operations::Failure;
use crate::data::images::ImageManifest;
use crate::services::{artifacts, compute};

/// What is checked with the request: account and network of a template.
pub(super) fn template(
    cloud: &Cloud,
    project: &str,
    location: &str,
    template: &Value,
) -> Result<(), ApiError> {
    if list(template, "containers").next().is_none() {
        return Err(ApiError::invalid("template.containers: must have at least one container."));
    }
    for container in list(template, "containers") {
        if text(container, "image").is_none() {
            return Err(ApiError::invalid("template.containers.image: must not be empty."));
        }
    }
    if list(template, "containers").count() > 1 {
        return Err(ApiError::invalid("The local cloud runs one container per instance."));
    }
    let account = text(template, "serviceAccount").unwrap_or_default();
    if !cloud.account_exists(account) {
        return Err(ApiError::denied(format!(
            "Permission 'iam.serviceaccounts.actAs' denied on service account {account} (or it may not exist)."
        )));
    }
    for interface in list(template, "vpcAccess.networkInterfaces") {
        let network = text(interface, "network")
            .map(|network| compute::network_name(cloud, project, network))
            .transpose()?;
        if let Some(network) = &network
            && !cloud.store.networks.contains(network)
        {
            return Err(ApiError::invalid(format!("VPC network '{network}' does not exist.")));
        }
        let Some(reference) = text(interface, "subnetwork") else { continue };
        let short = reference.rsplit('/').next().unwrap_or(reference);
        let name = format!("projects/{project}/regions/{location}/subnetworks/{short}");
        let Some(subnetwork) = cloud.store.subnetworks.get(&name) else {
            return Err(ApiError::invalid(format!("VPC subnetwork '{name}' does not exist.")));
        };
        if let Some(network) = network
            && subnetwork["network"] != format!("{}{network}", compute::BASE)
        {
            return Err(ApiError::invalid(format!(
                "VPC subnetwork '{name}' does not belong to network '{network}'."
            )));
        }
    }
    Ok(())
}

/// The image of a container, which must be in a repository of the local cloud.
pub(super) async fn image(cloud: &Cloud, image: &str) -> Result<ImageManifest, Failure> {
    let absent = || Failure::new(5, format!("Image '{image}' not found."));
    let (repository, _) = artifacts::repository_of(image).ok_or_else(|| {
        Failure::new(
            5,
            format!(
                "Image '{image}' not found. The local cloud has the images of its own Artifact Registry only \
             (LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE)."
            ),
        )
    })?;
    if !cloud.store.repositories.contains(&repository) {
        return Err(absent());
    }
    cloud.images.resolve(image).await.map_err(|_| absent())
}
