//! Downloads: whole objects and ranges, with the hashes that clients check.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, Response, StatusCode, header};

use super::objects::{check, conditions, generation};
use super::{existing, refused};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::data::objects::ByteRange;
use crate::server::call::{Answer, Call, Reply};

pub(super) async fn media(cloud: &Arc<Cloud>, call: &Call) -> Answer {
    let (bucket, name) = (call.variable("bucket"), call.variable("object"));
    existing(cloud, bucket)?;
    let range = call.header("range").map(parse_range).transpose()?.flatten();
    let reader = cloud.objects.read(bucket, name, generation(call)?, range).await.map_err(refused)?;
    let object = reader.object;
    check(&conditions(call)?, &object)?;
    let kind = object.attributes.content_type.as_deref().unwrap_or("application/octet-stream");
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, reader.length)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, format!("\"{}/{}\"", object.generation, object.metageneration))
        .header("x-goog-generation", object.generation)
        .header("x-goog-metageneration", object.metageneration)
        .header("x-goog-stored-content-length", object.size)
        .header(
            "x-goog-stored-content-encoding",
            object.attributes.content_encoding.as_deref().unwrap_or("identity"),
        )
        .header("x-goog-storage-class", object.attributes.storage_class.as_deref().unwrap_or("STANDARD"))
        .header("x-goog-hash", format!("crc32c={}", object.crc32c))
        .header("x-goog-hash", format!("md5={}", object.md5));
    let optional: [(HeaderName, &Option<String>); 4] = [
        (header::CONTENT_ENCODING, &object.attributes.content_encoding),
        (header::CONTENT_DISPOSITION, &object.attributes.content_disposition),
        (header::CONTENT_LANGUAGE, &object.attributes.content_language),
        (header::CACHE_CONTROL, &object.attributes.cache_control),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            response = response.header(name, value.as_str());
        }
    }
    if range.is_some() {
        let last = (reader.first + reader.length).saturating_sub(1);
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {}-{last}/{}", reader.first, object.size));
    }
    let response = response.body(Body::from_stream(reader.content)).map_err(ApiError::internal)?;
    Ok(Reply::Response(Box::new(response)))
}

/// `bytes=0-99`, `bytes=100-`, `bytes=-5`. Several ranges, or another unit, mean the whole object.
fn parse_range(header: &str) -> Result<Option<ByteRange>, ApiError> {
    let Some(range) = header.strip_prefix("bytes=").filter(|range| !range.contains(',')) else {
        return Ok(None);
    };
    let wrong = || ApiError::invalid(format!("Invalid range: '{header}'"));
    let (first, last) = range.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    Ok(Some(match (first.trim(), last.trim()) {
        ("", last) => ByteRange::Last(number(last)?),
        (first, "") => ByteRange::From(number(first)?, None),
        (first, last) => ByteRange::From(number(first)?, Some(number(last)?)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-99").unwrap(), Some(ByteRange::From(0, Some(99))));
        assert_eq!(parse_range("bytes=5-").unwrap(), Some(ByteRange::From(5, None)));
        assert_eq!(parse_range("bytes=-5").unwrap(), Some(ByteRange::Last(5)));
        assert_eq!(parse_range("bytes=0-1,3-4").unwrap(), None);
        assert_eq!(parse_range("bytes=x-").unwrap_err().code, 400);
    }
}
