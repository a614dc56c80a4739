//! `mlflow-host config`

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::config::{self, Cloud, Edit, Overrides, Secret, Slot, Source, StackConfig};
use crate::failure::{Code, Failure, Result, nearest};
use crate::render::Reporter;

/// Read and change how a stack is configured: the TOML file beside it.
///
/// `project`, `region` and `cloud` say where the stack goes; every other key is
/// one that the stack reads. Comments and order in the file stay as they are.
/// `--set KEY=VALUE` of other commands sets a key for one run.
///
/// Examples:
///   mlflow-host config set stacks/prod.wasm project my-project
///   mlflow-host config set stacks/prod.wasm sql-tier db-custom-1-3840
///   mlflow-host config set stacks/prod.wasm --secret admin env:MLFLOW_ADMIN_PASSWORD
///   mlflow-host config list stacks/prod.wasm
#[derive(Debug, clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum ConfigCommand {
    Get(Get),
    Set(Set),
    List(List),
    Unset(Unset),
}

/// A stack, and where it is configured.
#[derive(Debug, clap::Args)]
struct Place {
    /// The stack: a Wasm file, e.g., `stacks/dev.wasm`, which need not be there
    #[arg(value_name = "STACK.wasm")]
    stack: PathBuf,

    /// Use this file instead of the TOML file beside the stack
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// What holds on this cloud: `[local.config]` and the like are laid over `[config]`
    #[arg(long, value_name = "CLOUD")]
    cloud: Option<Cloud>,
}

/// Show the value of a key, and nothing else. Of a secret, where it comes from
///
/// Examples:
///   mlflow-host config get stacks/dev.wasm region
///   mlflow-host config get stacks/prod.wasm --cloud gcp --secret admin
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Get {
    #[command(flatten)]
    place: Place,

    /// The key
    key: String,

    /// The key is that of a secret
    #[arg(long)]
    secret: bool,
}

/// Set a key
///
/// A value that is TOML, e.g., `3`, `true` or `["a", "b"]`, keeps its type; any
/// other is text.
///
/// Examples:
///   mlflow-host config set stacks/dev.wasm minimum-instances 1
///   mlflow-host config set stacks/dev.wasm --cloud gcp invokers '["group:data@example.com"]'
///   mlflow-host config set stacks/dev.wasm --secret token file:token.txt
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Set {
    #[command(flatten)]
    place: Place,

    /// The key
    key: String,

    /// The value. For a secret, where it comes from: `env:NAME` or `file:PATH`
    #[arg(allow_hyphen_values = true)]
    value: String,

    /// The key is that of a secret
    #[arg(long)]
    secret: bool,
}

/// Show everything that is set for a stack
///
/// Examples:
///   mlflow-host config list stacks/dev.wasm
///   mlflow-host config list stacks/dev.wasm --cloud gcp --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct List {
    #[command(flatten)]
    place: Place,
}

/// Take a key out of the file
///
/// Examples:
///   mlflow-host config unset stacks/dev.wasm minimum-instances
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Unset {
    #[command(flatten)]
    place: Place,

    /// The key
    key: String,

    /// The key is that of a secret
    #[arg(long)]
    secret: bool,
}

impl ConfigCommand {
    pub(crate) fn run(self, reporter: &dyn Reporter) -> Result<Code> {
        match self {
            Self::Get(it) => it.run(reporter),
            Self::Set(it) => it.run(reporter),
            Self::List(it) => it.run(reporter),
            Self::Unset(it) => it.run(reporter),
        }?;
        Ok(Code::Done)
    }
}

impl Place {
    fn read(&self) -> Result<StackConfig> {
        let overrides = Overrides { file: self.config.clone(), cloud: self.cloud, ..Overrides::default() };
        StackConfig::read(&self.stack, &overrides)
    }

    fn open(&self) -> Result<Edit> {
        Edit::open(&config::file_of(&self.stack, self.config.as_deref())?)
    }
}

