//! Tags of images: a tag can be moved to another image, and then nothing that is declared has changed, so that no plan
//! would show it and no new revision would come of it. So a declared tag becomes the digest that it is at, as far as
//! Artifact Registry can be asked.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use mlflow_host_gcp_api::template::{expand_path, last_segment};
use mlflow_host_graph::{Diagnostic, Expression, Graph, Resource};

use super::{at, at_mut, managed};
use crate::client::Call;
use crate::error::CallError;
use crate::session::Session;
use crate::tree::json_text;

const SERVICE: &str = "artifactregistry.googleapis.com";

/// How many tags are asked for at the same time.
const AT_ONCE: usize = 8;

/// An image in Artifact Registry by a tag: `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/PACKAGE:TAG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tagged<'a> {
    /// Everything before the tag.
    name: &'a str,
    location: &'a str,
    project: &'a str,
    repository: &'a str,
    /// With slashes, if it lies in a folder.
    package: &'a str,
    tag: &'a str,
}

impl<'a> Tagged<'a> {
    /// `None` for images of other registries.
    fn parse(image: &'a str) -> Option<Self> {
        let (name, tag) = split_tag(image);
        let mut parts = name.splitn(4, '/');
        let location = parts.next()?.strip_suffix("-docker.pkg.dev")?;
        let (project, repository, package) = (parts.next()?, parts.next()?, parts.next()?);
        let is_whole = [location, project, repository, package, tag].iter().all(|part| !part.is_empty());
        is_whole.then_some(Self { name, location, project, repository, package, tag })
    }

    /// Reads the tag (`projects.locations.repositories.packages.tags.get`).
    fn call(&self) -> Option<Call> {
        let template = "v1/projects/{project}/locations/{location}/repositories/{repository}/packages/{package}/tags/{tag}";
        let value = |name: &str| {
            let value = match name {
                "project" => self.project,
                "location" => self.location,
                "repository" => self.repository,
                "package" => self.package,
                _ => self.tag,
            };
            Some(value.to_owned())
        };
        Some(Call::new(SERVICE, "GET", expand_path(template, &value).ok()?))
    }
}

/// An image without its tag, and the tag: `latest` where none is given.
fn split_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Puts digests in the place of tags. Returns a warning for each image that stays at a tag.
pub(super) async fn pin(session: &Session, graph: &mut Graph) -> Vec<Diagnostic> {
    let tagged = tagged(session, graph);
    let asked: Vec<_> =
        tagged.keys().map(|image| async { (image.clone(), digest(session, image).await) }).collect();
    let digests: BTreeMap<String, Result<String, NoDigest>> =
        futures::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    for resource in &mut graph.resources {
        let Some(kind) = managed(session.config.kinds, resource) else { continue };
        for path in &kind.images {
            for expression in at_mut(&mut resource.properties, path) {
                let Expression::String(image) = &*expression else { continue };
                if let Some(Ok(pinned)) = digests.get(image) {
                    *expression = Expression::String(pinned.clone());
                }
            }
        }
    }
    let warning = |(image, subject): (&String, &String)| {
        let message = match digests.get(image)?.as_ref().err()? {
            NoDigest::Offline => format!(
                "The image is named by a tag, `{image}`, and the cloud cannot be asked for its digest now: where \
                 the plan puts the tag in the place of a digest, nothing may have changed."
            ),
            NoDigest::Unknown(why) => format!(
                "The image is named by a tag, `{image}`, and {why}. No plan shows it when the tag moves: name the \
                 image by its digest, `{}@sha256:…`.",
                split_tag(image).0
            ),
        };
        Some(Diagnostic::warning("image-tag", message).about(subject))
    };
    let mut warnings: Vec<_> = tagged.iter().filter_map(warning).collect();
    warnings.extend(composed(session, graph));
    warnings
}

/// What names an image, and the resource that does.
fn named<'a>(session: &Session, graph: &'a Graph) -> impl Iterator<Item = (&'a Resource, &'a Expression)> {
    let kinds = session.config.kinds;
    graph.resources.iter().flat_map(move |resource| {
        let patterns = managed(kinds, resource).into_iter().flat_map(|kind| &kind.images);
        patterns.flat_map(|pattern| at(&resource.properties, pattern)).map(move |image| (resource, image))
    })
}

/// A warning for each image whose name is put together and ends in a tag: it is not known when tags are looked up.
fn composed(session: &Session, graph: &Graph) -> Vec<Diagnostic> {
    let has_digest = |part: &Expression| matches!(part, Expression::String(text) if text.contains('@'));
    let warning = |(resource, image): (&Resource, &Expression)| {
        let Expression::Concatenation(parts) = image else { return None };
        let Some(Expression::String(end)) = parts.last() else { return None };
        if !end.contains(':') || parts.iter().any(has_digest) {
            return None;
        }
        let message = format!(
            "The image is named by a tag, `…{end}`, of a repository in this stack. No plan shows it when the tag \
             moves: name the image by the digest that its build has as a result."
        );
        Some(Diagnostic::warning("image-tag", message).about(resource.urn.to_string()))
    };
    named(session, graph).filter_map(warning).collect()
}

/// The images that are named by a tag, each with the first resource that does.
fn tagged(session: &Session, graph: &Graph) -> BTreeMap<String, String> {
    let mut tagged = BTreeMap::new();
    for (resource, image) in named(session, graph) {
        if let Expression::String(image) = image
            && !image.contains('@')
        {
            tagged.entry(image.clone()).or_insert_with(|| resource.urn.to_string());
        }
    }
    tagged
}

/// Why an image stays at its tag.
enum NoDigest {
    /// The cloud cannot be asked.
    Offline,
    /// A clause.
    Unknown(String),
}

/// The image by its digest.
async fn digest(session: &Session, image: &str) -> Result<String, NoDigest> {
    let unknown = |why: &str| NoDigest::Unknown(why.to_owned());
    let tagged =
        Tagged::parse(image).ok_or_else(|| unknown("only those in Artifact Registry are looked up"))?;
    if session.config.offline {
        return Err(NoDigest::Offline);
    }
    let call = tagged.call().ok_or_else(|| unknown("its tag cannot be asked for"))?;
    let failed = |error: CallError| {
        unknown(&format!("its digest cannot be looked up: {}", error.to_string().trim_end_matches('.')))
    };
    let found = session.client.json(&call).await.map_err(failed)?;
    match last_segment(json_text(&found, "version")) {
        "" => Err(unknown("its tag has no digest")),
        digest => Ok(format!("{}@{digest}", tagged.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_ports_and_folders_from_names() {
        let tagged = Tagged::parse("europe-west1-docker.pkg.dev/p/r/team/mlflow:v3").unwrap();
        assert_eq!(
            tagged.call().unwrap().path,
            "v1/projects/p/locations/europe-west1/repositories/r/packages/team%2Fmlflow/tags/v3"
        );
        assert_eq!(tagged.name, "europe-west1-docker.pkg.dev/p/r/team/mlflow");
        assert_eq!(Tagged::parse("us-docker.pkg.dev/p/r/hello").unwrap().tag, "latest");
        assert_eq!(split_tag("localhost:5000/hello"), ("localhost:5000/hello", "latest"));
        for other in ["gcr.io/p/hello:v1", "hello", "us-docker.pkg.dev/p/r"] {
            assert_eq!(Tagged::parse(other), None);
        }
    }
}
