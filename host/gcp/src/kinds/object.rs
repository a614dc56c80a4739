//! Objects with content: uploaded in one request when small, in a resumable session when large, and checked.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use mlflow_host_graph::{PropertyPath, Value};
use serde_json::Value as Json;

use super::Driver;
use crate::calls;
use crate::client::{Body, Call};
use crate::error::CallError;
use crate::tree::json_text;
use crate::work::{Sent, Work};

/// Up to this many bytes travel in one request.
const SMALL: usize = 8 * 1024 * 1024;
/// Size of a chunk of a resumable upload: a multiple of 256 KiB.
const CHUNK: usize = 8 * 1024 * 1024;
/// How often a session goes on after a lost chunk.
const RESUMPTIONS: u32 = 5;

pub(super) struct Object;

#[async_trait]
impl Driver for Object {
    async fn create(&self, work: &Work<'_>) -> Result<Sent, CallError> {
        upload(work).await
    }

    async fn update(
        &self,
        work: &Work<'_>,
        changed: &[PropertyPath],
        step: usize,
    ) -> Result<Sent, CallError> {
        // A new upload replaces the metadata as well.
        if changed.iter().any(|path| path.is_under_pattern(property(work))) {
            return upload(work).await;
        }
        work.update(changed, step).await
    }

    /// An object of the same name may be an older one: only the content tells.
    async fn find(
        &self,
        work: &Work<'_>,
        _baseline: Option<Timestamp>,
    ) -> Result<Option<(String, Json)>, CallError> {
        let Some(identity) = work.known_identity() else { return Ok(None) };
        let expected = STANDARD.encode(Md5::digest(content(work, property(work))?));
        let found = self.read(work, Some(identity)).await?;
        let found = found.filter(|object| json_text(object, "md5Hash") == expected);
        Ok(found.map(|object| (identity.to_owned(), object)))
    }
}

fn property<'a>(work: &Work<'a>) -> &'a str {
    work.kind.content.as_deref().unwrap_or("content")
}

async fn upload(work: &Work<'_>) -> Result<Sent, CallError> {
    let property = property(work);
    let content = content(work, property)?;
    let md5 = STANDARD.encode(Md5::digest(&content));
    let crc32c = STANDARD.encode(crc32c::crc32c(&content).to_be_bytes());

    let mut metadata = calls::fields(work.kind, work.inputs())?;
    metadata.insert(
        "name".to_owned(),
        Json::String(work.variables(None).await?.id().unwrap_or_default().to_owned()),
    );
    metadata.insert("md5Hash".to_owned(), Json::String(md5.clone()));
    metadata.insert("crc32c".to_owned(), Json::String(crc32c.clone()));
    let content_type = match metadata.get("contentType").and_then(Json::as_str) {
        Some(given) => given.to_owned(),
        None if matches!(work.inputs().get(property).map(Value::reveal), Some(Value::Asset(_))) => {
            "application/gzip".to_owned()
        }
        None => "text/plain; charset=utf-8".to_owned(),
    };
    let metadata = Json::Object(metadata);
    let body = if content.len() <= SMALL {
        multipart(work, &metadata, &content_type, &content).await?
    } else {
        resumable(work, &metadata, &content_type, &content).await?
    };
    for (field, expected) in [("md5Hash", &md5), ("crc32c", &crc32c)] {
        let stored = json_text(&body, field);
        if !stored.is_empty() && stored != expected {
            let what = format!("the stored object has the {field} {stored} instead of {expected}");
            return Err(CallError::unexpected(&work.kind.service, what));
        }
    }
    Ok(Sent::Resource { body, identity: None })
}

fn content(work: &Work<'_>, property: &str) -> Result<Vec<u8>, CallError> {
    match work.inputs().get(property).map(Value::reveal) {
        Some(Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(Value::Asset(digest)) => match work.session.config.assets.bytes(digest) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(CallError::Invalid(format!(
                "the files {digest} of `{}` are not at hand: they belong to an earlier version of the stack",
                work.target.urn
            ))),
        },
        _ => Err(CallError::Invalid(format!(
            "the `{property}` of `{}` must be an asset or text",
            work.target.urn
        ))),
    }
}

async fn start(work: &Work<'_>, upload_type: &str) -> Result<Call, CallError> {
    let variables = work.variables(None).await?;
    let path = variables
        .expand_path("upload/storage/v1/b/{bucket}/o")
        .map_err(|error| CallError::Invalid(error.to_string()))?;
    let name = variables.id().unwrap_or_default();
    // The same content under the same name: a second upload changes nothing.
    Ok(Call::new(&work.kind.service, "POST", path)
        .query("uploadType", upload_type)
        .query("name", name)
        .repeatable())
}

async fn multipart(
    work: &Work<'_>,
    metadata: &Json,
    content_type: &str,
    content: &[u8],
) -> Result<Json, CallError> {
    let boundary = format!("mlflow-host-{}", work.request.id);
    let mut bytes = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n--{boundary}\r\nContent-Type: {content_type}\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut call = start(work, "multipart").await?;
    call.body = Body::Media {
        content_type: format!("multipart/related; boundary=\"{boundary}\""),
        headers: Vec::new(),
        bytes,
    };
    work.session.client.json(&call).await
}

async fn resumable(
    work: &Work<'_>,
    metadata: &Json,
    content_type: &str,
    content: &[u8],
) -> Result<Json, CallError> {
    let client = &work.session.client;
    let mut call = start(work, "resumable").await?;
    call.body = Body::Media {
        content_type: "application/json; charset=UTF-8".to_owned(),
        headers: vec![
            ("x-upload-content-type", content_type.to_owned()),
            ("x-upload-content-length", content.len().to_string()),
        ],
        bytes: metadata.to_string().into_bytes(),
    };
    let session = client
        .send(&call)
        .await?
        .location
        .ok_or_else(|| CallError::unexpected(&work.kind.service, "an upload session has no address"))?;
    let total = content.len();
    let (mut sent, mut lost) = (0, 0);
    loop {
        let end = (sent + CHUNK).min(total);
        let answer =
            put(work, &session, format!("bytes {sent}-{}/{total}", end - 1), &content[sent..end]).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_ambiguous() && lost < RESUMPTIONS => {
                lost += 1;
                tokio::time::sleep(std::time::Duration::from_millis(500 << lost)).await;
                put(work, &session, format!("bytes */{total}"), &[]).await?
            }
            Err(error) => return Err(error),
        };
        if answer.status != 308 {
            return serde_json::from_slice(&answer.body).map_err(|error| {
                CallError::unexpected(&work.kind.service, format!("its answer is not JSON ({error})"))
            });
        }
        // `Range: bytes=0-N` says what has arrived; without it nothing has.
        sent = answer.range_end.map_or(0, |last| last + 1);
    }
}

async fn put(
    work: &Work<'_>,
    session: &str,
    range: String,
    bytes: &[u8],
) -> Result<crate::transport::Incoming, CallError> {
    let mut call = Call::new(&work.kind.service, "PUT", "");
    call.body = Body::Media {
        content_type: "application/octet-stream".to_owned(),
        headers: vec![("content-range", range)],
        bytes: bytes.to_vec(),
    };
    work.session.client.send_to(&call, session).await
}
