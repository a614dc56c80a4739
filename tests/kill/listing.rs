//! What a project holds, in a form that is the same for every deployment of the same stack.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;
use mlflow_host_tests::{Cloud, Database};
use serde_json::{Map, Value as Json};

use crate::place::{PROJECT, Place};

/// Fields that differ between two deployments of the same stack, or tell only how it came to be.
const VOLATILE: &[&str] = &[
    "buildTriggerId",
    "certificate",
    "clientIp",
    "completionTime",
    "createTime",
    "creationTimestamp",
    "deleteTime",
    "etag",
    "expireTime",
    "fingerprint",
    "finishTime",
    "generation",
    "id",
    "ipAddress",
    "labelFingerprint",
    "lastTransitionTime",
    "logStreamId",
    "metageneration",
    "mlflow-host-seed",
    "oauth2ClientId",
    "observedGeneration",
    "projectNumber",
    "selfLinkWithId",
    "serverCaCert",
    "serviceAccountEmailAddress",
    "settingsVersion",
    "startTime",
    "stateDetails",
    "timeCreated",
    "timing",
    "uid",
    "uniqueId",
    "updateTime",
    "updated",
];

/// Every resource of the project with its body, without what may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing(BTreeMap<String, usize>);

impl Listing {
    /// Asks the local cloud, and looks into its files for what it does not list.
    pub(crate) fn of(place: &Place, cloud: &Cloud) -> Result<Self> {
        let resources = cloud.get("/_local/resources")?;
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        let mut add = |kind: &str, what: String| *lines.entry(format!("{kind} {what}")).or_default() += 1;

        let kinds = resources["projects"][PROJECT]["resources"].as_object();
        for (kind, names) in kinds.into_iter().flatten() {
            for name in texts(names) {
                add(kind, normal(name));
            }
        }
        for name in texts(&resources["enabledServices"][PROJECT]) {
            add("enabled", name.to_owned());
        }
        for build in texts(&resources["builds"][PROJECT]) {
            add("build", normal(build));
        }
        for bucket in texts(&resources["projects"][PROJECT]["resources"]["storage.googleapis.com/Bucket"]) {
            let objects = cloud.get(&format!("/storage.googleapis.com/storage/v1/b/{bucket}/o"))?;
            for object in objects["items"].as_array().into_iter().flatten() {
                add("object", normal(&format!("{bucket}/{}", object["name"].as_str().unwrap_or_default())));
            }
        }
        for repository in
            texts(&resources["projects"][PROJECT]["resources"]["artifactregistry.googleapis.com/Repository"])
        {
            let images =
                cloud.get(&format!("/artifactregistry.googleapis.com/v1/{repository}/dockerImages"))?;
            for image in images["dockerImages"].as_array().into_iter().flatten() {
                add("image", normal(image["name"].as_str().unwrap_or_default()));
            }
        }
        for (kind, name, body) in bodies(place)? {
            add(&format!("body of {kind}"), format!("{} {}", normal(&name), stable(&body)));
        }
        Ok(Self(lines))
    }

    /// Whether the project is empty.
    pub(crate) fn is_empty(&self) -> bool {
        let remains = |line: &&String| {
            !line.starts_with("enabled ") && !line.starts_with("build ") && !line.starts_with("body of ")
        };
        !self.0.keys().any(|line| remains(&line))
    }

    /// The lines that differ from what is expected, `-` for what is missing and `+` for what is too much.
    pub(crate) fn difference(&self, expected: &Self) -> Vec<String> {
        let lines: std::collections::BTreeSet<_> = self.0.keys().chain(expected.0.keys()).collect();
        lines
            .into_iter()
            .filter_map(|line| {
                let count = |listing: &Self| listing.0.get(line).copied().unwrap_or(0);
                let (found, wanted) = (count(self), count(expected));
                (found != wanted).then(|| {
                    format!("{} {line} ({found} instead of {wanted})", if found > wanted { '+' } else { '-' })
                })
            })
            .collect()
    }
}

/// Whether the password in Secret Manager is the one of the database's user.
pub(crate) fn password_opens_the_database(cloud: &Cloud) -> Result<()> {
    let database = Database::of(cloud, PROJECT, "mlflow-dev-database-password")?;
    database.ask("select 1").map(drop)
}

