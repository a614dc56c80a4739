//! Access tokens, from wherever there are some.
//!
//! `gcp_auth` knows keys, a user's login, metadata servers, and gcloud. Other sorts of credentials, such as
//! workload identity federation and impersonation, are for gcloud, which knows them all.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
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

/// What the environment offers, in gcp_auth's order: `GOOGLE_APPLICATION_CREDENTIALS`, application
/// default credentials, the metadata server, gcloud. Tokens are cached and renewed by gcp_auth.
#[derive(Default)]
struct EnvironmentTokens {
    provider: OnceCell<Arc<dyn gcp_auth::TokenProvider>>,
}

#[async_trait]
impl TokenSource for EnvironmentTokens {
    async fn token(&self) -> Result<Option<String>, CredentialError> {
        let provider = self.provider.get_or_try_init(provider).await?;
        let token = provider.token(SCOPES).await.map_err(said)?;
        Ok(Some(token.as_str().to_owned()))
    }
}

fn said(error: gcp_auth::Error) -> CredentialError {
    CredentialError(error.to_string())
}

async fn provider() -> Result<Arc<dyn gcp_auth::TokenProvider>, CredentialError> {
    let foreign = std::env::var_os(FILE).and_then(|file| foreign_credentials(Path::new(&file)));
    let Some(sort) = foreign else { return gcp_auth::provider().await.map_err(said) };
    match gcp_auth::GCloudAuthorizedUser::new().await {
        Ok(gcloud) => Ok(Arc::new(gcloud)),
        Err(error) => Err(CredentialError(format!(
            "the file in {FILE} holds credentials of the type `{sort}`, for which gcloud has to be installed and \
             logged in (`gcloud auth login --cred-file=FILE`): {error}"
        ))),
    }
}

/// The type of the credentials in a file, unless it is one that gcp_auth reads. What cannot be read is for
/// gcp_auth to complain about.
fn foreign_credentials(file: &Path) -> Option<String> {
    let content: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let sort = content.get("type")?.as_str()?;
    (sort != "service_account").then(|| sort.to_owned())
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
mod tests {
    use super::*;

    #[test]
    fn only_keys_are_for_gcp_auth() {
        let directory = tempfile::tempdir().unwrap();
        let sort = |content: &str| {
            let file = directory.path().join("credentials.json");
            std::fs::write(&file, content).unwrap();
            foreign_credentials(&file)
        };
        assert_eq!(sort(r#"{"type": "external_account"}"#).as_deref(), Some("external_account"));
        assert_eq!(
            sort(r#"{"type": "impersonated_service_account"}"#).as_deref(),
            Some("impersonated_service_account")
        );
        assert_eq!(sort(r#"{"type": "service_account"}"#), None);
        assert_eq!(sort("{}"), None);
        assert_eq!(sort("nothing"), None);
        assert_eq!(foreign_credentials(Path::new("missing")), None);
    }
}
