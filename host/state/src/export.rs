//! A state as one document, to be kept or to be read in elsewhere.

use mlflow_host_engine::{State, StateTarget, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::document;
use crate::keys::{KeyRing, KeySource, Keys};
use crate::replay::Owner;

const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    format: u32,
    /// SHA-256 of the state's text, hexadecimal.
    checksum: String,
    /// What opens its secrets, wrapped.
    keys: Keys,
    /// The state, its secrets sealed.
    state: Json,
}

/// Writes a state with its wrapped keys.
pub(crate) fn write(ring: &KeyRing, state: &State) -> Result<String, StoreError> {
    let unwritable = |error: serde_json::Error| StoreError::Key(error.to_string());
    let Some(key) = ring.keys.first() else { return Err(StoreError::Key("there is no key".to_owned())) };
    let state: Json = serde_json::from_str(&document::seal(key, state)?).map_err(unwritable)?;
    let exported = Exported { format: FORMAT, checksum: checksum(&state), keys: ring.stored.clone(), state };
    serde_json::to_string_pretty(&exported).map(|text| text + "\n").map_err(unwritable)
}

/// Reads what [`crate::StateStore::export`] wrote, of this stack and target. `place` is for messages.
///
/// # Errors
/// [`StoreError`], when the document has been changed, is newer, or belongs to another stack or target;
/// when its keys cannot be opened; when the state contradicts itself or has open operations.
pub async fn import(
    place: &str,
    text: &[u8],
    stack: &str,
    target: &StateTarget,
    keys: &KeySource,
) -> Result<State, StoreError> {
    let damaged = |what: String| StoreError::Damaged {
        place: place.to_owned(),
        what,
        restore: "Export the state again: `mlflow-host state export STACK.wasm FILE`.".to_owned(),
    };
    let json: Json =
        serde_json::from_slice(text).map_err(|error| damaged(format!("it is not JSON ({error})")))?;
    if let Some(found) = json.get("format").and_then(Json::as_u64).filter(|found| *found > FORMAT.into()) {
        let (place, found) = (place.to_owned(), u32::try_from(found).unwrap_or(u32::MAX));
        return Err(StoreError::NewerFormat { place, found, supported: FORMAT });
    }
    let exported: Exported = serde_json::from_value(json)
        .map_err(|error| damaged(format!("it is not an exported state ({error})")))?;
    if checksum(&exported.state) != exported.checksum {
        return Err(damaged("its checksum does not fit what it says: it has been changed".to_owned()));
    }
    let state = exported.state.to_string();
    document::check_format(place, &state)?;
    let ring = keys.open(place, exported.keys.text()?.as_bytes()).await?;
    let state: State = document::open(&ring.keys, &state, damaged)?;
    let owner = Owner { stack: stack.to_owned(), target: target.clone() };
    owner.check(place, &state.stack, &state.target)?;
    if let Some(problem) = state.integrity().into_iter().next() {
        return Err(damaged(problem));
    }
    if !state.open.is_empty() {
        return Err(damaged(format!(
            "it was exported while {} operations were open, and what became of them is not in it",
            state.open.len()
        )));
    }
    Ok(state)
}

fn checksum(state: &Json) -> String {
    hex::encode(Sha256::digest(state.to_string()))
}