impl Get {
    fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let config = self.place.read()?;
        let values = if self.secret { sources(&config) } else { values(&config) };
        let Some((_, value)) = values.iter().find(|(key, _)| *key == self.key) else {
            let what = if self.secret { "secret" } else { "key" };
            let failure =
                Failure::new(format!("The {what} `{}` is not set for stack `{}`.", self.key, config.stack));
            return Err(match nearest(&self.key, values.iter().map(|(key, _)| key.as_str())) {
                Some(near) => failure.with_hint(format!("Did you mean `{near}`?")),
                None => failure.with_hint("`mlflow-host config list` shows what is set."),
            });
        };
        let fields = json!({"key": self.key, "secret": self.secret, "value": value});
        reporter.answer("config-value", fields, &format!("{}\n", plain(value)));
        Ok(())
    }
}

impl Set {
    fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let Self { place, key, value, secret } = self;
        let slot = Slot::new(&key, secret, place.cloud)?;
        let mut edit = place.open()?;
        if secret {
            edit.set_source(&slot, Source::parse(&value)?)?;
        } else {
            edit.set(&slot, &value)?;
        }
        edit.save()?;
        let text = format!("Set: `{key}` in [{}] of {}.\n", slot.section(), edit.path().display());
        reporter.answer("config-set", told(&key, &slot, &edit), &text);
        if place.cloud.is_none() && key != "cloud" {
            for cloud in [Cloud::Local, Cloud::Gcp] {
                let own = Slot::new(&key, secret, Some(cloud))?;
                if edit.has(&own) {
                    let (section, title, name) = (own.section(), cloud.title(), cloud.name());
                    reporter.notice(&format!(
                        "On {title} what [{section}] says of `{key}` still wins: `--cloud {name}` changes that."
                    ));
                }
            }
        }
        Ok(())
    }
}

impl List {
    fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let config = self.place.read()?;
        let (values, sources) = (values(&config), sources(&config));
        let width = values.iter().chain(&sources).map(|(key, _)| key.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (key, value) in &values {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key:width$}  {}", plain(value));
        }
        for (key, source) in &sources {
            let _ = writeln!(text, "{key:width$}  secret, {}", plain(source));
        }
        let fields = json!({
            "stack": config.stack,
            "values": values.into_iter().collect::<serde_json::Map<_, _>>(),
            "secrets": sources.into_iter().collect::<serde_json::Map<_, _>>(),
        });
        reporter.answer("config", fields, &text);
        Ok(())
    }
}

impl Unset {
    fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let Self { place, key, secret } = self;
        let slot = Slot::new(&key, secret, place.cloud)?;
        let mut edit = place.open()?;
        if !edit.unset(&slot)? {
            let (section, file) = (slot.section(), edit.path().display());
            return Err(Failure::new(format!(
                "`{key}` is not in [{section}] of {file}. Nothing has been changed."
            ))
            .with_hint(
                "`mlflow-host config list` shows what is set; `--secret` and `--cloud` choose the section.",
            ));
        }
        edit.save()?;
        let text = format!("Taken out: `{key}` of [{}] in {}.\n", slot.section(), edit.path().display());
        reporter.answer("config-unset", told(&key, &slot, &edit), &text);
        Ok(())
    }
}

fn told(key: &str, slot: &Slot, edit: &Edit) -> Json {
    json!({"key": key, "section": slot.section(), "file": edit.path().display().to_string()})
}

/// The target, then what the stack reads.
fn values(config: &StackConfig) -> Vec<(String, Json)> {
    let target = [("cloud", config.cloud.name()), ("project", &config.project), ("region", &config.region)];
    let target = target.into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
    target.chain(config.values.clone()).collect()
}

/// Where each secret comes from, never what it is.
fn sources(config: &StackConfig) -> Vec<(String, Json)> {
    let source = |secret: &Secret| match secret {
        Secret::Value(_) => json!("[secret]"),
        Secret::Variable(name) => json!(format!("env:{name}")),
        Secret::File(path) => json!(format!("file:{}", path.display())),
    };
    config.secrets.iter().map(|(key, secret)| (key.clone(), source(secret))).collect()
}

/// Text as it is, anything else as JSON.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
