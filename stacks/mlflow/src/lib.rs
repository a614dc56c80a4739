//! MLflow's tracking server on Google Cloud, as a component for stacks.
//!
//! ```
//! use mlflow::{MlflowServer, Size};
//! use mlflow_host_sdk::{Result, stack};
//!
//! stack!(run);
//!
//! fn run() -> Result<()> {
//!     MlflowServer::new("mlflow").size(Size::Small).configured()?.declare()?.export();
//!     Ok(())
//! }
//! ```
//!
//! What it declares, module by module:
//!
//! | module | resources |
//! |---|---|
//! | [`apis`] | the APIs that everything else needs |
//! | [`network`] | a network with one subnetwork, and the peering that gives Cloud SQL a private address in it |
//! | [`accounts`] | one service account to run as, one to build as |
//! | [`database`] | the PostgreSQL instance, its database and its user |
//! | [`credential`] | generated passwords in Secret Manager |
//! | [`artifacts`] | the bucket |
//! | [`image`] | the repository, and the build of `mlflow/image/` |
//! | [`server`] | the migration job and its execution, the Cloud Run service, who may invoke it |
//!
//! Everything follows from three decisions. Artifacts go through the server, so a client needs one address
//! and no credentials for the bucket. The database has a private address only. The schema is migrated by a
//! job before a new revision starts, because MLflow's own lock around it does not reach beyond one machine.

mod accounts;
mod apis;
mod artifacts;
mod credential;
mod database;
mod environment;
mod image;
mod network;
mod scope;
mod server;
mod settings;

use std::collections::BTreeMap;

use mlflow_host_sdk::{Output, Result, output};

use accounts::Accounts;
use apis::Apis;
use artifacts::Artifacts;
use database::Database;
use image::Image;
use network::PrivateNetwork;
use scope::Scope;
use server::Server;

pub use settings::{Authentication, Availability, Backups, Instances, Size};

/// A tracking server to be declared. What is not set is as a small server for trying out has it.
#[derive(Debug, Clone)]
#[must_use = "nothing is declared before `declare`"]
pub struct MlflowServer {
    /// See [`MlflowServer::new`].
    pub name: String,
    /// See [`MlflowServer::image`].
    pub image: String,
    /// See [`MlflowServer::size`].
    pub size: Size,
    /// See [`MlflowServer::sql_tier`].
    pub sql_tier: Option<String>,
    /// See [`MlflowServer::availability`].
    pub availability: Availability,
    /// See [`MlflowServer::backups`].
    pub backups: Option<Backups>,
    /// See [`MlflowServer::protection`].
    pub protection: bool,
    /// See [`MlflowServer::instances`].
    pub instances: Instances,
    /// See [`MlflowServer::invokers`].
    pub invokers: Vec<String>,
    /// See [`MlflowServer::authentication`].
    pub authentication: Authentication,
    /// See [`MlflowServer::environment`].
    pub environment: BTreeMap<String, String>,
    /// See [`MlflowServer::bucket_location`].
    pub bucket_location: Option<String>,
}

