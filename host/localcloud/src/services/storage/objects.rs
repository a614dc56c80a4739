//! Objects: descriptions, listings, copies.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{existing, refused};
use crate::cloud::Cloud;
use crate::common::clock;
use crate::common::error::ApiError;
use crate::common::json::text;
use crate::data::objects::{Attributes, Conditions, ListQuery, Object};
use crate::server::call::{Answer, Call, Reply};

pub(super) async fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    if matches!(action, "copy" | "rewrite") {
        return copy(cloud, call, action == "rewrite").await;
    }
    let (bucket, name) = (call.variable("bucket"), call.variable("object"));
    existing(cloud, bucket)?;
    match action {
        "list" => list(cloud, call, bucket),
        "get" => {
            let object = cloud.objects.get(bucket, name, generation(call)?).map_err(refused)?;
            check(&conditions(call)?, &object)?;
            Ok(Reply::Json(describe(&object, &call.origin)))
        }
        "patch" | "update" => {
            let body = call.body.clone();
            let object = cloud
                .objects
                .patch(bucket, name, conditions(call)?, move |present| change(present, &body))
                .await
                .map_err(refused)?;
            Ok(Reply::Json(describe(&object, &call.origin)))
        }
        "delete" => {
            cloud
                .objects
                .delete(bucket, name, generation(call)?, conditions(call)?)
                .await
                .map_err(refused)?;
            Ok(Reply::Empty)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn number(call: &Call, name: &str) -> Result<Option<i64>, ApiError> {
    call.query(name)
        .map(|text| {
            text.parse().map_err(|_| ApiError::invalid(format!("Invalid value for {name}: '{text}'")))
        })
        .transpose()
}

pub(super) fn generation(call: &Call) -> Result<Option<i64>, ApiError> {
    number(call, "generation")
}

/// The `if…Match` parameters of a call.
pub(super) fn conditions(call: &Call) -> Result<Conditions, ApiError> {
    Ok(Conditions {
        generation_match: number(call, "ifGenerationMatch")?,
        generation_not_match: number(call, "ifGenerationNotMatch")?,
        metageneration_match: number(call, "ifMetagenerationMatch")?,
        metageneration_not_match: number(call, "ifMetagenerationNotMatch")?,
    })
}

/// For reads: 412 when a match fails, 304 when a not-match does.
pub(super) fn check(conditions: &Conditions, object: &Object) -> Result<(), ApiError> {
    let failed = conditions.generation_match.is_some_and(|wanted| wanted != object.generation)
        || conditions.metageneration_match.is_some_and(|wanted| wanted != object.metageneration);
    let unchanged = conditions.generation_not_match == Some(object.generation)
        || conditions.metageneration_not_match == Some(object.metageneration);
    let error = ApiError::condition_not_met("At least one of the pre-conditions you specified did not hold.");
    match (failed, unchanged) {
        (true, _) => Err(error),
        (_, true) => Err(error.code(304)),
        _ => Ok(()),
    }
}

/// What a client says about an object, from its JSON description.
pub(super) fn attributes(body: &Value) -> Attributes {
    let mut attributes = Attributes::default();
    change(&mut attributes, body);
    attributes
}

fn change(attributes: &mut Attributes, body: &Value) {
    let fields: [(&str, &mut Option<String>); 7] = [
        ("contentType", &mut attributes.content_type),
        ("contentEncoding", &mut attributes.content_encoding),
        ("contentDisposition", &mut attributes.content_disposition),
        ("contentLanguage", &mut attributes.content_language),
        ("cacheControl", &mut attributes.cache_control),
        ("customTime", &mut attributes.custom_time),
        ("storageClass", &mut attributes.storage_class),
    ];
    for (key, field) in fields {
        if let Some(value) = body.get(key) {
            *field = value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        }
    }
    match body.get("metadata") {
        Some(Value::Object(metadata)) => {
            for (key, value) in metadata {
                match value.as_str() {
                    Some(text) => drop(attributes.metadata.insert(key.clone(), text.to_owned())),
                    None => drop(attributes.metadata.remove(key)),
                }
            }
        }
        Some(_) => attributes.metadata.clear(),
        None => {}
    }
}

/// An object as the API shows it. `mediaLink` must be reachable, so it begins with `origin`.
pub(super) fn describe(object: &Object, origin: &str) -> Value {
    let encoded = percent_encoding::utf8_percent_encode(&object.name, percent_encoding::NON_ALPHANUMERIC);
    let (bucket, generation) = (&object.bucket, object.generation);
    let mut body = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{}/{generation}", object.name),
        "selfLink": format!("https://www.googleapis.com/storage/v1/b/{bucket}/o/{encoded}"),
        "mediaLink": format!("{origin}/download/storage/v1/b/{bucket}/o/{encoded}?generation={generation}&alt=media"),
        "name": object.name,
        "bucket": bucket,
        "generation": generation.to_string(),
        "metageneration": object.metageneration.to_string(),
        "contentType": object.attributes.content_type.as_deref().unwrap_or("application/octet-stream"),
        "storageClass": object.attributes.storage_class.as_deref().unwrap_or("STANDARD"),
        "size": object.size.to_string(),
        "md5Hash": object.md5,
        "crc32c": object.crc32c,
        "etag": format!("{generation}/{}", object.metageneration),
        "timeCreated": clock::millis(object.created),
        "updated": clock::millis(object.updated),
        "timeStorageClassUpdated": clock::millis(object.created),
        "timeFinalized": clock::millis(object.created),
    });
    let optional = [
        ("contentEncoding", &object.attributes.content_encoding),
        ("contentDisposition", &object.attributes.content_disposition),
        ("contentLanguage", &object.attributes.content_language),
        ("cacheControl", &object.attributes.cache_control),
        ("customTime", &object.attributes.custom_time),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            body[key] = value.as_str().into();
        }
    }
    if !object.attributes.metadata.is_empty() {
        body["metadata"] = json!(object.attributes.metadata);
    }
    body
}

