//! One line of a file: a document with its sequence number and a checksum over both.
//!
//! ```json
//! {"sequence":7,"checksum":"0f3a…","entry":{…}}
//! ```
//!
//! The line is JSON, so that any tool can read it; it is written and taken apart as text, because a
//! checksum holds for bytes, and JSON that is parsed and written again need not be the same bytes.

use sha2::{Digest as _, Sha256};

/// A line that has been checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// The number of the last journal entry that the document includes.
    pub(crate) sequence: u64,
    /// The JSON text of the document.
    pub(crate) document: &'a str,
}

/// Writes a document under a field name, with a newline at the end.
pub(crate) fn wrap(field: &str, sequence: u64, document: &str) -> String {
    let checksum = checksum(sequence, document);
    format!("{{\"sequence\":{sequence},\"checksum\":\"{checksum}\",\"{field}\":{document}}}\n")
}

/// Reads what [`wrap`] wrote, without the newline. `None` when a single byte is not as it was written.
pub(crate) fn unwrap<'a>(field: &str, line: &'a [u8]) -> Option<Envelope<'a>> {
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("{\"sequence\":")?;
    let (digits, rest) = rest.split_once(",\"checksum\":\"")?;
    let (found, rest) = rest.split_once("\",\"")?;
    let document = rest.strip_prefix(field)?.strip_prefix("\":")?.strip_suffix('}')?;
    let sequence = digits.parse().ok()?;
    // Compared as text, so that another spelling of the same number is not accepted either.
    (digits == u64::to_string(&sequence) && found == checksum(sequence, document))
        .then_some(Envelope { sequence, document })
}

/// 64 bits are enough against accidents; the checksum is no defence against an author of lies.
fn checksum(sequence: u64, document: &str) -> String {
    let digest = Sha256::new().chain_update(sequence.to_le_bytes()).chain_update(document).finalize();
    hex::encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_no_byte_of_it_can_change_unnoticed() {
        let line = wrap("entry", 42, r#"{"entry":"begin","number":1.50}"#);
        let line = line.trim_end().as_bytes();
        let read = unwrap("entry", line).unwrap();
        assert_eq!(read, Envelope { sequence: 42, document: r#"{"entry":"begin","number":1.50}"# });
        for position in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.to_vec();
                flipped[position] ^= 1 << bit;
                assert_eq!(unwrap("entry", &flipped), None, "bit {bit} of byte {position}");
            }
            assert_eq!(unwrap("entry", &line[..position]), None, "cut at {position}");
        }
    }

    #[test]
    fn a_line_is_json() {
        let line = wrap("state", 1, r#"{"a":[]}"#);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["state"]["a"], serde_json::json!([]));
        assert_eq!(json["sequence"], 1);
    }
}
