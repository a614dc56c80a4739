//! The table against Google's description, and what `check` says.

use super::*;
#[test]
fn every_file_parses() {
    for file in &FILES {
        let entries: Entries = toml::from_str(file.text).unwrap_or_else(|e| panic!("{}: {e}", file.service));
        assert!(!entries.kind.is_empty());
    }
}