/// Kind, name and body of every resource that the local cloud's control plane keeps.
fn bodies(place: &Place) -> Result<Vec<(String, String, Json)>> {
    const LEFT_OUT: [&str; 4] =
        // How it came to be, what was; and a random text whose number is what counts.
        ["local.Operation", "local.Tombstone", "cloudbuild.googleapis.com.Build", "local.SecretPayload"];
    let mut found = Vec::new();
    for directory in fs::read_dir(place.cloud_directory().join("control"))? {
        let directory = directory?;
        let kind = directory.file_name().to_string_lossy().into_owned();
        if !directory.file_type()?.is_dir() || LEFT_OUT.contains(&kind.as_str()) {
            continue;
        }
        for file in fs::read_dir(directory.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let content: Json = serde_json::from_slice(&fs::read(&path)?)?;
                let name = content["name"].as_str().unwrap_or_default().to_owned();
                found.push((kind.clone(), name, content["value"].clone()));
            }
        }
    }
    Ok(found)
}

fn texts(value: &Json) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Json::as_str)
}

/// The body without what differs. Lists of members and bindings have no order.
fn stable(body: &Json) -> Json {
    match body {
        Json::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
            kept.map(|(name, value)| (normal(name), stable(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(items) => {
            let mut items: Vec<_> = items.iter().map(stable).collect();
            items.sort_by_key(Json::to_string);
            items.into()
        }
        Json::String(text) => normal(text).into(),
        other => other.clone(),
    }
}

/// The text with everything that is generated replaced by what it is.
fn normal(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        match generated(&result, rest) {
            Some((length, name)) => {
                result.push_str(name);
                rest = &rest[length..];
            }
            None => {
                result.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    result
}

/// Length and name of the generated word that `rest` begins with.
fn generated(before: &str, rest: &str) -> Option<(usize, &'static str)> {
    let is_part = |character: char| character.is_ascii_alphanumeric();
    if before.ends_with(is_part) {
        return None;
    }
    let may_be_suffix = before.ends_with('-') || before.ends_with("seed ");
    let found = GENERATED.iter().find_map(|(find, name)| Some((find(rest)?, *name)));
    let found = found.or_else(|| Some((suffix(rest).filter(|_| may_be_suffix)?, "{suffix}")));
    found.filter(|(length, _)| !rest[*length..].starts_with(is_part))
}

/// The length of a generated text at the beginning of another, and what to write instead.
type Generated = (fn(&str) -> Option<usize>, &'static str);

const GENERATED: &[Generated] = &[
    (uuid, "{uuid}"),
    (|text| run(text, 64, |byte| byte.is_ascii_hexdigit()), "{digest}"),
    (revision, "{revision}"),
    (address, "{address}"),
    (time, "{time}"),
];

fn run(text: &str, length: usize, is_part: impl Fn(u8) -> bool) -> Option<usize> {
    text.bytes().take(length).filter(|byte| is_part(*byte)).count().eq(&length).then_some(length)
}

fn uuid(text: &str) -> Option<usize> {
    let fits = text.len() >= 36
        && text.bytes().take(36).enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    fits.then_some(36)
}

/// `2026-01-31T12:34:56.789012Z`
fn time(text: &str) -> Option<usize> {
    let end = text.find('Z')?;
    let part = &text.as_bytes()[..end];
    let fits = (19..=30).contains(&end) && part[10] == b'T' && part[..4].iter().all(u8::is_ascii_digit);
    fits.then_some(end + 1)
}

/// `00001-abc`
fn revision(text: &str) -> Option<usize> {
    run(text, 5, |byte| byte.is_ascii_digit())?;
    run(text.get(5..)?.strip_prefix('-')?, 3, |byte| byte.is_ascii_alphanumeric())?;
    Some(9)
}

/// `127.64.93.2`
fn address(text: &str) -> Option<usize> {
    text.starts_with("127.")
        .then(|| text.find(|byte: char| !byte.is_ascii_digit() && byte != '.').unwrap_or(text.len()))
}

/// What makes names unique: after a hyphen, five small letters and digits. Some words look like that too, and
/// are the same in all deployments.
fn suffix(text: &str) -> Option<usize> {
    run(text, 5, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
