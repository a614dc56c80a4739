//! The database of a stack, as its server sees it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::cloud::Cloud;
use crate::run::Run;

/// A database in a project's only instance, as one of its users sees it.
pub struct Database {
    address: String,
    name: String,
    user: String,
    password: String,
}

impl Database {
    /// Looks up where the database `mlflow` is, and its password: the latest version of the secret whose name begins so.
    ///
    /// # Errors
    /// When there is no instance or no such secret.
    pub fn of(cloud: &Cloud, project: &str, secret: &str) -> Result<Self> {
        Self::at(cloud, project, "mlflow", ("mlflow", &cloud.secret(project, secret)?))
    }

    /// The database of this name, for a user with a password.
    ///
    /// # Errors
    /// When there is no instance.
    pub fn at(cloud: &Cloud, project: &str, name: &str, (user, password): (&str, &str)) -> Result<Self> {
        let instances = cloud.get(&format!("/sqladmin.googleapis.com/v1/projects/{project}/instances"))?;
        let address = instances["items"][0]["ipAddresses"][0]["ipAddress"]
            .as_str()
            .with_context(|| format!("no address: {instances}"))?;
        Ok(Self {
            address: address.to_owned(),
            name: name.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }

    /// What PostgreSQL answers, without headings.
    ///
    /// # Errors
    /// When the password is not the one of the user, or the statement fails.
    pub fn ask(&self, statement: &str) -> Result<String> {
        let mut command = self.psql()?;
        command.args(["--command", statement]);
        let run = Run::of(command)?;
        ensure!(run.code == 0, "the database refuses: {}", run.stderr);
        Ok(run.stdout.trim().to_owned())
    }

    /// Connects, and stays so until the connection is dropped.
    ///
    /// # Errors
    /// When there is no connection to be had.
    pub fn hold(&self) -> Result<Held> {
        let mut child = self.psql()?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.as_mut().context("no way in")?.write_all(b"select 'connected';\n")?;
        let mut held = Held(child);
        let mut answer = String::new();
        BufReader::new(held.0.stdout.as_mut().context("no way out")?).read_line(&mut answer)?;
        ensure!(answer.trim() == "connected", "not connected: {answer}");
        Ok(held)
    }

    fn psql(&self) -> Result<Command> {
        let mut command = Command::new(psql()?);
        command
            .args(["--host", &self.address, "--username", &self.user, "--dbname", &self.name])
            .args(["--no-psqlrc", "--no-align", "--tuples-only", "--quiet"])
            .env("PGPASSWORD", &self.password);
        Ok(command)
    }
}

/// A connection that is held.
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.0.stdin.take());
        if let Err(error) = self.0.wait() {
            eprintln!("psql could not be waited for: {error}");
        }
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
