//! Kinds without an API behind them. Written by hand: the host, not Google, describes them.

use crate::input::Any;
use crate::resource::kind;

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
