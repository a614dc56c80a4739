//! Kinds without an API behind them. Written by hand: the host, not Google, describes them.

use crate::input::Any;
use crate::resource::kind;
use crate::{Handle, Input, Kind, Resource};

kind! {
    /// A value that becomes an attribute, e.g., to replace resources when it changes.
    Value, ValueKind, ValueHandle = "std/Value"
    { value = "value": Any }
    { value = "value" }
}

kind! {
    /// Random letters, chosen once and known before anything is created: `length` of them (6 when not
    /// set) after a prefix.
    RandomId, RandomIdKind, RandomIdHandle = "std/RandomId"
    { length = "length": i32, prefix = "prefix": String }
    { result = "result" }
}

kind! {
    /// A random password, made once and kept sealed in the state: `length` characters (32 when not set),
    /// with `special` ones among them unless that is false.
    RandomPassword, RandomPasswordKind, RandomPasswordHandle = "std/RandomPassword"
    { length = "length": i32, special = "special": bool }
    { result = "result" }
}

/// Names the kind `std/StackReference`.
#[derive(Debug, Clone, Copy)]
pub struct StackReferenceKind;

impl Kind for StackReferenceKind {
    const NAME: &'static str = "std/StackReference";
}

/// Another stack of the same cloud and project: its attributes are the outputs of that stack, by their names.
#[derive(Debug, Clone)]
#[must_use = "nothing is declared before `lookup`"]
pub struct StackReference(Resource<StackReferenceKind>);

/// A stack that has been referred to.
pub type StackReferenceHandle = Handle<StackReferenceKind>;

impl StackReference {
    /// Refers to the stack of that name.
    pub fn new(stack: impl Into<Input<Any>>) -> Self {
        Self(Resource::new().property("stack", stack))
    }

    /// Reads the outputs that the stack's last run has recorded; `name` is the reference's own.
    pub fn lookup(self, name: &str) -> StackReferenceHandle {
        self.0.lookup(name)
    }
}
