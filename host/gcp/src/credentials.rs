//! Access tokens, from wherever there are some.
//!
//! Workload identity federation and impersonation of service accounts are left for later: `gcp_auth` knows
//! neither. Until then a [`TokenSource`] of the host's own can stand in.

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

/// What the environment offers, in gcp_auth's order: `GOOGLE_APPLICATION_CREDENTIALS`, application
/// default credentials, the metadata server, gcloud. Tokens are cached and renewed by gcp_auth.
#[derive(Default)]
struct EnvironmentTokens {
    provider: OnceCell<Arc<dyn gcp_auth::TokenProvider>>,
}

#[async_trait]
impl TokenSource for EnvironmentTokens {
    async fn token(&self) -> Result<Option<String>, CredentialError> {
        let said = |error: gcp_auth::Error| CredentialError(error.to_string());
        let provider = self.provider.get_or_try_init(gcp_auth::provider).await.map_err(said)?;
        let token = provider.token(SCOPES).await.map_err(said)?;
        Ok(Some(token.as_str().to_owned()))
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
