//! The database of a stack, as its server sees it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::cloud::Cloud;
use crate::run::Run;

/// The database `mlflow` of a project's only instance, with the password that is in Secret Manager.
pub struct Database {
    address: String,
    password: String,
}

impl Database {
    /// Looks up where it is, and its password: the latest version of the secret whose name begins so.
    ///
    /// # Errors
    /// When there is no instance or no such secret.
    pub fn of(cloud: &Cloud, project: &str, secret: &str) -> Result<Self> {
        let instances = cloud.get(&format!("/sqladmin.googleapis.com/v1/projects/{project}/instances"))?;
        let address = instances["items"][0]["ipAddresses"][0]["ipAddress"]
            .as_str()
            .with_context(|| format!("no address: {instances}"))?;
        Ok(Self { address: address.to_owned(), password: cloud.secret(project, secret)? })
    }

    /// What PostgreSQL answers, without headings.
    ///
    /// # Errors
    /// When the password is not the one of the user, or the statement fails.
    pub fn ask(&self, statement: &str) -> Result<String> {
        let mut command = Command::new(psql()?);
        command
            .args(["--host", &self.address, "--username", "mlflow", "--dbname", "mlflow"])
            .args(["--no-align", "--tuples-only", "--quiet", "--command", statement])
            .env("PGPASSWORD", &self.password);
        let run = Run::of(command)?;
        ensure!(run.code == 0, "the database refuses: {}", run.stderr);
        Ok(run.stdout.trim().to_owned())
    }
}

/// PostgreSQL's client is beside the server, which the local cloud needs.
fn psql() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).map(|path| path.join("psql")).collect();
    for base in ["/usr/lib/postgresql", "/usr/pgsql"] {
        for version in std::fs::read_dir(base).into_iter().flatten().flatten() {
            candidates.push(version.path().join("bin/psql"));
        }
    }
    candidates.into_iter().find(|path| path.is_file()).context("psql is not installed")
}
