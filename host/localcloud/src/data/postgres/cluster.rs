//! One cluster on disk: made once, started and stopped.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::installation::{Account, Installation};
use super::session::{self, ADMINISTRATOR};
use super::{Endpoint, PostgresError};
use crate::data::file::{self, Context, FileError};
use crate::data::process::{Processes, StopSignal};

/// Recovery after a crash may replay much; a server that is not ready by then is stuck.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How often a starting server is tried.
const POLL: Duration = Duration::from_millis(50);

/// Small enough for a laptop; `databaseFlags` override them.
const DEFAULTS: [(&str, &str); 3] =
    [("shared_buffers", "32MB"), ("max_connections", "100"), ("password_encryption", "scram-sha-256")];

/// Who may connect: everybody on loopback, with a password.
const ACCESS_RULES: &str = "# Written by mlflow-host.\nhost all all 127.0.0.0/8 scram-sha-256\n";

/// The files of one instance.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    directory: PathBuf,
}

impl Cluster {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn exists(&self) -> bool {
        self.data().join("PG_VERSION").is_file()
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// The superuser's password.
    pub(super) fn password(&self) -> Result<String, PostgresError> {
        let path = self.directory.join("administrator-password");
        Ok(std::fs::read_to_string(&path).context("read", &path)?)
    }

    /// Makes the cluster with `initdb`. A half-made one of an earlier attempt is thrown away.
    pub(super) async fn create(&self) -> Result<(), PostgresError> {
        let installation = Installation::find(None)?;
        let account = Account::needed()?;
        create_open_directory(&self.directory)?;
        if let Some(account) = &account {
            account.check_reaches(&self.directory)?;
        }
        let password = hex::encode(rand::random::<[u8; 24]>());
        // A private directory of the server's user: initdb reads the password file as that user.
        let workshop = self.directory.join("new");
        file::remove_directory(&workshop)?;
        std::fs::create_dir(&workshop).context("create", &workshop)?;
        restrict(&workshop, 0o700)?;
        let password_file = workshop.join("password");
        write_private(&password_file, &password)?;
        give(&workshop, account.as_ref())?;
        give(&password_file, account.as_ref())?;

        let data = workshop.join("data");
        let mut command = command(&installation, "initdb", account.as_ref(), &data);
        command
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", ADMINISTRATOR])
            .args(["--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C.UTF-8"])
            .arg(format!("--pwfile={}", password_file.display()));
        let output = command.output().await.context("run", &installation.program("initdb"))?;
        if !output.status.success() {
            return Err(PostgresError::Initialise {
                output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        let rules = data.join("pg_hba.conf");
        std::fs::write(&rules, ACCESS_RULES).context("write", &rules)?;

        let kept = self.directory.join("administrator-password");
        file::remove_file(&kept)?;
        write_private(&kept, &password)?;
        std::fs::rename(&data, self.data()).context("create", &self.data())?;
        file::sync_directory(&self.directory)?;
        file::remove_directory(&workshop)?;
        Ok(())
    }

    /// Starts the server and waits until it accepts connections.
    pub(super) async fn start(
        &self,
        endpoint: Endpoint,
        flags: &BTreeMap<String, String>,
        processes: &Processes,
        name: &str,
    ) -> Result<(), PostgresError> {
        let installation = Installation::find(Some(self.major()?))?;
        let account = Account::needed()?;
        if let Some(account) = &account {
            account.check_reaches(&self.directory)?;
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.log())
            .context("open", &self.log())?;
        let log_copy = log.try_clone().context("open", &self.log())?;
        let data = self.data();
        let mut command = command(&installation, "postgres", account.as_ref(), &data);
        command.arg("-D").arg(&data);
        let address = endpoint.address.to_string();
        let port = endpoint.port.to_string();
        // The last setting of a name wins: flags beat the defaults, and nothing beats ours.
        let ours = [
            ("listen_addresses", address.as_str()),
            ("port", port.as_str()),
            ("unix_socket_directories", ""),
            ("logging_collector", "off"),
        ];
        let flags = flags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in DEFAULTS.into_iter().chain(flags).chain(ours) {
            command.arg("-c").arg(format!("{key}={value}"));
        }
        let mut child = command
            .stdout(Stdio::from(log_copy))
            .stderr(Stdio::from(log))
            .process_group(0)
            .spawn()
            .context("run", &installation.program("postgres"))?;
        if let Some(pid) = child.id() {
            processes.record(name, pid, StopSignal::Interrupt, &data)?;
        }
        tokio::spawn(async move {
            let _ = child.wait().await;
        });
        self.wait_ready(endpoint, processes, name).await
    }

    async fn wait_ready(
        &self,
        endpoint: Endpoint,
        processes: &Processes,
        name: &str,
    ) -> Result<(), PostgresError> {
        let password = self.password()?;
        let begin = Instant::now();
        loop {
            match session::connect(endpoint, &password).await {
                // Somebody else's server could have the address: ours must be alive as well.
                Ok(client) if processes.running(name)?.is_some() => {
                    return session::prepare(&client).await;
                }
                Err(error) if begin.elapsed() > START_LIMIT => return Err(error),
                _ => {}
            }
            if processes.running(name)?.is_none() {
                processes.forget(name)?;
                return Err(PostgresError::Start { endpoint, log: file::tail(&self.log(), 20) });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The major version that made the cluster.
    fn major(&self) -> Result<u32, PostgresError> {
        let path = self.data().join("PG_VERSION");
        let text = std::fs::read_to_string(&path).context("read", &path)?;
        text.trim()
            .parse()
            .map_err(std::io::Error::other)
            .context("understand", &path)
            .map_err(PostgresError::from)
    }
}

/// A program of the installation, as the right user, with an environment of its own.
///
/// `PGDATA` is also the mark by which a leftover of a crash is recognised.
fn command(installation: &Installation, program: &str, account: Option<&Account>, data: &Path) -> Command {
    let mut command = Command::new(installation.program(program));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("PGDATA", data)
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some(account) = account {
        command.uid(account.user).gid(account.group);
    }
    command
}

/// Creates a directory that the server's user may pass through, but not list.
pub(super) fn create_open_directory(directory: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(directory).context("create", directory)?;
    restrict(directory, 0o711)
}

fn restrict(path: &Path, mode: u32) -> Result<(), FileError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .context("set the permissions of", path)
}

fn give(path: &Path, account: Option<&Account>) -> Result<(), FileError> {
    match account {
        Some(account) => chown(path, Some(account.user), Some(account.group)).context("hand over", path),
        None => Ok(()),
    }
}

fn write_private(path: &Path, content: &str) -> Result<(), FileError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        })
        .context("write", path)
}
