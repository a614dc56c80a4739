//! `mlflow-host cloud`

mod ask;
mod faults;
mod log;
mod resources;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use mlflow_host_localcloud::{Daemon, DaemonError, Endpoint, Latency, LocalCloud, ServeOptions, Status};
use serde_json::json;

use super::confirm::confirm;
use crate::arguments::Global;
use crate::failure::{Code, Failure, Result, capitalised};
use crate::render::{self, CloudStatus, Reporter};
use crate::{places, session};

/// Manage the local cloud: Google's APIs on this machine, with real data behind
/// them.
///
/// It starts by itself when a stack goes there, and stays until it is stopped.
/// Its data are in $MLFLOW_HOST_HOME/cloud, or $XDG_DATA_HOME/mlflow-host/cloud.
///
/// Examples:
///   mlflow-host cloud status
///   eval "$(mlflow-host cloud env)" && gcloud storage buckets list --project mlflow-dev
///   mlflow-host cloud log --follow
#[derive(Debug, clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Cloud {
    /// Start it, with everything that ran when it was stopped
    Start(Settings),
    /// Stop it, and every process that it has started. Its data stay
    Stop,
    /// Say whether it runs, where it answers, and which services run in it
    Status,
    /// Write what to export so that gcloud and the libraries of Cloud Storage talk to it
    Env {
        /// Have all of Google's libraries and Terraform talk to it, too: their HTTPS goes through it, and all other
        /// HTTPS of that shell is refused
        #[arg(long)]
        libraries: bool,
    },
    Resources(resources::Resources),
    Log(log::Log),
    Faults(faults::Faults),
    /// Stop it and delete everything in it
    Reset {
        /// Do not ask before deleting
        #[arg(long, short)]
        yes: bool,
    },
    /// Serve a local cloud in this process, until it is told to end
    #[command(hide = true)]
    Serve {
        /// Where its data are
        #[arg(long)]
        directory: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
}

/// How to serve a local cloud.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Settings {
    /// The port on 127.0.0.1; any free one when it is 0
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// How long operations take: `none`, or `scaled:N` for Google's usual durations divided by N
    #[arg(long, default_value_t = Latency::None, value_name = "PROFILE")]
    latency: Latency,
}

impl Cloud {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        let directory = match &self {
            Self::Serve { directory, .. } => directory.clone(),
            _ => places::local_cloud()?,
        };
        match self {
            Self::Start(settings) => {
                let arguments = [
                    "--port".to_owned(),
                    settings.port.to_string(),
                    "--latency".to_owned(),
                    settings.latency.to_string(),
                ];
                let program = session::own_program()?;
                let endpoint =
                    Daemon::ensure_started_with(&directory, &program, &arguments).await.map_err(failed)?;
                reporter.cloud(&running(&directory, "running", &endpoint).await);
            }
            Self::Stop => {
                let stopped = Daemon::stop(&directory).await.map_err(failed)?;
                reporter.notice(if stopped {
                    "The local cloud has stopped."
                } else {
                    "The local cloud does not run."
                });
            }
            Self::Status => {
                let status = match Daemon::status(&directory).await.map_err(failed)? {
                    Status::Stopped => {
                        CloudStatus { directory, status: "stopped", running: None, services: BTreeMap::new() }
                    }
                    Status::Starting(endpoint) => running(&directory, "starting", &endpoint).await,
                    Status::Running(endpoint) => running(&directory, "running", &endpoint).await,
                };
                reporter.cloud(&status);
            }
            Self::Env { libraries } => render::print(&exports(&directory, libraries).await?),
            Self::Resources(resources) => resources.run(&directory, reporter).await?,
            Self::Log(log) => log.run(&directory, reporter).await?,
            Self::Faults(faults) => faults.run(&directory, reporter).await?,
            Self::Reset { yes } => {
                let question =
                    format!("Delete every project, database and artifact in {}?", directory.display());
                confirm(&question, yes, global)?;
                Daemon::reset(&directory).await.map_err(failed)?;
                reporter.notice(
                    "The local cloud and all that was in it is gone. The next `up` makes everything anew.",
                );
            }
            Self::Serve { directory, settings } => serve(directory, settings).await?,
        }
        Ok(Code::Done)
    }
}

async fn serve(directory: PathBuf, settings: Settings) -> Result<()> {
    // Unless somebody has asked for another log.
    let _ = tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).try_init();
    let options =
        ServeOptions { port: settings.port, latency: settings.latency, ..ServeOptions::new(directory) };
    LocalCloud::serve(options).await.map_err(|error| Failure::new(sentence(&error.to_string())))
}

async fn running(directory: &Path, status: &'static str, endpoint: &Endpoint) -> CloudStatus {
    CloudStatus {
        directory: directory.to_owned(),
        status,
        services: session::local_addresses(&endpoint.base_url).await,
        running: Some(endpoint.clone()),
    }
}

/// gcloud goes through the local cloud as its proxy, so that it keeps Google's own addresses, and so do other
/// clients with `libraries`; Google's libraries for Cloud Storage have a variable of their own.
async fn exports(directory: &Path, libraries: bool) -> Result<String> {
    let Status::Running(endpoint) = Daemon::status(directory).await.map_err(failed)? else {
        return Err(ask::stopped());
    };
    let token = keep(directory.join("access-token"), &endpoint.token)?;
    let mut text = String::new();
    let mut export = |name: &str, value: &str| {
        // A single quote ends the quotes, stands for itself, and begins them again.
        let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
    };
    export("STORAGE_EMULATOR_HOST", &endpoint.base_url);
    export("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", &token.display().to_string());
    export("CLOUDSDK_CORE_CHECK_GCE_METADATA", "0");
    export("CLOUDSDK_PROXY_TYPE", "http");
    export("CLOUDSDK_PROXY_ADDRESS", "127.0.0.1");
    export("CLOUDSDK_PROXY_PORT", &endpoint.port.to_string());
    let certificate = endpoint.certificate.display().to_string();
    export("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", &certificate);
    if libraries {
        let proxy = format!("http://127.0.0.1:{}", endpoint.port);
        for name in ["HTTPS_PROXY", "https_proxy"] {
            export(name, &proxy);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            export(name, "127.0.0.1,localhost");
        }
        // Those of requests, of httplib2, and of Go and OpenSSL.
        for name in ["REQUESTS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "SSL_CERT_FILE"] {
            export(name, &certificate);
        }
        let credentials = json!({
            "type": "authorized_user", "client_id": "local-cloud", "client_secret": "local-cloud",
            "refresh_token": endpoint.token,
        });
        let file = keep(directory.join("credentials.json"), &credentials.to_string())?;
        export("GOOGLE_APPLICATION_CREDENTIALS", &file.display().to_string());
    }
    Ok(text)
}

/// Writes a file that only its owner may read.
fn keep(file: PathBuf, content: &str) -> Result<PathBuf> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&file);
    let written = opened.and_then(|mut opened| opened.write_all(content.as_bytes()));
    written.map_err(|error| Failure::new(format!("Cannot write {}: {error}.", file.display())))?;
    Ok(file)
}

fn failed(error: DaemonError) -> Box<Failure> {
    Failure::new(sentence(&error.to_string()))
}

/// A clause as a sentence.
fn sentence(text: &str) -> String {
    let text = capitalised(text.trim_end());
    if text.ends_with(['.', '!', '?', '\n']) { text } else { format!("{text}.") }
}
