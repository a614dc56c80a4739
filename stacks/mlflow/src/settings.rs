//! What can be set, what it means, and how the configuration of a stack sets it.

use std::collections::BTreeMap;

use mlflow_host_sdk::{Error, Result, config};

use crate::MlflowServer;

/// How big the server and its database are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A shared-core database, and 1 CPU with 1 GiB for the server: half of that is in use when idle.
    Small,
    /// A database with 2 CPUs and 7.5 GiB of its own, and 2 CPUs with 2 GiB for the server.
    Large,
}

impl Size {
    pub(crate) fn sql_tier(self) -> &'static str {
        match self {
            Self::Small => "db-f1-micro",
            Self::Large => "db-custom-2-7680",
        }
    }

    pub(crate) fn cpu(self) -> &'static str {
        match self {
            Self::Small => "1",
            Self::Large => "2",
        }
    }

    pub(crate) fn memory(self) -> &'static str {
        match self {
            Self::Small => "1Gi",
            Self::Large => "2Gi",
        }
    }
}

/// Whether the database survives the loss of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// One machine in one zone.
    Zonal,
    /// A second machine in another zone takes over. Google requires [`Backups`] for it.
    Regional,
}

/// How far back the database can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backups {
    /// How many nightly backups are kept.
    pub nights: i32,
    /// To any second of how many days: 1 to 7.
    pub log_days: i32,
}

/// How many instances of the server there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instances {
    /// Always there. With none, the first request after a pause waits for a start.
    pub minimum: i32,
    /// Never more.
    pub maximum: i32,
}

/// Whether MLflow itself asks for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// It does not: whoever may invoke the service may do everything.
    None,
    /// MLflow's basic authentication, with users and permissions in a database of their own. The first
    /// administrator is `admin`, with a generated password in Secret Manager.
    Basic,
}

impl MlflowServer {
    /// Takes over what the configuration of the stack sets:
    ///
    /// | key | sets |
    /// |---|---|
    /// | `environment` | [`environment`](Self::environment): a table |
    /// | `bucket-location` | [`bucket_location`](Self::bucket_location) |
    /// | `invokers` | [`invokers`](Self::invokers): a list |
    /// | `authentication` | [`authentication`](Self::authentication): `none` or `basic` |
    /// | `sql-tier` | [`sql_tier`](Self::sql_tier) |
    /// | `minimum-instances`, `maximum-instances` | [`instances`](Self::instances) |
    ///
    /// # Errors
    /// When a value is not of its key's type.
    pub fn configured(mut self) -> Result<Self> {
        if let Some(text) = config::get("environment") {
            self.environment.extend(table("environment", &text)?);
        }
        self.bucket_location = config::get("bucket-location").or(self.bucket_location);
        self.sql_tier = config::get("sql-tier").or(self.sql_tier);
        if let Some(invokers) = config::list("invokers")? {
            self.invokers = invokers;
        }
        if let Some(word) = config::get("authentication") {
            self.authentication = match word.as_str() {
                "none" => Authentication::None,
                "basic" => Authentication::Basic,
                _ => return Err(ill("authentication", "`none` or `basic`", &word)),
            };
        }
        if let Some(minimum) = count("minimum-instances")? {
            self.instances.minimum = minimum;
        }
        if let Some(maximum) = count("maximum-instances")? {
            self.instances.maximum = maximum;
        }
        Ok(self)
    }
}

/// What no schema of Google's says.
pub(crate) fn check(server: &MlflowServer) -> Result<()> {
    if server.name.len() > 20 {
        return Err(Error::new(format!("The name `{}` is longer than 20 characters.", server.name)));
    }
    if server.availability == Availability::Regional && server.backups.is_none() {
        return Err(Error::new(
            "A database that survives the loss of a zone needs backups: add `.backups(…)`.",
        ));
    }
    let Instances { minimum, maximum } = server.instances;
    if maximum < 1 || minimum > maximum {
        return Err(Error::new(format!(
            "There cannot be between {minimum} and {maximum} instances: set `minimum-instances` and \
             `maximum-instances` to numbers that fit."
        )));
    }
    Ok(())
}

fn count(key: &str) -> Result<Option<i32>> {
    let Some(number) = config::integer(key)? else { return Ok(None) };
    match i32::try_from(number) {
        Ok(count @ 0..=1000) => Ok(Some(count)),
        _ => Err(ill(key, "a number from 0 to 1000", &number.to_string())),
    }
}

fn table(key: &str, text: &str) -> Result<BTreeMap<String, String>> {
    serde_json::from_str(text).map_err(|_| ill(key, "a table of strings", text))
}

fn ill(key: &str, expected: &str, found: &str) -> Error {
    Error::new(format!("The configuration key `{key}` must be {expected}, not `{found}`."))
}