impl MlflowServer {
    /// A server with this name, which is also the name of the Cloud Run service: up to 20 lower-case
    /// letters, digits and hyphens. Everything else that is declared has a name that begins with it.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: "mlflow/image".to_owned(),
            size: Size::Small,
            sql_tier: None,
            availability: Availability::Zonal,
            backups: None,
            protection: false,
            instances: Instances { minimum: 0, maximum: 2 },
            invokers: Vec::new(),
            authentication: Authentication::None,
            environment: BTreeMap::new(),
            bucket_location: None,
        }
    }

    /// The directory of the image's Dockerfile, beside the stack's file; `mlflow/image` when not set.
    pub fn image(mut self, directory: &str) -> Self {
        directory.clone_into(&mut self.image);
        self
    }

    /// How big the server and its database are.
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// The machine type of the database, e.g., `db-custom-2-7680`, instead of the one of the size.
    pub fn sql_tier(mut self, tier: &str) -> Self {
        self.sql_tier = Some(tier.to_owned());
        self
    }

    /// Whether the database survives the loss of a zone.
    pub fn availability(mut self, availability: Availability) -> Self {
        self.availability = availability;
        self
    }

    /// Backs the database up every night, and keeps its log, so that it can be restored to any second.
    pub fn backups(mut self, backups: Backups) -> Self {
        self.backups = Some(backups);
        self
    }

    /// Refuses to delete or replace what holds data, keeps old versions of artifacts, and turns Google's own
    /// protection of the database on.
    pub fn protection(mut self, protection: bool) -> Self {
        self.protection = protection;
        self
    }

    /// How many instances of the server there may be.
    pub fn instances(mut self, instances: Instances) -> Self {
        self.instances = instances;
        self
    }

    /// Who may send requests: `user:…`, `group:…`, `serviceAccount:…`, `domain:…` or `allUsers`. Nobody when
    /// not set.
    pub fn invokers(mut self, members: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.invokers = members.into_iter().map(Into::into).collect();
        self
    }

    /// Whether MLflow itself asks for a password, besides what Cloud Run asks for.
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets an environment variable of the server. It wins over the component's own of that name.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Where the artifacts are kept, e.g., `europe-west1` or `EU`; the region of the stack when not set.
    pub fn bucket_location(mut self, location: &str) -> Self {
        self.bucket_location = Some(location.to_owned());
        self
    }

    /// Declares everything.
    ///
    /// # Errors
    /// When the directory of the image cannot be packed, or a setting cannot be.
    pub fn declare(self) -> Result<Mlflow> {
        settings::check(&self)?;
        let scope = Scope::new(&self.name);
        let apis = Apis::declare(&scope);
        let accounts = Accounts::declare(&scope, &apis);
        let network = PrivateNetwork::declare(&scope, &apis);
        let artifacts = Artifacts::declare(&scope, &apis, &self, &accounts.runtime);
        let image = Image::declare(&scope, &apis, &self.image, &accounts.build)?;
        let database = Database::declare(&scope, &apis, &self, &network, &accounts.runtime);
        let server = Server::declare(
            &scope,
            &apis,
            &self,
            &server::Needs {
                network: &network,
                artifacts: &artifacts,
                image: &image,
                database: &database,
                runtime: &accounts.runtime,
            },
        );
        Ok(Mlflow {
            url: server.url,
            bucket: artifacts.bucket.name(),
            image: image.reference,
            image_digest: image.digest,
            sql_connection_name: database.instance.connection_name(),
            administrator_secret: server.administrator.map(|credential| credential.secret.name()),
        })
    }
}

/// A declared tracking server.
#[derive(Debug, Clone)]
pub struct Mlflow {
    /// Where it answers: what to set MLFLOW_TRACKING_URI to.
    pub url: Output,
    /// The name of the bucket with the artifacts.
    pub bucket: Output,
    /// The image, by its digest.
    pub image: String,
    /// The digest of the image.
    pub image_digest: Output,
    /// The connection name of the database, `PROJECT:REGION:INSTANCE`.
    pub sql_connection_name: Output,
    /// The secret with the administrator's password, where MLflow asks for one.
    pub administrator_secret: Option<Output>,
}

impl Mlflow {
    /// Makes all of it outputs of the stack: `url`, `bucket`, `image`, `image-digest`, `sql-connection-name`
    /// and, where there is one, `administrator-secret`.
    pub fn export(&self) {
        output("url", &self.url);
        output("bucket", &self.bucket);
        output("image", &self.image);
        output("image-digest", &self.image_digest);
        output("sql-connection-name", &self.sql_connection_name);
        if let Some(secret) = &self.administrator_secret {
            output("administrator-secret", secret);
        }
    }
}

#[cfg(test)]
mod tests;
