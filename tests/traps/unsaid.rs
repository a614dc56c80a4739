//! What a program need not say: an order that Google requires, an account of Google's that is not there yet, and which
//! image a tag means today.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{PROJECT, Place};
use serde_json::{Value as Json, json};

use crate::stacks::{api, database, server, with, without};
use crate::trial::{Spring, ends};

/// Each with its name.
pub(crate) const TRIALS: &[(&str, Spring)] =
    &[("order-unsaid", order_unsaid), ("agent-missing", agent_missing), ("tag-moves", tag_moves)];

/// Nothing of the stack says what comes first but by referring to it: no request is refused all the same.
fn order_unsaid(guest: &Path) -> Result<()> {
    let place = Place::new(guest)?;
    let mut stack = database();
    for resource in &mut stack {
        resource.as_object_mut().context("no object")?.remove("dependsOn");
    }
    place.declare(&stack)?;
    ends(&place, &["up"], 0, &[])?;
    let log = place.cloud.get("/_local/requests")?;
    let refused =
        |entry: &&Json| entry["status"].as_u64().is_none_or(|status| status >= 400 && status != 404);
    let refused: Vec<_> = log["requests"].as_array().context("no log")?.iter().filter(refused).collect();
    ensure!(refused.is_empty(), "something was refused: {refused:#?}");
    place.ensure_settled()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}

/// A role for an account of Google's own that nobody has asked for yet.
fn agent_missing(guest: &Path) -> Result<()> {
    const GENERATE: &str = "serviceusage.services.generateServiceIdentity";
    let place = Place::new(guest)?;
    let project = place.cloud.get(&format!("/cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}"))?;
    let number = project["projectNumber"].as_str().context("no number")?;
    let member = format!("serviceAccount:service-{number}@gcp-sa-iap.iam.gserviceaccount.com");
    place.declare(&[
        api("iap"),
        json!({
            "kind": "cloudresourcemanager.googleapis.com/ProjectIamMember", "name": "iap-invokes",
            "properties": {"role": "roles/run.invoker", "member": member},
        }),
    ])?;
    ends(&place, &["up"], 0, &[])?;
    let counters = place.cloud.get("/_local/counters")?;
    ensure!(counters["by_method"][GENERATE] == 1, "{counters:#}");
    place.ensure_settled()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}

/// A service whose image is named by a tag: what is deployed is the digest, and when the tag moves, the plan says so.
fn tag_moves(guest: &Path) -> Result<()> {
    const NAME: &str = "europe-west1-docker.pkg.dev/test-project/shared/web";
    let place = Place::new(guest)?;
    place.bench.lighten()?;
    let named = |mut stack: Vec<Json>| {
        for resource in &mut stack {
            if resource["name"] == "images" {
                resource["properties"]["name"] = json!("shared");
            }
            if resource["name"] == "web" {
                resource["properties"]["template"]["containers"][0]["image"] = json!(format!("{NAME}:one"));
            }
        }
        stack
    };
    place.declare(&named(without(server(), "web")))?;
    ends(&place, &["up"], 0, &[])?;

    place.declare(&named(server()))?;
    let run = place.run("up")?;
    ensure!(run.code == 0 && !run.stdout.contains("named by a tag"), "{}", run.report());
    let first = deployed(&place)?;
    ensure!(first.starts_with(&format!("{NAME}@sha256:")), "{first} is deployed");
    place.ensure_settled()?;

    let dockerfile = place.bench.stacks().join("mlflow/image/Dockerfile");
    let text = fs::read_to_string(&dockerfile)?;
    fs::write(&dockerfile, text.replace("USER nobody", "ENV VERSION=2\nUSER nobody"))?;
    // Another build, since none is ever changed.
    place.declare(&with(named(server()), "image", "timeout", json!("601s")))?;
    let run = place.run("up")?;
    ensure!(run.code == 0 && deployed(&place)? == first, "the tag had not moved\n{}", run.report());

    let run = place.run("up")?;
    let updates = run.counts()?;
    ensure!(run.code == 0 && updates.len() == 1 && updates.get("update") == Some(&1), "{}", run.report());
    let second = deployed(&place)?;
    ensure!(second.starts_with(&format!("{NAME}@sha256:")) && second != first, "{second} is deployed");
    place.ensure_settled()?;
    place.ensure_destroyed()?;
    place.cloud.ensure_as_described()
}

/// The image of the service.
fn deployed(place: &Place) -> Result<String> {
    let services = format!("/run.googleapis.com/v2/projects/{PROJECT}/locations/europe-west1/services");
    let services = place.cloud.get(&services)?;
    let image = &services["services"][0]["template"]["containers"][0]["image"];
    Ok(image.as_str().context("no image")?.to_owned())
}
