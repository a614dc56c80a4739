//! Kinds that a stack brings along, in files of the same form as `kinds/*.toml`.

use serde::Deserialize;

use super::{Kind, all, audit, kind};
use crate::description::{self, Api, DiscoveryError};
use crate::nearest;

/// The kinds that a stack may declare: those of the table, and its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kinds {
    own: &'static [Kind],
}

/// Why a file of kinds cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnKindError {
    /// The file itself.
    #[error("this is not a file of kinds: {0}")]
    Form(#[from] toml::de::Error),
    /// Its description.
    #[error("`document`: {0}")]
    Document(#[from] DiscoveryError),
    /// The kinds disagree with the description.
    #[error("{}", .0.join("\n"))]
    Kinds(Vec<String>),
}

/// A file of kinds, and which discovery document describes their API, unless the host has its description.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnKinds {
    /// Path of the discovery document, from the file's directory; absent for APIs whose description the host has.
    pub document: Option<String>,
    kind: Vec<Kind>,
}

impl OwnKinds {
    /// Reads a file.
    ///
    /// # Errors
    /// When it does not have the form of the table.
    pub fn parse(text: &str) -> Result<Self, OwnKindError> {
        Ok(toml::from_str(text)?)
    }

    /// The kinds, once they agree with the text of their discovery document, or with the host's description of their
    /// API if there is none. The document stays in memory for good: a process reads a few at most.
    ///
    /// # Errors
    /// Everything in which they do not.
    pub fn described_by(mut self, document: Option<&str>) -> Result<Vec<Kind>, OwnKindError> {
        let brought: Option<&'static Api> = match document {
            Some(text) => Some(Box::leak(Box::new(Api::from_discovery(text)?))),
            None => None,
        };
        let mut problems = Vec::new();
        for kind in &mut self.kind {
            let Some(api) = brought.or_else(|| description::api(&kind.api)) else {
                problems.push(format!("{}: the host has no description of `{}`.", kind.name, kind.api));
                continue;
            };
            kind.described_by = Some(api);
            problems.extend(refusal(kind, api));
            problems.extend(audit::problems(kind));
        }
        if problems.is_empty() {
            return Ok(self.kind);
        }
        if brought.is_none() {
            let advice = "The file names no `document`, and the host describes no more than its own kinds need: put the \
                          discovery document of the API beside the file and name it.";
            problems.push(advice.to_owned());
        }
        Err(OwnKindError::Kinds(problems))
    }
}

/// What only the table may say: its kinds have been looked at by people.
fn refusal(kind: &Kind, api: &Api) -> Option<String> {
    let host = kind.service.strip_suffix(".googleapis.com").unwrap_or_default();
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let name = &kind.name;
    Some(if !is_host {
        // The host's credentials go to whatever is named here.
        format!("{name}: `service` is `{}`; it must be NAME.googleapis.com.", kind.service)
    } else if name.strip_prefix(&format!("{}/", kind.service)).is_none_or(str::is_empty) {
        format!("{name}: the name of a kind is its service and its type: `{}/TYPE`.", kind.service)
    } else if kind.api != api.name {
        format!("{name}: `api` is `{}`, but the document describes `{}`.", kind.api, api.name)
    } else if kind.group.is_some() || kind.iam.is_some() {
        format!("{name}: members of policies and groups are for the built-in kinds only.")
    } else {
        return None;
    })
}

impl Kinds {
    /// The built-in kinds and these.
    ///
    /// # Errors
    /// For a name that there is already.
    pub fn with(own: Vec<Kind>) -> Result<Self, OwnKindError> {
        let mut names: Vec<_> = own.iter().map(|kind| kind.name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let taken = names.iter().copied().filter(|name| kind(name).is_some());
        let problems: Vec<_> =
            taken.chain(twice).map(|name| format!("{name}: there is such a kind already.")).collect();
        if problems.is_empty() {
            Ok(Self { own: Vec::leak(own) })
        } else {
            Err(OwnKindError::Kinds(problems))
        }
    }

    /// The kind of that name.
    pub fn get(self, name: &str) -> Option<&'static Kind> {
        kind(name).or_else(|| self.own.iter().find(|kind| kind.name == name))
    }

