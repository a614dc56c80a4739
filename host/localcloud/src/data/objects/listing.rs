//! Listing a bucket: prefix, delimiter, pages.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{ListQuery, Object, ObjectError, Page};

/// Entries per page unless asked otherwise, and at most.
const PAGE_SIZE: usize = 1000;

/// One page of `objects`, which are in order of their names' bytes, as Cloud Storage lists them.
///
/// A token names the last entry of its page: pages stay right while objects come and go.
pub(super) fn list(objects: &BTreeMap<String, Object>, query: &ListQuery) -> Result<Page, ObjectError> {
    let size = query.max_results.unwrap_or(PAGE_SIZE).clamp(1, PAGE_SIZE);
    let last_entry = query.page_token.as_deref().map(decode).transpose()?;
    let delimiter = query.delimiter.as_deref().filter(|text| !text.is_empty());
    let begin = query.prefix.as_str().max(query.start_offset.as_deref().unwrap_or(""));

    let mut page = Page::default();
    let mut last: Option<String> = None;
    let range = (Bound::Included(begin), Bound::Unbounded);
    for (name, object) in objects.range::<str, _>(range) {
        let Some(rest) = name.strip_prefix(&query.prefix) else {
            break;
        };
        if query.end_offset.as_deref().is_some_and(|end| !end.is_empty() && name.as_str() >= end) {
            break;
        }
        let folded = delimiter.and_then(|delimiter| {
            let end = rest.find(delimiter)? + delimiter.len();
            Some(&name[..query.prefix.len() + end])
        });
        let is_trailing = query.include_trailing_delimiter && folded == Some(name.as_str());
        let entry = folded.unwrap_or(name);
        if last_entry.as_deref().is_some_and(|done| entry <= done) {
            continue;
        }
        let is_new_entry = last.as_deref() != Some(entry);
        if is_new_entry && page.items.len() + page.prefixes.len() >= size {
            page.next_page_token = last.as_deref().map(encode);
            return Ok(page);
        }
        if is_new_entry && folded.is_some() {
            page.prefixes.push(entry.to_owned());
        }
        if folded.is_none() || is_trailing {
            page.items.push(object.clone());
        }
        last = Some(entry.to_owned());
    }
    Ok(page)
}

fn encode(entry: &str) -> String {
    URL_SAFE_NO_PAD.encode(entry)
}

fn decode(token: &str) -> Result<String, ObjectError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| ObjectError::PageToken(token.to_owned()))
}
