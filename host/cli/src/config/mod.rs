//! What a stack is told: the TOML file beside it, laid over by the command line.
//!
//! ```toml
//! [target]
//! cloud = "gcp"               # or "local", which is the default
//! project = "my-project"
//! region = "europe-west1"
//!
//! [state]
//! store = "gs://team-state/mlflow"   # or a directory, by default ".mlflow-host/state"
//! key = "projects/…/cryptoKeys/…"    # a key of Cloud KMS that wraps the data key of a new state
//!
//! [config]                    # what the stack reads; values of any type
//! tier = "small"
//!
//! [secrets]                   # a value, or where to find it
//! admin = { env = "MLFLOW_ADMIN_PASSWORD" }
//!
//! [policies]                  # what judges a plan before it is carried out
//! roles = { file = "policies/broad-role.wasm", level = "advisory", parameters = { allowed = [] } }
//!
//! [kinds]                     # kinds of Google's that the host does not have
//! files = ["kinds/pubsub.toml"]
//!
//! [local.config]              # laid over [config] on the local cloud; [gcp.config] on Google
//! tier = "tiny"
//! ```

mod document;
mod edit;
mod kinds;
mod policies;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlflow_host_engine::StateTarget;
use mlflow_host_gcp_api::kinds::Kinds;
use serde_json::Value as Json;

use crate::failure::{Failure, Result, nearest};
use document::Document;
pub(crate) use edit::{Edit, Slot, Source};
pub(crate) use kinds::load as load_kinds;
pub(crate) use policies::{Policy, PolicyLevel, of_command_line as policies_of_command_line};
pub(crate) use secrets::Secret;

/// Where stacks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cloud {
    /// The cloud that is built in: Google's APIs on this machine.
    Local,
    /// Google Cloud.
    Gcp,
}

impl Cloud {
    /// As it is written in files and in states.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Gcp => "gcp",
        }
    }

    /// As it is said.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Local => "the local cloud",
            Self::Gcp => "Google Cloud",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Local, Self::Gcp].into_iter().find(|cloud| cloud.name() == text)
    }
}

/// What the command line says about a stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// `--cloud`.
    pub(crate) cloud: Option<Cloud>,
    /// `--set`, in order.
    pub(crate) values: Vec<(String, String)>,
    /// `--kinds`.
    pub(crate) kinds: Vec<PathBuf>,
}

/// Everything that is known about a stack before it runs.
#[derive(Debug, Clone)]
pub(crate) struct StackConfig {
    /// The stack's name: the file's, without its extension.
    pub(crate) stack: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// Where this was read, if there is such a file.
    pub(crate) file: PathBuf,
    /// Where it goes.
    pub(crate) cloud: Cloud,
    /// The project's id.
    pub(crate) project: String,
    /// The region, e.g., `europe-west1`.
    pub(crate) region: String,
    /// The directory below which states are kept, and the key file in any case.
    pub(crate) state_directory: PathBuf,
    /// The bucket that states are kept in instead.
    pub(crate) state_bucket: Option<BucketPath>,
    /// The full name of a key of Cloud KMS for new states.
    pub(crate) state_key: Option<String>,
    /// What the stack may read, by key.
    pub(crate) values: BTreeMap<String, Json>,
    /// Where its secrets come from, by key.
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// What judges its plans.
    pub(crate) policies: Vec<Policy>,
    /// Whether to count the fuel that its program uses.
    pub(crate) counts_fuel: bool,
    /// Whether nothing but this machine may be asked, not even for the key of a state.
    pub(crate) is_offline: bool,
    /// The kinds that it may declare.
    pub(crate) kinds: Kinds,
}

const SECTIONS: &[&str] = &["target", "state", "config", "secrets", "policies", "kinds", "local", "gcp"];
const CLOUD_SECTIONS: &[&str] = &["target", "config", "secrets"];
const DEFAULT_PROJECT: &str = "mlflow-local";
const DEFAULT_REGION: &str = "europe-west1";

