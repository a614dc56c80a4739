//! The hand-kept table of facts (in preparation).
