//! Cloud SQL's data plane: a real PostgreSQL cluster per instance.
//!
//! Each instance listens on its own loopback address, port 5432, with SCRAM passwords. The
//! superuser is `cloudsqladmin`, as on Cloud SQL: customers get roles that belong to
//! `cloudsqlsuperuser` instead.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::process::Processes;

/// The clusters of one local cloud.
#[derive(Debug)]
pub(crate) struct Clusters {}

/// Where an instance answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The instance's own address in 127.64.0.0/16.
    pub(crate) address: Ipv4Addr,
    /// Always 5432.
    pub(crate) port: u16,
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
}

impl Clusters {
    /// Opens the clusters below `directory`.
    pub(crate) async fn open(directory: PathBuf, processes: Processes) -> Result<Self, PostgresError> {
        let _ = (directory, processes);
        todo!()
    }
    /// Starts `instance` with these settings, creating its cluster first where there is none; a
    /// running one is left as it is. Returns when it accepts connections.
    pub(crate) async fn start(
        &self,
        instance: &str,
        flags: &BTreeMap<String, String>,
    ) -> Result<Endpoint, PostgresError> {
        let _ = (instance, flags);
        todo!()
    }
    /// Stops `instance` by PostgreSQL's fast shutdown; a stopped one is left as it is.
    pub(crate) async fn stop(&self, instance: &str) -> Result<(), PostgresError> {
        let _ = instance;
        todo!()
    }
    /// Stops all instances at the same time.
    pub(crate) async fn stop_all(&self) -> Result<(), PostgresError> {
        todo!()
    }
    /// Stops `instance` and deletes its data and its address.
    pub(crate) async fn delete(&self, instance: &str) -> Result<(), PostgresError> {
        let _ = instance;
        todo!()
    }
    /// True while the server of `instance` runs.
    pub(crate) fn is_running(&self, instance: &str) -> Result<bool, PostgresError> {
        let _ = instance;
        todo!()
    }
    /// Where `instance` answers, if it was ever started.
    pub(crate) async fn endpoint(&self, instance: &str) -> Option<Endpoint> {
        let _ = instance;
        todo!()
    }
    /// The server's version, for example `15.18`.
    pub(crate) async fn version(&self, instance: &str) -> Result<String, PostgresError> {
        let _ = instance;
        todo!()
    }
    /// Creates a database owned by `cloudsqlsuperuser`; charset and collation default to Cloud SQL's.
    pub(crate) async fn create_database(
        &self,
        instance: &str,
        name: &str,
        charset: Option<&str>,
        collation: Option<&str>,
    ) -> Result<Database, PostgresError> {
        let _ = (instance, name, charset, collation);
        todo!()
    }
    /// The databases that customers see, by name.
    pub(crate) async fn databases(&self, instance: &str) -> Result<Vec<Database>, PostgresError> {
        let _ = instance;
        todo!()
    }
    /// Drops a database; refused while others are connected, with PostgreSQL's message.
    pub(crate) async fn drop_database(&self, instance: &str, name: &str) -> Result<(), PostgresError> {
        let _ = (instance, name);
        todo!()
    }
    /// Creates a login role, member of `cloudsqlsuperuser`, with CREATEDB and CREATEROLE; for a role that exists, sets the password.
    pub(crate) async fn create_role(
        &self,
        instance: &str,
        name: &str,
        password: Option<&str>,
    ) -> Result<(), PostgresError> {
        let _ = (instance, name, password);
        todo!()
    }
    /// Changes a role's password.
    pub(crate) async fn set_password(
        &self,
        instance: &str,
        name: &str,
        password: &str,
    ) -> Result<(), PostgresError> {
        let _ = (instance, name, password);
        todo!()
    }
    /// The login roles that customers see (`postgres` and those created), by name.
    pub(crate) async fn roles(&self, instance: &str) -> Result<Vec<String>, PostgresError> {
        let _ = instance;
        todo!()
    }
    /// Drops a role; refused while it owns objects, with PostgreSQL's message.
    pub(crate) async fn drop_role(&self, instance: &str, name: &str) -> Result<(), PostgresError> {
        let _ = (instance, name);
        todo!()
    }
}
