//! Cloud Storage JSON API v1: buckets, their policies, objects, uploads and downloads.

use std::sync::Arc;

use mlflow_host_gcp_api::description::Channel;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::data::objects::ObjectError;
use crate::server::call::{Answer, Call};

pub(crate) mod buckets;
pub(crate) mod downloads;
pub(crate) mod objects;
pub(crate) mod uploads;

pub(crate) async fn call(cloud: &Arc<Cloud>, call: Call) -> Answer {
    let (collection, action) = call.action().split_once('.').unwrap_or_default();
    match (collection, action) {
        ("buckets", action) => buckets::call(cloud, &call, action).await,
        ("objects", "insert") if call.channel == Channel::Upload => uploads::begin(cloud, call).await,
        ("objects", "get") if call.channel == Channel::Download || call.query("alt") == Some("media") => {
            downloads::media(cloud, &call).await
        }
        ("objects", action) => objects::call(cloud, &call, action).await,
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// The bucket `name`, which must exist.
fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.buckets.get(name).ok_or_else(|| ApiError::not_found("The specified bucket does not exist."))
}

/// Errors of the data plane in Google's words.
fn refused(error: ObjectError) -> ApiError {
    let message = error.to_string();
    match error {
        ObjectError::NotFound { .. } => ApiError::not_found(message),
        ObjectError::ConditionFailed => ApiError::condition_not_met(message),
        ObjectError::Range { .. } => {
            ApiError::invalid(message).code(416).reason("requestedRangeNotSatisfiable")
        }
        ObjectError::NoSession(_) => ApiError::not_found(message),
        ObjectError::Hash { .. }
        | ObjectError::Gap { .. }
        | ObjectError::Length { .. }
        | ObjectError::PageToken(_)
        | ObjectError::Stream(_) => ApiError::invalid(message),
        #[allow(unreachable_patterns)]
        _ => ApiError::internal(message),
    }
}