    /// All of them, the stack's own last.
    pub fn all(self) -> impl Iterator<Item = &'static Kind> {
        all().chain(self.own)
    }

    /// The kind that was probably meant by a name that is none. The part after the slash may stand alone.
    pub fn nearest(self, name: &str) -> Option<&'static str> {
        let by_type = self.all().find(|kind| kind.name.ends_with(&format!("/{name}")));
        if let Some(found) = by_type {
            return Some(&found.name);
        }
        let near = nearest::nearest(name, self.all().map(|kind| kind.name.as_str()))?;
        self.get(&near).map(|kind| kind.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::check;

    const FILE: &str = include_str!("../../../../docs/own-kinds/pubsub.toml");
    const DOCUMENT: &str = include_str!("../../../../docs/own-kinds/pubsub.v1.json");
    const TAGS: &str = include_str!("../../../../docs/own-kinds/image-tags.toml");
    const TOPIC: &str = "pubsub.googleapis.com/Topic";

    fn described(file: &str) -> Result<Kinds, OwnKindError> {
        Kinds::with(OwnKinds::parse(file)?.described_by(Some(DOCUMENT))?)
    }

    #[test]
    fn the_documented_file_is_a_kind_like_the_others() {
        let kinds = described(FILE).unwrap();
        let topic = kinds.get(TOPIC).unwrap();
        assert!(topic.is_own() && kinds.all().any(|kind| kind.name == TOPIC));
        assert!(!kinds.get("run.googleapis.com/Service").unwrap().is_own());
        assert_eq!(kinds.nearest("Topic"), Some(TOPIC));
        assert!(Kinds::default().get(TOPIC).is_none());
        let problems = |properties| {
            let problems = check(topic, &properties, &|_| false);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(problems(json!({"labels": {"a": "b"}})), "");
        insta::assert_snapshot!(problems(json!({"lables": {}, "kmsKeyName": 1, "state": "ACTIVE"})), @r#"
        kmsKeyName: must be text, not a whole number
        lables: there is no such property; did you mean `labels`?
        state: is set by Google and cannot be declared
        "#);
    }

    #[test]
    fn what_does_not_agree_with_the_document_is_named() {
        let said = |from: &str, to: &str| {
            assert!(FILE.contains(from), "{from}");
            match described(&FILE.replace(from, to)) {
                Ok(_) => panic!("{from} → {to}"),
                Err(error) => error.to_string(),
            }
        };
        let answers = [
            said(
                "verb = \"PUT\", path = \"v1/projects/{project}/topics",
                "verb = \"PUT\", path = \"v1/projects/{project}/topic",
            ),
            said("schema = \"Topic\"", "schema = \"Topik\""),
            said("immutable = [\"kmsKeyName\"", "immutable = [\"kmsKey\""),
            said("\"mask-in-body\"", "\"mask\""),
            said("service = \"pubsub.googleapis.com\"", "service = \"pubsub.example.com\""),
            said("service = \"pubsub.googleapis.com\"", "service = \"storage.googleapis.com\""),
            said("api = \"pubsub.v1\"", "api = \"pubsub.v2\""),
            said("projects/{project}/topics\"\nresource", "projects/{projekt}/topics\"\nresource"),
            said("parents = [", "parents = [\n  { name = 1 },"),
        ];
        insta::assert_snapshot!(answers.join("\n---\n"), @r#"
        pubsub.googleapis.com/Topic: create: PUT v1/projects/{project}/topic/{id} is no method of pubsub.v1. Did you mean `PUT v1/projects/{project}/topics/{topic}`?
        ---
        pubsub.googleapis.com/Topic: there is no message `Topik` in pubsub.v1. Did you mean `Topic`?
        ---
        pubsub.googleapis.com/Topic: immutable: there is no field `kmsKey` to declare.
        ---
        pubsub.googleapis.com/Topic: `update_style` is `mask` if, and only if, the update method takes `updateMask` in its query.
        ---
        pubsub.googleapis.com/Topic: `service` is `pubsub.example.com`; it must be NAME.googleapis.com.
        ---
        pubsub.googleapis.com/Topic: the name of a kind is its service and its type: `storage.googleapis.com/TYPE`.
        ---
        pubsub.googleapis.com/Topic: `api` is `pubsub.v2`, but the document describes `pubsub.v1`.
        ---
        pubsub.googleapis.com/Topic: nothing says what `{projekt}` is in `projects/{projekt}/topics`.
        ---
        this is not a file of kinds: TOML parse error at line 16, column 12
           |
        16 |   { name = 1 },
           |            ^
        invalid type: integer `1`, expected a string
        "#);
        let error = OwnKinds::parse(FILE).unwrap().described_by(Some("{}")).unwrap_err().to_string();
        assert!(error.starts_with("`document`: this is not a discovery document: missing field"), "{error}");
    }

    #[test]
    fn the_hosts_own_description_does_as_well() {
        let described = |file: &str| Kinds::with(OwnKinds::parse(file)?.described_by(None)?);
        let kinds = described(TAGS).unwrap();
        let tag = kinds.get("artifactregistry.googleapis.com/Tag").unwrap();
        let properties = json!({"repository": "images", "package": "web", "version": "v"});
        assert!(tag.is_own());
        assert_eq!(check(tag, &properties, &|_| false), Vec::new());
        let no_method = described(&TAGS.replace("/tags\", items", "/labels\", items")).unwrap_err();
        let no_api =
            described(FILE.split_once("document = ").unwrap().1.split_once('\n').unwrap().1).unwrap_err();
        insta::assert_snapshot!(format!("{no_method}\n---\n{no_api}"), @r"
        artifactregistry.googleapis.com/Tag: list: GET v1/projects/{project}/locations/{location}/repositories/{repository}/packages/{package}/labels is no method of artifactregistry.v1. Did you mean `GET v1/projects/{project}/locations/{location}/repositories/{repository}/packages/{package}/tags`?
        The file names no `document`, and the host describes no more than its own kinds need: put the discovery document of the API beside the file and name it.
        ---
        pubsub.googleapis.com/Topic: the host has no description of `pubsub.v1`.
        The file names no `document`, and the host describes no more than its own kinds need: put the discovery document of the API beside the file and name it.
        ");
    }

    #[test]
    fn a_name_is_taken_once() {
        let twice = || {
            ["a", "b"]
                .into_iter()
                .flat_map(|_| OwnKinds::parse(FILE).unwrap().described_by(Some(DOCUMENT)).unwrap())
        };
        insta::assert_snapshot!(Kinds::with(twice().collect()).unwrap_err(), @"pubsub.googleapis.com/Topic: there is such a kind already.");
    }
}
