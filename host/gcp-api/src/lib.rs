//! gcp-api
