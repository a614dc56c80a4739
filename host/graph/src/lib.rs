//! The vocabulary that every other crate shares: what a stack declares, and what is known about it.
//!
//! A stack program yields a [`Graph`] of [`Resource`]s whose properties are [`Expression`]s: data with
//! references to attributes of other resources in it. Evaluating an expression in a [`Scope`] gives a
//! [`Value`]: data in which some parts may still be unknown and some are secret.
//!
//! This crate performs no I/O and imports no other crate of the workspace.

mod asset;
mod diagnostic;
mod expression;
mod function;
mod graph;
mod map;
mod name;
mod path;
mod resource;
pub mod value;

pub use asset::{Asset, AssetDigest, AssetError, AssetFile};
pub use diagnostic::{Diagnostic, Severity};
pub use expression::{EvaluateError, Expression, Reference, Scope};
pub use function::Function;
pub use graph::{Component, Graph};
pub use map::PropertyMap;
pub use name::{Kind, NameError, Urn};
pub use path::{PathError, PropertyPath, Segment};
pub use resource::{Options, Resource, Role};
pub use value::Value;
