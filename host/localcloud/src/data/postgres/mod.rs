//! Cloud SQL's data plane: a real PostgreSQL cluster per instance.
//!
//! Each instance listens on its own loopback address, port 5432, with SCRAM passwords. The
//! superuser is `cloudsqladmin`, as on Cloud SQL: customers get roles that belong to
//! `cloudsqlsuperuser` instead. PostgreSQL refuses to run as root; when we are root it runs as the
//! user `postgres` (else `nobody`), which must be able to reach the data directory.

mod cluster;
mod installation;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::addresses::{AddressError, Addresses};
use super::file::{self, FileError};
use super::process::{ProcessError, Processes};
use cluster::Cluster;
use installation::{Account, Installation};
use session::{ADMINISTRATOR, CUSTOMERS, identifier, literal, password_clause};

/// PostgreSQL's own port: clients of Cloud SQL's private address use no other.
const PORT: u16 = 5432;

/// Begins the name of every server's process record.
const PROCESS_PREFIX: &str = "postgres-";

/// A fast shutdown writes a checkpoint first.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// Cloud SQL's collation for new databases, and what stands in for it where the machine lacks it.
const DEFAULT_COLLATION: (&str, &str) = ("en_US.UTF8", "C.UTF-8");

/// The clusters of one local cloud.
#[derive(Debug)]
pub(crate) struct Clusters {
    directory: PathBuf,
    addresses: Addresses,
    processes: Processes,
    /// Held while a server is made, started, stopped or deleted.
    changing: Mutex<()>,
}

/// Where an instance answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The instance's own address in 127.64.0.0/16.
    pub(crate) address: Ipv4Addr,
    /// Always 5432.
    pub(crate) port: u16,
}

/// The PostgreSQL of this machine, and the user that it would run as.
pub(crate) fn server() -> Result<String, PostgresError> {
    let installation = Installation::find(None)?;
    let account =
        Account::needed()?.map_or_else(String::new, |account| format!(", as user {}", account.name));
    Ok(format!("{installation}{account}"))
}

/// A database as PostgreSQL lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    /// The database's name.
    pub(crate) name: String,
    /// The encoding, for example `UTF8`.
    pub(crate) charset: String,
    /// The collation in force.
    pub(crate) collation: String,
}

/// Why a cluster did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostgresError {
    /// PostgreSQL refused a statement.
    #[error("{message}")]
    Refused {
        /// PostgreSQL's SQLSTATE, five characters, for example `42710` for a duplicate role.
        code: String,
        /// PostgreSQL's own sentence.
        message: String,
        /// PostgreSQL's explanation, where it gives one.
        detail: Option<String>,
    },
    /// The instance is stopped.
    #[error("instance {0} is not running")]
    NotRunning(String),
    /// No PostgreSQL on this machine, or not the version that made the cluster.
    #[error(
        "PostgreSQL{} is not installed: run `apt-get install {}`, or point MLFLOW_HOST_POSTGRES_BIN at the directory that holds initdb and postgres",
        major.map(|major| format!(" {major}")).unwrap_or_default(),
        major.map_or("postgresql".to_owned(), |major| format!("postgresql-{major}"))
    )]
    NotInstalled {
        /// The major version that the cluster needs.
        major: Option<u32>,
    },
    /// We are root and there is no other user to run the server as.
    #[error("PostgreSQL does not run as root: run `adduser --system postgres`, or start as another user")]
    NoAccount,
    /// The server's user cannot enter a directory above the cluster.
    #[error(
        "the directory {0} is closed to the user {user}, as which PostgreSQL runs when started by root: run `chmod o+x {0}`, or keep the local cloud's data in a directory that others may enter, for example /var/lib/mlflow-host",
        directory.display()
    )]
    Closed {
        /// The innermost closed directory.
        directory: PathBuf,
        /// The server's user.
        user: String,
    },
    /// `initdb` failed.
    #[error("initdb failed: {output}")]
    Initialise {
        /// What it said.
        output: String,
    },
    /// The server ended instead of starting.
    #[error(
        "PostgreSQL does not start on {}:{}; the end of its log:\n{}",
        endpoint.address, endpoint.port, log.join("\n")
    )]
    Start {
        /// Where it should listen.
        endpoint: Endpoint,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The connection to the server failed.
    #[error("cannot talk to PostgreSQL: {0}")]
    Connection(#[source] tokio_postgres::Error),
    /// No address for the instance.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A server process could not be recorded or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => Self::Refused {
                code: refusal.code().code().to_owned(),
                message: refusal.message().to_owned(),
                detail: refusal.detail().map(ToOwned::to_owned),
            },
            None => Self::Connection(error),
        }
    }
}

