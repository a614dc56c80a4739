//! What becomes of declarations before they are planned.

use mlflow_host_engine::Provider as _;
use mlflow_host_graph::{Diagnostic, Expression, Graph, Options, Reference, Resource, Role};
use serde_json::json;

use super::{Cloud, config, error, provider, provider_with, reply};
use crate::GcpConfig;

const NAME: &str = "europe-west1-docker.pkg.dev/p/images/mlflow";
const LATEST: &str = "GET /artifactregistry.googleapis.com/v1/projects/p/locations/europe-west1/repositories/images/packages/mlflow/tags/latest";
const V9: &str = "GET /artifactregistry.googleapis.com/v1/projects/p/locations/europe-west1/repositories/images/packages/mlflow/tags/v9";

fn service(name: &str, image: Expression) -> Resource {
    let map = |name: &str, value| Expression::Map([(name.to_owned(), value)].into_iter().collect());
    let containers = Expression::List(vec![map("image", image)]);
    Resource {
        urn: format!("run.googleapis.com/Service::{name}").parse().unwrap(),
        role: Role::Managed,
        parent: None,
        properties: [("template".to_owned(), map("containers", containers))].into_iter().collect(),
        options: Options::default(),
    }
}

fn named(name: &str, image: &str) -> Resource {
    service(name, Expression::String(image.to_owned()))
}

fn images(graph: &Graph) -> String {
    let image = |resource: &Resource| {
        let template = resource.properties.get("template").unwrap().to_shown_json();
        format!("{}: {}", resource.urn.name(), template["containers"][0]["image"])
    };
    graph.resources.iter().map(image).collect::<Vec<_>>().join("\n")
}

fn lines(warnings: &[Diagnostic]) -> String {
    warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_tag_becomes_the_digest_that_it_is_at() {
    let cloud = Cloud::expecting([
        (LATEST, reply(json!({"version": format!("{NAME}/versions/sha256:aa")}))),
        (LATEST, reply(json!({"version": format!("{NAME}/versions/sha256:aa")}))),
        (V9, error(404, "NOT_FOUND", "Requested entity was not found.")),
    ]);
    let joined = Expression::Concatenation(vec![
        Expression::Attribute(Reference {
            urn: "artifactregistry.googleapis.com/Repository::r".parse().unwrap(),
            path: "registryUri".parse().unwrap(),
        }),
        Expression::String("/web:v1".to_owned()),
    ]);
    let mut graph = Graph {
        resources: vec![
            named("a", NAME),
            named("b", &format!("{NAME}:latest")),
            named("c", &format!("{NAME}:v9")),
            named("d", &format!("{NAME}@sha256:bb")),
            named("e", "docker.io/library/nginx"),
            service("f", joined),
        ],
        ..Graph::default()
    };
    let warnings = provider(&cloud).complete(&mut graph).await;
    cloud.finished();
    insta::assert_snapshot!(images(&graph), @r#"
    a: "europe-west1-docker.pkg.dev/p/images/mlflow@sha256:aa"
    b: "europe-west1-docker.pkg.dev/p/images/mlflow@sha256:aa"
    c: "europe-west1-docker.pkg.dev/p/images/mlflow:v9"
    d: "europe-west1-docker.pkg.dev/p/images/mlflow@sha256:bb"
    e: "docker.io/library/nginx"
    f: {"$concatenation":[{"$attribute":"artifactregistry.googleapis.com/Repository::r#registryUri"},"/web:v1"]}
    "#);
    insta::assert_snapshot!(lines(&warnings), @r"
    run.googleapis.com/Service::e: The image is named by a tag, `docker.io/library/nginx`, and only those in Artifact Registry are looked up. No plan shows it when the tag moves: name the image by its digest, `docker.io/library/nginx@sha256:…`.
    run.googleapis.com/Service::c: The image is named by a tag, `europe-west1-docker.pkg.dev/p/images/mlflow:v9`, and its digest cannot be looked up: Requested entity was not found. No plan shows it when the tag moves: name the image by its digest, `europe-west1-docker.pkg.dev/p/images/mlflow@sha256:…`.
    run.googleapis.com/Service::f: The image is named by a tag, `…/web:v1`, of a repository in this stack. No plan shows it when the tag moves: name the image by the digest that its build has as a result.
    ");
}

#[tokio::test]
async fn offline_a_tag_stays_and_nobody_is_asked() {
    let cloud = Cloud::default();
    let mut graph = Graph { resources: vec![named("a", NAME)], ..Graph::default() };
    let offline = provider_with(GcpConfig { offline: true, ..config() }, &cloud);
    let warnings = offline.complete(&mut graph).await;
    cloud.finished();
    insta::assert_snapshot!(images(&graph), @r#"a: "europe-west1-docker.pkg.dev/p/images/mlflow""#);
    insta::assert_snapshot!(lines(&warnings), @"run.googleapis.com/Service::a: The image is named by a tag, `europe-west1-docker.pkg.dev/p/images/mlflow`, and the cloud cannot be asked for its digest now: where the plan puts the tag in the place of a digest, nothing may have changed.");
}
