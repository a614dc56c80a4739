//! Uploads: simple, multipart and resumable.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::objects::{attributes, conditions, describe};
use super::{existing, refused};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::text;
use crate::data::objects::{NewObject, Upload};
use crate::server::call::{Answer, Call, Reply};

/// Longest multipart upload, which is held in memory. Clients use it below 8 MiB.
const LONGEST_MULTIPART: usize = 256 * 1024 * 1024;

/// Longest description of an object.
const LONGEST_DESCRIPTION: usize = 1024 * 1024;

/// Answers a request to an upload path.
pub(super) async fn begin(cloud: &Arc<Cloud>, call: Call) -> Answer {
    let bucket = call.variable("bucket").to_owned();
    existing(cloud, &bucket)?;
    let content = call.take_content();
    match call.query("uploadType") {
        Some("media") => {
            let mut object = new_object(&call, Value::Null)?;
            object.attributes.content_type = call.header("content-type").map(str::to_owned);
            store(cloud, &call, &bucket, object, content.into_data_stream()).await
        }
        Some("multipart") => multipart(cloud, &call, &bucket, content).await,
        Some("resumable") => resumable(cloud, &call, &bucket, content).await,
        other => Err(ApiError::invalid(format!("Invalid uploadType: '{}'", other.unwrap_or_default()))),
    }
}

fn new_object(call: &Call, description: Value) -> Result<NewObject, ApiError> {
    let name = call
        .query("name")
        .or_else(|| text(&description, "name"))
        .ok_or_else(|| ApiError::invalid("Required parameter: name").reason("required"))?
        .to_owned();
    if name.len() > 1024 || name.contains(['\r', '\n']) || name == "." || name == ".." {
        return Err(ApiError::invalid(format!("Invalid object name: '{name}'")));
    }
    let mut attributes = attributes(&description);
    if attributes.content_type.is_none() {
        attributes.content_type = call.header("x-upload-content-type").map(str::to_owned);
    }
    Ok(NewObject {
        name,
        attributes,
        md5: text(&description, "md5Hash").map(str::to_owned),
        crc32c: text(&description, "crc32c").map(str::to_owned),
        conditions: conditions(call)?,
    })
}

async fn store<E: std::fmt::Display>(
    cloud: &Arc<Cloud>,
    call: &Call,
    bucket: &str,
    object: NewObject,
    content: impl futures::Stream<Item = Result<Bytes, E>> + Send,
) -> Answer {
    let object = cloud.objects.insert(bucket, object, content).await.map_err(refused)?;
    Ok(Reply::Json(describe(&object, &call.origin)))
}

fn parse_description(bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid(format!("Invalid JSON payload received. {error}")))
}

async fn multipart(cloud: &Arc<Cloud>, call: &Call, bucket: &str, content: Body) -> Answer {
    let boundary = call.header("content-type").and_then(boundary).ok_or_else(|| {
        ApiError::invalid("A multipart upload needs a Content-Type of multipart/related with a boundary.")
    })?;
    let content = axum::body::to_bytes(content, LONGEST_MULTIPART).await.map_err(|error| {
        ApiError::invalid(format!(
            "The multipart upload cannot be read or exceeds {LONGEST_MULTIPART} bytes: {error}"
        ))
    })?;
    let mut parts = parts(&content, &boundary).into_iter();
    let (Some((_, description)), Some((headers, media))) = (parts.next(), parts.next()) else {
        return Err(ApiError::invalid("A multipart upload must have two parts: description and content."));
    };
    let mut object = new_object(call, parse_description(&description)?)?;
    if object.attributes.content_type.is_none() {
        object.attributes.content_type = headers
            .lines()
            .find_map(|line| {
                line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            })
            .map(|(_, value)| value.trim().to_owned());
    }
    store(cloud, call, bucket, object, stream::iter([Ok::<_, std::convert::Infallible>(media)])).await
}

