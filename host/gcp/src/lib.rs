//! gcp
