//! Documents with secrets in them: sealed on their way out, opened and given their type on their way in.

use mlflow_host_engine::StoreError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::seal::{self, Key};

/// A document as text on one line, with its secrets sealed.
pub(crate) fn seal<T: Serialize>(key: &Key, document: &T) -> Result<String, StoreError> {
    let text = serde_json::to_string(document).map_err(|error| StoreError::Io {
        action: "write",
        place: "the state".to_owned(),
        source: error.into(),
    })?;
    seal::seal(key, Zeroizing::new(text))
        .ok_or_else(|| StoreError::Key("a value is too large to be sealed".to_owned()))
}

/// Opens the secrets of a document and gives it its type. `damaged` makes an error of a clause.
pub(crate) fn open<T: DeserializeOwned>(
    keys: &[Key],
    text: &str,
    damaged: impl Fn(String) -> StoreError,
) -> Result<T, StoreError> {
    let opened = seal::open(keys, text).map_err(|error| match error {
        seal::OpenError::NoKey => StoreError::Key(
            "keys.json is missing, and without it they are lost; put it back from your copy".to_owned(),
        ),
        other => damaged(other.to_string()),
    })?;
    // The cause may quote a value: only its place is passed on.
    serde_json::from_str(opened.as_ref().map_or(text, |opened| opened)).map_err(|error| {
        damaged(format!("this version of mlflow-host does not understand it ({:?} error)", error.classify()))
    })
}

/// Refuses a newer format before anything else of the document is looked at.
pub(crate) fn check_format(place: &str, text: &str) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(default)]
        format: Json,
    }
    let supported = mlflow_host_engine::FORMAT;
    // What is no such document has no format; what it is instead is said later.
    let format = serde_json::from_str(text).ok().and_then(|Document { format }| format.as_u64());
    match format.map(|format| u32::try_from(format).unwrap_or(u32::MAX)) {
        Some(found) if found > supported => {
            Err(StoreError::NewerFormat { place: place.to_owned(), found, supported })
        }
        _ => Ok(()),
    }
}
