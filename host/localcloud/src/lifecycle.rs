//! One local cloud from start to stop, in this process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cloud::{Cloud, OpenError, Settings};
use crate::common::latency::Latency;
use crate::daemon::{self, Lock};
use crate::data::file::FileError;
use crate::server::Server;
use crate::services::run::fronts;
use crate::services::{run, sql};

/// How long containers have to end when the local cloud stops.
const GRACE: Duration = Duration::from_secs(10);

/// How to serve a local cloud.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where everything is kept; made when missing.
    pub directory: PathBuf,
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// How long operations take.
    pub latency: Latency,
    /// Whether Cloud Run services refuse request bodies of more than 32 MiB over HTTP/1 with 413,
    /// as Google's front end does. Off by default: the limit would keep MLflow from taking large
    /// artifacts through its own server, which a laptop has no reason to forbid.
    pub request_limit: bool,
}

impl ServeOptions {
    /// A local cloud in `directory`, on any port, without latency or limit.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), port: 0, latency: Latency::None, request_limit: false }
    }
}

/// Why a local cloud could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process serves this directory.
    #[error("a local cloud already runs in {}: stop it with `mlflow-host cloud stop`", .0.display())]
    AlreadyRunning(PathBuf),
    /// The port belongs to another program.
    #[error(
        "port {port} on 127.0.0.1 is in use by another program: choose another port, or 0 for any free one"
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The server's socket.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// The system's answer.
        source: io::Error,
    },
    /// The directory or what is in it.
    #[error("cannot open the local cloud: {0}")]
    Open(String),
}

impl From<OpenError> for ServeError {
    fn from(error: OpenError) -> Self {
        Self::Open(error.to_string())
    }
}

impl From<FileError> for ServeError {
    fn from(error: FileError) -> Self {
        Self::Open(error.to_string())
    }
}

/// A running local cloud. [`LocalCloud::stop`] ends it in good order; dropping it does not.
#[derive(Debug)]
pub struct LocalCloud {
    cloud: Arc<Cloud>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
    restoring: JoinHandle<()>,
    lock: Lock,
}

impl LocalCloud {
    /// Starts a local cloud: it answers at once, and brings back in the background what ran before
    /// the last stop (`/_local/health` says `ready` when that is done).
    pub async fn start(options: ServeOptions) -> Result<Self, ServeError> {
        let directory = std::path::absolute(&options.directory)
            .map_err(|error| ServeError::Open(format!("{}: {error}", options.directory.display())))?;
        let lock = Lock::take(&directory)?.ok_or_else(|| ServeError::AlreadyRunning(directory.clone()))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(|source| {
            let port = options.port;
            match source.kind() {
                io::ErrorKind::AddrInUse => ServeError::PortTaken { port },
                _ => ServeError::Listen { port, source },
            }
        })?;
        let address =
            listener.local_addr().map_err(|source| ServeError::Listen { port: options.port, source })?;
        let settings = Settings { latency: options.latency, request_limit: options.request_limit };
        let cloud = Cloud::open(&directory, settings).await?;
        cloud.listens_at(format!("http://{address}"));
        let server = Server::new(Arc::clone(&cloud)).map_err(|error| ServeError::Open(error.to_string()))?;
        let accepting = tokio::spawn(Arc::clone(&server).accept(listener));
        let restoring = tokio::spawn(restore(Arc::clone(&cloud), Arc::clone(&server)));
        daemon::announce(&directory, address.port(), &cloud.token)?;
        Ok(Self { cloud, address, accepting, restoring, lock })
    }

    /// Serves a local cloud until the process is told to end (SIGTERM, SIGINT).
    pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
        let cloud = Self::start(options).await?;
        tracing::info!(address = cloud.base_url(), "the local cloud is up");
        told_to_end().await?;
        // The kernel gives it back with the end of the process: who waits for the lock waits for that.
        std::mem::forget(cloud.end().await);
        Ok(())
    }

    /// The server's address: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        self.cloud.base_url()
    }

    /// The server's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends everything that was started. Data stay.
    pub async fn stop(self) {
        drop(self.end().await);
    }

    /// Ends everything but for the lock, which tells others that this one has ended.
    async fn end(self) -> Lock {
        self.accepting.abort();
        self.restoring.abort();
        fronts::close_all(&self.cloud);
        let (containers, clusters) =
            tokio::join!(self.cloud.containers.stop_all(GRACE), self.cloud.clusters.stop_all());
        if let Err(error) = containers {
            tracing::error!(%error, "cannot stop all containers");
        }
        if let Err(error) = clusters {
            tracing::error!(%error, "cannot stop all PostgreSQL clusters");
        }
        if let Err(error) = daemon::withdraw(&self.cloud.directory) {
            tracing::warn!(%error, "cannot remove the endpoint file");
        }
        self.lock
    }
}

/// Ends what a crash left, brings back what ran before, and takes up operations under way.
async fn restore(cloud: Arc<Cloud>, server: Arc<Server>) {
    if let Err(error) = cloud.containers.stop_all(GRACE).await {
        tracing::error!(%error, "cannot stop the containers of an earlier run");
    }
    // Services need their databases.
    sql::instances::restore(&cloud).await;
    run::services::restore(&cloud).await;
    for operation in cloud.operations.unfinished() {
        // Requests may have begun others meanwhile; those have a task of their own.
        if operation.inserted < server.started {
            cloud.carry_out(operation);
        }
    }
    server.now_ready();
}

async fn told_to_end() -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|error| ServeError::Open(format!("cannot wait for signals: {error}")));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
