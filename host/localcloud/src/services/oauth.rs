//! Google's authorisation server, for clients that trade the credentials of `cloud env --libraries` for an access token.

use axum::body::{Body, to_bytes};
use axum::http::Method;
use serde_json::json;

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::server::call::{Answer, Reply};
use crate::server::target::Target;

/// More than any request for a token has, in bytes.
const LARGEST: usize = 64 << 10;

/// Whether a request asks for a token.
pub(crate) fn is_for_token(method: &Method, target: &Target) -> bool {
    method == Method::POST && target.host == "oauth2.googleapis.com" && target.path == "/token"
}

/// An access token for the owner, whose refresh token is the one that this local cloud has made up.
pub(crate) async fn token(cloud: &Cloud, body: Body) -> Answer {
    let body = to_bytes(body, LARGEST).await.map_err(|error| ApiError::invalid(error.to_string()))?;
    let is_owner = url::form_urlencoded::parse(&body)
        .any(|(name, value)| name == "refresh_token" && value == cloud.token.as_str());
    if !is_owner {
        return Err(ApiError::invalid(
            "invalid_grant: this is no refresh token of the local cloud. Run `mlflow-host cloud env --libraries` again.",
        ));
    }
    Ok(Reply::Json(json!({
        "access_token": cloud.token, "expires_in": 3599, "token_type": "Bearer",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    })))
}
