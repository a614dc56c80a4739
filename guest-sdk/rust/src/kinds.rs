//! Every kind of resource, by API. Setters and attributes are named as in Google's REST reference, in
//! snake case.

pub mod standard;