/// The boundary of a multipart content type, in single or double quotes or none.
fn boundary(content_type: &str) -> Option<String> {
    let (_, value) = content_type.split_once("boundary=")?;
    let value = value.trim();
    let quoted = value.strip_prefix(['"', '\'']);
    let boundary = match quoted {
        Some(rest) => rest.split(['"', '\'']).next()?,
        None => value.split(';').next()?.trim(),
    };
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// The parts as headers and content. Lines end with CRLF or LF.
fn parts(content: &Bytes, boundary: &str) -> Vec<(String, Bytes)> {
    let delimiter = format!("--{boundary}");
    let starts: Vec<usize> = find_all(content, delimiter.as_bytes());
    starts
        .windows(2)
        .filter_map(|pair| {
            let part = content.slice(pair[0] + delimiter.len()..pair[1]);
            let part = part.slice(line_break(&part)?..);
            let (head, body) = [&b"\r\n\r\n"[..], b"\n\n"]
                .into_iter()
                .filter_map(|gap| find_all(&part, gap).first().map(|at| (*at, at + gap.len())))
                .min()?;
            let end = part.len() - trailing_break(&part);
            Some((String::from_utf8_lossy(&part[..head]).into_owned(), part.slice(body.min(end)..end)))
        })
        .collect()
}

fn line_break(part: &[u8]) -> Option<usize> {
    part.iter().position(|byte| *byte == b'\n').map(|at| at + 1)
}

fn trailing_break(part: &[u8]) -> usize {
    if part.ends_with(b"\r\n") { 2 } else { usize::from(part.ends_with(b"\n")) }
}

/// Where `needle` stands in `content` at the beginning of a line or, for gaps, anywhere.
fn find_all(content: &[u8], needle: &[u8]) -> Vec<usize> {
    let at_line_start = needle.starts_with(b"--");
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = content[from..].windows(needle.len()).position(|window| window == needle) {
        let at = from + at;
        if !at_line_start || at == 0 || content[at - 1] == b'\n' {
            found.push(at);
        }
        from = at + needle.len();
    }
    found
}

async fn resumable(cloud: &Arc<Cloud>, call: &Call, bucket: &str, content: Body) -> Answer {
    let description = axum::body::to_bytes(content, LONGEST_DESCRIPTION).await.map_err(|error| {
        ApiError::invalid(format!("The description of the object cannot be read: {error}"))
    })?;
    let object = new_object(call, parse_description(&description)?)?;
    let session = cloud.objects.begin_upload(bucket, object).await.map_err(refused)?;
    let location =
        format!("{}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}", call.origin);
    let response = Response::builder()
        .header(header::LOCATION, location)
        .header("x-guploader-uploadid", session)
        .header(header::CONTENT_LENGTH, 0)
        .body(Body::empty())
        .map_err(ApiError::internal)?;
    Ok(Reply::Response(Box::new(response)))
}

/// Whether a request goes on with a resumable upload: only its address says so.
pub(crate) fn continues(method: &Method, path: &str, query: &[(String, String)]) -> bool {
    matches!(*method, Method::PUT | Method::DELETE | Method::POST)
        && path.contains("/upload/storage/v1/")
        && query.iter().any(|(name, value)| name == "upload_id" && !value.is_empty())
}

/// Takes the next chunk of a resumable upload, says how far it is, or cancels it.
pub(crate) async fn resume(
    cloud: &Arc<Cloud>,
    method: &Method,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: Body,
    origin: &str,
) -> Answer {
    let session = query.iter().find(|(name, _)| name == "upload_id").map_or("", |(_, value)| value.as_str());
    if *method == Method::DELETE {
        cloud.objects.cancel_upload(session).await.map_err(refused)?;
        let status = StatusCode::from_u16(499).map_err(ApiError::internal)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        return Ok(Reply::Response(Box::new(response)));
    }
    let bucket = cloud.objects.upload_bucket(session).await.map_err(refused)?;
    existing(cloud, &bucket)?;
    let range = headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let stream = body.into_data_stream().map(|piece| piece.map_err(|error| error.to_string()));
    let state = match parse_content_range(range)? {
        Chunk::Query => cloud.objects.upload(session).await,
        Chunk::Bytes { first, total } => cloud.objects.append(session, first, total, stream).await,
        // Without a range the body is the whole content; its end is only known when it is there.
        Chunk::Whole => {
            let length =
                headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            match length {
                Some(length) => cloud.objects.append(session, 0, Some(length), stream).await,
                None => {
                    return Err(
                        ApiError::invalid("A Content-Length or Content-Range header is needed.").code(411)
                    );
                }
            }
        }
    }
    .map_err(refused)?;
    match state {
        Upload::Complete(object) => Ok(Reply::Json(describe(&object, origin))),
        Upload::Incomplete { received } => {
            let mut response =
                Response::builder().status(StatusCode::PERMANENT_REDIRECT).header(header::CONTENT_LENGTH, 0);
            if received > 0 {
                response = response.header(header::RANGE, format!("bytes=0-{}", received - 1));
            }
            Ok(Reply::Response(Box::new(response.body(Body::empty()).map_err(ApiError::internal)?)))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Chunk {
    /// `bytes */…`: how far is it?
    Query,
    /// Bytes from an offset, of a total that may be unknown yet.
    Bytes { first: u64, total: Option<u64> },
    /// No range: everything.
    Whole,
}

fn parse_content_range(range: Option<&str>) -> Result<Chunk, ApiError> {
    let Some(range) = range else { return Ok(Chunk::Whole) };
    let wrong = || ApiError::invalid(format!("Invalid Content-Range: '{range}'"));
    let (span, total) =
        range.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    let total = match total {
        "*" => None,
        number => Some(number.parse::<u64>().map_err(|_| wrong())?),
    };
    match span.split_once('-') {
        // An empty object is finished with `bytes */0`.
        None if span == "*" && total == Some(0) => Ok(Chunk::Bytes { first: 0, total }),
        None if span == "*" => Ok(Chunk::Query),
        Some((first, _)) => Ok(Chunk::Bytes { first: first.parse().map_err(|_| wrong())?, total }),
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_with_any_quotes() {
        for given in [
            "multipart/related; boundary=ab",
            "multipart/related; boundary=\"ab\"",
            "multipart/related; boundary='ab'; x=y",
        ] {
            assert_eq!(boundary(given).as_deref(), Some("ab"), "{given}");
        }
        assert_eq!(boundary("multipart/related"), None);
    }

    #[test]
    fn parts_with_either_line_end_and_binary_content() {
        for end in ["\r\n", "\n"] {
            let text = ["--b", "A: 1", "", "{}", "--b", "B: 2", "", "x\r\n\n--notb", "--b--", ""].join(end);
            let parts = parts(&Bytes::from(text), "b");
            assert_eq!(parts.len(), 2);
            assert_eq!(parts[0].1, "{}");
            assert_eq!(parts[1], ("B: 2".to_owned(), Bytes::from("x\r\n\n--notb")));
        }
    }

    #[test]
    fn content_ranges() {
        let parse = |range| parse_content_range(Some(range)).unwrap();
        assert_eq!(parse("bytes 0-9/10"), Chunk::Bytes { first: 0, total: Some(10) });
        assert_eq!(parse("bytes 5-9/*"), Chunk::Bytes { first: 5, total: None });
        assert_eq!(parse("bytes */10"), Chunk::Query);
        assert_eq!(parse("bytes */*"), Chunk::Query);
        assert_eq!(parse("bytes */0"), Chunk::Bytes { first: 0, total: Some(0) });
        assert_eq!(parse_content_range(None).unwrap(), Chunk::Whole);
        assert!(parse_content_range(Some("bytes x")).is_err());
    }
}
