//! Documents with secrets in them: sealed on their way out, opened and given their type on their way in.

use mlflow_host_engine::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::seal::{self, Key};

/// A document as text on one line, with its secrets sealed.
pub(crate) fn seal<T: Serialize>(key: &Key, document: &T) -> Result<String, StoreError> {
    let unwritable = |error: serde_json::Error| StoreError::Io {
        action: "write",
        place: "the state".to_owned(),
        source: error.into(),
    };
    let json: Json = serde_json::to_value(document).map_err(unwritable)?;
    let sealed = seal::seal(key, json)
        .ok_or_else(|| StoreError::Key("a value is too large to be sealed".to_owned()))?;
    serde_json::to_string(&sealed).map_err(unwritable)
}

/// Opens the secrets of a document and gives it its type. `damaged` makes an error of a clause.
pub(crate) fn open<T: DeserializeOwned>(
    keys: &[Key],
    json: Json,
    damaged: impl Fn(String) -> StoreError,
) -> Result<T, StoreError> {
    let opened = seal::open(keys, json).map_err(|error| match error {
        seal::OpenError::NoKey => StoreError::Key(
            "keys.json is missing, and without it they are lost; put it back from your copy".to_owned(),
        ),
        other => damaged(other.to_string()),
    })?;
    // The cause may quote a value: only its place is passed on.
    serde_json::from_value(opened).map_err(|error| {
        damaged(format!("this version of mlflow-host does not understand it ({:?} error)", error.classify()))
    })
}

/// Refuses a newer format before anything else of the document is looked at.
pub(crate) fn check_format(place: &str, json: &Json) -> Result<(), StoreError> {
    let supported = mlflow_host_engine::FORMAT;
    match json.get("format").and_then(Json::as_u64).map(|format| u32::try_from(format).unwrap_or(u32::MAX)) {
        Some(found) if found > supported => {
            Err(StoreError::NewerFormat { place: place.to_owned(), found, supported })
        }
        _ => Ok(()),
    }
}