impl StackConfig {
    /// Reads the configuration of a stack. The stack itself is not read.
    ///
    /// # Errors
    /// When the file cannot be read or says something that has no meaning, with file, line and key.
    pub(crate) fn read(program: &Path, overrides: &Overrides) -> Result<Self> {
        let stack = stack_name(program)?;
        let file = file_of(program, overrides.file.as_deref())?;
        let document = Document::read(&file, overrides.file.is_some())?;
        document.check_keys(&[], SECTIONS)?;
        document.check_keys(&["state"], &["store", "directory", "key"])?;
        document.check_keys(&["target"], &["cloud", "project", "region"])?;
        for cloud in ["local", "gcp"] {
            document.check_keys(&[cloud], CLOUD_SECTIONS)?;
            document.check_keys(&[cloud, "target"], &["project", "region"])?;
        }
        let set = |name: &str| {
            overrides.values.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };

        let written = match document.text(&["target", "cloud"])? {
            None => Cloud::Local,
            Some(text) => Cloud::parse(&text).ok_or_else(|| {
                document
                    .error(&["target", "cloud"], format!("`{text}` is not a cloud: use `local` or `gcp`."))
            })?,
        };
        let cloud = match (overrides.cloud, set("cloud")) {
            (Some(cloud), _) => cloud,
            (None, Some(text)) => Cloud::parse(&text)
                .ok_or_else(|| Failure::usage(format!("`{text}` is not a cloud: use `local` or `gcp`.")))?,
            (None, None) => written,
        };

        let own = cloud.name();
        let project = match (set("project"), document.text(&[own, "target", "project"])?) {
            (Some(project), _) | (None, Some(project)) => project,
            // A project that was meant for the one cloud is never used on the other by accident.
            (None, None) if cloud != written && cloud == Cloud::Gcp => return Err(no_project(&document)),
            (None, None) => match (document.text(&["target", "project"])?, cloud) {
                (Some(project), _) => project,
                (None, Cloud::Local) => DEFAULT_PROJECT.to_owned(),
                (None, Cloud::Gcp) => return Err(no_project(&document)),
            },
        };
        let region = match set("region") {
            Some(region) => Some(region),
            None => document.text(&[own, "target", "region"])?.or(document.text(&["target", "region"])?),
        };
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        check_shape("project", &project, is_project, "6 to 30 lower-case letters, digits and `-`")?;
        check_shape("region", &region, is_region, "as in `europe-west1`")?;

        let (state_directory, state_bucket) = state_place(&document)?;
        let state_key = document.text(&["state", "key"])?;
        if state_key.as_ref().is_some_and(|key| !is_kms_key(key)) {
            return Err(document.error(&["state", "key"], KEY_SHAPE));
        }
        let mut config = Self {
            stack,
            program: program.to_owned(),
            file,
            cloud,
            project,
            region,
            state_directory,
            state_bucket,
            state_key,
            values: document.values(&["config"])?,
            secrets: secrets::read(&document, &["secrets"])?,
            policies: policies::read(&document)?,
            counts_fuel: false,
            is_offline: false,
            kinds: kinds::read(&document, &overrides.kinds)?,
        };
        config.values.extend(document.values(&[own, "config"])?);
        config.secrets.extend(secrets::read(&document, &[own, "secrets"])?);
        for (key, value) in &overrides.values {
            if !["cloud", "project", "region"].contains(&key.as_str()) {
                config.values.insert(key.clone(), document::value_of(value));
            }
        }
        Ok(config)
    }

    /// What holds secrets, and does not leave this machine with the files of the stack.
    pub(crate) fn private(&self) -> Vec<PathBuf> {
        let secrets = self.secrets.values().filter_map(Secret::file);
        let own = [&self.file, &self.state_directory].into_iter();
        own.map(PathBuf::as_path).chain(secrets).map(Path::to_owned).collect()
    }

    /// What a state belongs to.
    pub(crate) fn state_target(&self) -> StateTarget {
        StateTarget { cloud: self.cloud.name().to_owned(), project: self.project.clone() }
    }