impl PostgresError {
    fn is(&self, state: &SqlState) -> bool {
        matches!(self, Self::Refused { code, .. } if code == state.code())
    }
}

impl Clusters {
    /// Opens the clusters below `directory`. Servers that an earlier run left are still running,
    /// and [`Self::start`] takes them over.
    pub(crate) async fn open(directory: PathBuf, processes: Processes) -> Result<Self, PostgresError> {
        cluster::create_open_directory(&directory)?;
        Ok(Self {
            addresses: Addresses::open(&directory).await?,
            directory,
            processes,
            changing: Mutex::new(()),
        })
    }

    /// Starts `instance` with these settings (`databaseFlags`), creating its cluster first where
    /// there is none; a running one is left as it is. Returns when it accepts connections.
    pub(crate) async fn start(
        &self,
        instance: &str,
        flags: &BTreeMap<String, String>,
    ) -> Result<Endpoint, PostgresError> {
        let _changing = self.changing.lock().await;
        let cluster = self.cluster(instance);
        let endpoint = Endpoint { address: self.addresses.allocate(instance, PORT).await?, port: PORT };
        if !cluster.exists() {
            cluster.create().await?;
        }
        if !self.is_running(instance)? {
            cluster.start(endpoint, flags, &self.processes, &process_name(instance)).await?;
        }
        Ok(endpoint)
    }

    /// Stops `instance` by PostgreSQL's fast shutdown; a stopped one is left as it is.
    pub(crate) async fn stop(&self, instance: &str) -> Result<(), PostgresError> {
        let _changing = self.changing.lock().await;
        self.end(instance).await
    }

    /// Stops all instances at the same time, also those of an earlier run of the daemon.
    pub(crate) async fn stop_all(&self) -> Result<(), PostgresError> {
        let _changing = self.changing.lock().await;
        self.processes.stop_all(PROCESS_PREFIX, STOP_GRACE).await?;
        Ok(())
    }

    /// Stops `instance` and deletes its data and its address.
    pub(crate) async fn delete(&self, instance: &str) -> Result<(), PostgresError> {
        let _changing = self.changing.lock().await;
        self.end(instance).await?;
        let directory = self.cluster(instance).directory().to_path_buf();
        file::blocking::<_, FileError, _>(move || file::remove_directory(&directory)).await?;
        self.addresses.release(instance).await?;
        Ok(())
    }

    /// True while the server of `instance` runs.
    pub(crate) fn is_running(&self, instance: &str) -> Result<bool, PostgresError> {
        Ok(self.processes.running(&process_name(instance))?.is_some())
    }

    /// Where `instance` answers, if it was ever started.
    pub(crate) async fn endpoint(&self, instance: &str) -> Option<Endpoint> {
        let address = self.addresses.get(instance).await?;
        Some(Endpoint { address, port: PORT })
    }

    /// The server's version, for example `15.18 (Debian 15.18-0+deb12u1)`.
    pub(crate) async fn version(&self, instance: &str) -> Result<String, PostgresError> {
        let row = self.session(instance).await?.query_one("SHOW server_version", &[]).await?;
        Ok(row.try_get(0)?)
    }

    /// Creates a database owned by `cloudsqlsuperuser`. Charset and collation default to Cloud
    /// SQL's `UTF8` and `en_US.UTF8`; where the machine has not generated the latter, `C.UTF-8`
    /// stands in for it, which the returned value shows.
    pub(crate) async fn create_database(
        &self,
        instance: &str,
        name: &str,
        charset: Option<&str>,
        collation: Option<&str>,
    ) -> Result<Database, PostgresError> {
        let client = self.session(instance).await?;
        let charset = charset.unwrap_or("UTF8");
        let (usual, substitute) = DEFAULT_COLLATION;
        let collation = collation.unwrap_or(usual);
        let mut result = create_database(&client, name, charset, collation).await;
        if collation == usual && result.as_ref().is_err_and(is_unknown_locale) {
            tracing::info!(name, "{usual} is not generated on this machine, {substitute} stands in");
            result = create_database(&client, name, charset, substitute).await;
        }
        result?;
        let row = client.query_one(&format!("{DATABASES} AND datname = $1"), &[&name]).await?;
        database(&row)
    }

