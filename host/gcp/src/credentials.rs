//! Access tokens, from wherever there are some.
//!
//! `gcp_auth` knows keys, a user's login, metadata servers, and gcloud. Files of other sorts, such as those for workload
//! identity federation and impersonation, are read by `google-cloud-auth`; what neither knows is for gcloud
//! (docs/decisions/0014).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_auth::credentials::{AccessTokenCredentials, external_account, impersonated, user_account};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use crate::config::Credentials;

/// The one scope that covers every API used here.
const SCOPES: &[&str] = &["https://www.googleapis.com/auth/cloud-platform"];

/// No token could be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no access token for Google Cloud: {0}")]
pub struct CredentialError(pub String);

/// Where access tokens come from.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that is valid for at least a moment; `None` where requests carry none.
    ///
    /// # Errors
    /// When there are no credentials, or their server refuses.
    async fn token(&self) -> Result<Option<String>, CredentialError>;
}

/// A token that never changes. [`LocalToken::NONE`] is what the local cloud wants.
#[derive(Debug, Clone)]
pub struct LocalToken(pub Option<&'static str>);

impl LocalToken {
    /// Requests without a token.
    pub const NONE: Self = Self(None);
}

#[async_trait]
impl TokenSource for LocalToken {
    async fn token(&self) -> Result<Option<String>, CredentialError> {
        Ok(self.0.map(str::to_owned))
    }
}

/// The variable that names a file of credentials.
const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Where `gcloud auth application-default login` leaves one, below the home directory.
const LOGIN: &str = ".config/gcloud/application_default_credentials.json";

/// What the environment offers, in the order of Google's libraries: `GOOGLE_APPLICATION_CREDENTIALS`, application default
/// credentials, the metadata server; then gcloud. Tokens are cached and renewed by whoever gives them.
#[derive(Default)]
struct EnvironmentTokens {
    source: OnceCell<Arc<dyn TokenSource>>,
}

#[async_trait]
impl TokenSource for EnvironmentTokens {
    async fn token(&self) -> Result<Option<String>, CredentialError> {
        self.source.get_or_try_init(found).await?.token().await
    }
}

/// Credentials that `gcp_auth` knows.
struct Known(Arc<dyn gcp_auth::TokenProvider>);

#[async_trait]
impl TokenSource for Known {
    async fn token(&self) -> Result<Option<String>, CredentialError> {
        let token = self.0.token(SCOPES).await.map_err(|error| said(&error))?;
        Ok(Some(token.as_str().to_owned()))
    }
}

/// Credentials that are exchanged for a token by a server that their file names.
struct Exchanged(AccessTokenCredentials);

#[async_trait]
impl TokenSource for Exchanged {
    async fn token(&self) -> Result<Option<String>, CredentialError> {
        let token = self.0.access_token().await.map_err(|error| said(&error))?;
        Ok(Some(token.token))
    }
}

/// An error with its causes, each of them once.
fn said(error: &dyn std::error::Error) -> CredentialError {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.map(ToString::to_string).fold(error.to_string(), |text, cause| {
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    });
    CredentialError(text)
}

async fn found() -> Result<Arc<dyn TokenSource>, CredentialError> {
    // What the variable names is a key, what a login leaves a user: gcp_auth reads both.
    let (file, known) = match std::env::var_os(FILE) {
        Some(file) => (Some(PathBuf::from(file)), "service_account"),
        None => (std::env::home_dir().map(|home| home.join(LOGIN)), "authorized_user"),
    };
    match file.and_then(|file| foreign_credentials(&file, known).map(|content| (file, content))) {
        None => Ok(Arc::new(Known(gcp_auth::provider().await.map_err(|error| said(&error))?))),
        Some((file, content)) => match exchanged(&file, &content)? {
            Some(exchanged) => Ok(Arc::new(exchanged)),
            None => of_gcloud(&file, &content).await,
        },
    }
}

/// What a file of credentials says, unless it is of the type that gcp_auth reads there. What cannot be read is for
/// gcp_auth to complain about.
fn foreign_credentials(file: &Path, known: &str) -> Option<Json> {
    let content: Json = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (content.get("type")?.as_str()? != known).then_some(content)
}

/// Credentials of a type that `google-cloud-auth` reads; `None` for those of another.
fn exchanged(file: &Path, content: &Json) -> Result<Option<Exchanged>, CredentialError> {
    let sort = content["type"].as_str().unwrap_or_default();
    let content = content.clone();
    let scopes = SCOPES.iter().copied();
    let built = match sort {
        "external_account" => {
            external_account::Builder::new(content).with_scopes(scopes).build_access_token_credentials()
        }
        "impersonated_service_account" => {
            impersonated::Builder::new(content).with_scopes(scopes).build_access_token_credentials()
        }
        "authorized_user" => {
            user_account::Builder::new(content).with_scopes(scopes).build_access_token_credentials()
        }
        _ => return Ok(None),
    };
    match built {
        Ok(credentials) => Ok(Some(Exchanged(credentials))),
        Err(error) => {
            let CredentialError(why) = said(&error);
            Err(CredentialError(format!("{} holds no usable credentials: {why}", file.display())))
        }
    }
}

async fn of_gcloud(file: &Path, content: &Json) -> Result<Arc<dyn TokenSource>, CredentialError> {
    match gcp_auth::GCloudAuthorizedUser::new().await {
        Ok(gcloud) => Ok(Arc::new(Known(Arc::new(gcloud)))),
        Err(error) => Err(CredentialError(format!(
            "{} holds credentials of the type {}, for which gcloud has to be installed and logged in (`gcloud auth login \
             --cred-file=FILE`): {error}",
            file.display(),
            content["type"]
        ))),
    }
}

/// The source that a configuration names.
pub(crate) fn source(credentials: &Credentials) -> Arc<dyn TokenSource> {
    match credentials {
        Credentials::None => Arc::new(LocalToken::NONE),
        Credentials::Environment => Arc::new(EnvironmentTokens::default()),
        Credentials::Source(source) => source.clone(),
    }
}

#[cfg(test)]
mod tests;