fn list(cloud: &Cloud, call: &Call, bucket: &str) -> Answer {
    let text = |name: &str| call.query(name).map(str::to_owned);
    let query = ListQuery {
        prefix: text("prefix").unwrap_or_default(),
        delimiter: text("delimiter"),
        page_token: text("pageToken"),
        max_results: number(call, "maxResults")?.and_then(|count| usize::try_from(count).ok()),
        start_offset: text("startOffset"),
        end_offset: text("endOffset"),
        include_trailing_delimiter: call.query("includeTrailingDelimiter") == Some("true"),
    };
    let page = cloud.objects.list(bucket, &query).map_err(refused)?;
    let mut body = json!({"kind": "storage#objects"});
    if !page.items.is_empty() {
        body["items"] =
            page.items.iter().map(|object| describe(object, &call.origin)).collect::<Vec<_>>().into();
    }
    if !page.prefixes.is_empty() {
        body["prefixes"] = page.prefixes.into();
    }
    if let Some(token) = page.next_page_token {
        body["nextPageToken"] = token.into();
    }
    Ok(Reply::Json(body))
}

async fn copy(cloud: &Arc<Cloud>, call: &Call, rewrite: bool) -> Answer {
    let source = (call.variable("sourceBucket"), call.variable("sourceObject"));
    let target = (call.variable("destinationBucket"), call.variable("destinationObject"));
    existing(cloud, source.0)?;
    existing(cloud, target.0)?;
    let given = call.body.as_object().is_some_and(|body| !body.is_empty());
    let attributes = given.then(|| attributes(&call.body));
    let object = cloud.objects.copy(source, target, attributes, conditions(call)?).await.map_err(refused)?;
    let body = describe(&object, &call.origin);
    if !rewrite {
        return Ok(Reply::Json(body));
    }
    let size = text(&body, "size").unwrap_or_default().to_owned();
    Ok(Reply::Json(json!({
        "kind": "storage#rewriteResponse", "done": true, "objectSize": size, "totalBytesRewritten": size,
        "resource": body,
    })))
}
