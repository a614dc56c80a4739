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
    /// Random bytes, made once and kept in the state: `byteLength` of them (4 when not set) after a prefix.
    RandomId, RandomIdKind, RandomIdHandle = "std/RandomId"
    { byte_length = "byteLength": i32, prefix = "prefix": String }
    { hexadecimal = "hex" }
}

kind! {
    /// A random password, made once and kept sealed in the state: `length` characters (32 when not set),
    /// with `special` ones among them if asked for.
    RandomPassword, RandomPasswordKind, RandomPasswordHandle = "std/RandomPassword"
    { length = "length": i32, special = "special": bool }
    { result = "result" }
}