    /// The secrets themselves. With `lenient`, one that is not there stands for itself, and is named in
    /// the second part.
    ///
    /// # Errors
    /// When one cannot be had.
    pub(crate) fn reveal(&self, lenient: bool) -> Result<(BTreeMap<String, String>, Vec<String>)> {
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for (key, secret) in &self.secrets {
            match secret.reveal(key) {
                Ok(value) => {
                    found.insert(key.clone(), value);
                }
                Err(_) if lenient => {
                    found.insert(key.clone(), String::new());
                    missing.push(key.clone());
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok((found, missing))
    }
}

/// A place in a bucket: `gs://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketPath {
    /// The bucket's name.
    pub(crate) bucket: String,
    /// Without slashes at its ends; may be empty.
    pub(crate) prefix: String,
}

impl BucketPath {
    /// Reads `gs://bucket/prefix`; `None` for what does not begin with `gs://`.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, String>> {
        let rest = text.strip_prefix("gs://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = (3..=222).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
        let prefix = prefix.trim_matches('/').to_owned();
        Some(match fits {
            true => Ok(Self { bucket: bucket.to_owned(), prefix }),
            false => Err(format!(
                "`{bucket}` is no name of a bucket: 3 or more lower-case letters, digits, `-`, `_` and `.`"
            )),
        })
    }
}

impl std::fmt::Display for BucketPath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(formatter, "gs://{}{slash}{}", self.bucket, self.prefix)
    }
}

/// How a key of Cloud KMS is written.
pub(crate) const KEY_SHAPE: &str =
    "write the full name of a key: `projects/P/locations/L/keyRings/R/cryptoKeys/K`.";

/// Whether a text is the full name of a key of Cloud KMS.
pub(crate) fn is_kms_key(text: &str) -> bool {
    let parts: Vec<_> = text.split('/').collect();
    parts.len() == 8
        && parts.iter().all(|part| !part.is_empty())
        && parts.iter().step_by(2).eq(["projects", "locations", "keyRings", "cryptoKeys"].iter())
}

/// The directory and the bucket that `[state]` names.
fn state_place(document: &Document) -> Result<(PathBuf, Option<BucketPath>)> {
    let local = document.directory().join(".mlflow-host/state");
    match (document.text(&["state", "store"])?, document.text(&["state", "directory"])?) {
        (Some(_), Some(_)) => {
            Err(document.error(&["state", "directory"], "`store` says already where the state is kept."))
        }
        (Some(store), None) => match BucketPath::parse(&store) {
            Some(Ok(bucket)) => Ok((local, Some(bucket))),
            Some(Err(what)) => Err(document.error(&["state", "store"], format!("{what}."))),
            None => Ok((document.directory().join(store), None)),
        },
        (None, Some(directory)) => Ok((document.directory().join(directory), None)),
        (None, None) => Ok((local, None)),
    }
}

/// Splits `KEY=VALUE`, for clap.
pub(crate) fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, e.g., `project=my-project`".to_owned()),
    }
}

/// The file that configures a stack: the one that was asked for, or the one beside the program.
///
/// # Errors
/// When the program cannot be a stack.
pub(crate) fn file_of(program: &Path, asked: Option<&Path>) -> Result<PathBuf> {
    stack_name(program)?;
    Ok(asked.map_or_else(|| program.with_extension("toml"), Path::to_owned))
}

fn stack_name(program: &Path) -> Result<String> {
    let stem = program.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let valid = stem.starts_with(|first: char| first.is_ascii_lowercase())
        && stem.len() <= 40
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if valid {
        return Ok(stem.to_owned());
    }
    Err(Failure::usage(format!("`{}` does not name a stack.", program.display())).with_hint(
        "Give the path of a Wasm file. The stack is called like the file, so use up to 40 lower-case letters, \
         digits, `-` and `_`, with a letter first, e.g., `stacks/dev.wasm`.",
    ))
}

fn no_project(document: &Document) -> Box<Failure> {
    Failure::usage("No Google Cloud project is named.").with_hint(format!(
        "Add `--set project=my-project`, or write `[gcp.target]` and `project = \"my-project\"` into {}.",
        document.path().display()
    ))
}

fn check_shape(key: &str, value: &str, fits: fn(&str) -> bool, shape: &str) -> Result<()> {
    if fits(value) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{value}` is not a {key}: {shape}.")))
}

fn is_project(text: &str) -> bool {
    (6..=30).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_region(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.trim_end_matches(|last: char| last.is_ascii_digit()).split_once('-').is_some_and(|(area, place)| {
        text.len() > area.len() + place.len() + 1 && is_word(area) && is_word(place)
    })
}

/// `; did you mean …?`, or nothing.
fn suggestion(key: &str, allowed: &[&str]) -> String {
    nearest(key, allowed.iter().copied()).map_or_else(String::new, |near| format!(" Did you mean `{near}`?"))
}