    /// The databases that customers see, by name.
    pub(crate) async fn databases(&self, instance: &str) -> Result<Vec<Database>, PostgresError> {
        self.session(instance)
            .await?
            .query(&format!("{DATABASES} ORDER BY datname"), &[])
            .await?
            .iter()
            .map(database)
            .collect()
    }

    /// Drops a database; refused while others are connected, with PostgreSQL's message.
    pub(crate) async fn drop_database(&self, instance: &str, name: &str) -> Result<(), PostgresError> {
        self.execute(instance, &format!("DROP DATABASE {}", identifier(name))).await
    }

    /// Creates a login role, member of `cloudsqlsuperuser`, with CREATEDB and CREATEROLE; for a
    /// role that exists, sets the password.
    pub(crate) async fn create_role(
        &self,
        instance: &str,
        name: &str,
        password: Option<&str>,
    ) -> Result<(), PostgresError> {
        let role = identifier(name);
        let clause = password.map(password_clause).unwrap_or_default();
        let creation = format!("CREATE ROLE {role} LOGIN CREATEDB CREATEROLE IN ROLE {CUSTOMERS} {clause}");
        match (self.execute(instance, &creation).await, password) {
            (Err(error), Some(password)) if error.is(&SqlState::DUPLICATE_OBJECT) => {
                self.set_password(instance, name, password).await
            }
            (Err(error), None) if error.is(&SqlState::DUPLICATE_OBJECT) => Ok(()),
            (result, _) => result,
        }
    }

    /// Changes a role's password.
    pub(crate) async fn set_password(
        &self,
        instance: &str,
        name: &str,
        password: &str,
    ) -> Result<(), PostgresError> {
        let statement = format!("ALTER ROLE {} {}", identifier(name), password_clause(password));
        self.execute(instance, &statement).await
    }

    /// The login roles that customers see (`postgres` and those created), by name.
    pub(crate) async fn roles(&self, instance: &str) -> Result<Vec<String>, PostgresError> {
        let rows = self
            .session(instance)
            .await?
            .query(
                "SELECT rolname::text FROM pg_roles
                 WHERE rolcanlogin AND rolname <> $1 ORDER BY rolname",
                &[&ADMINISTRATOR],
            )
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Drops a role; refused while it owns objects, with PostgreSQL's message.
    pub(crate) async fn drop_role(&self, instance: &str, name: &str) -> Result<(), PostgresError> {
        self.execute(instance, &format!("DROP ROLE {}", identifier(name))).await
    }

    fn cluster(&self, instance: &str) -> Cluster {
        Cluster::new(self.directory.join(file::component(instance)))
    }

    async fn end(&self, instance: &str) -> Result<(), PostgresError> {
        self.processes.stop(&process_name(instance), STOP_GRACE).await?;
        Ok(())
    }

    async fn session(&self, instance: &str) -> Result<Client, PostgresError> {
        let stopped = || PostgresError::NotRunning(instance.to_owned());
        if !self.is_running(instance)? {
            return Err(stopped());
        }
        let endpoint = self.endpoint(instance).await.ok_or_else(stopped)?;
        session::connect(endpoint, &self.cluster(instance).password()?).await
    }

    async fn execute(&self, instance: &str, statement: &str) -> Result<(), PostgresError> {
        let client = self.session(instance).await?;
        Ok(client.batch_execute(statement).await?)
    }
}

/// All databases but templates, as [`database`] reads them.
const DATABASES: &str = "SELECT datname::text, pg_encoding_to_char(encoding)::text, datcollate::text
     FROM pg_database WHERE NOT datistemplate";

fn database(row: &tokio_postgres::Row) -> Result<Database, PostgresError> {
    Ok(Database { name: row.try_get(0)?, charset: row.try_get(1)?, collation: row.try_get(2)? })
}

async fn create_database(
    client: &Client,
    name: &str,
    charset: &str,
    collation: &str,
) -> Result<(), PostgresError> {
    let statement = format!(
        "CREATE DATABASE {} OWNER {CUSTOMERS} TEMPLATE template0 ENCODING{} LC_COLLATE{2} LC_CTYPE{2}",
        identifier(name),
        literal(charset),
        literal(collation),
    );
    Ok(client.batch_execute(&statement).await?)
}

/// PostgreSQL up to 15 reports an unknown locale as a wrong object type, later ones as a bad value.
fn is_unknown_locale(error: &PostgresError) -> bool {
    error.is(&SqlState::WRONG_OBJECT_TYPE) || error.is(&SqlState::INVALID_PARAMETER_VALUE)
}

fn process_name(instance: &str) -> String {
    format!("{PROCESS_PREFIX}{instance}")
}
