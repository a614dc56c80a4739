//! Names of WIT as Go writes them.

use std::collections::BTreeMap;

use heck::{ToLowerCamelCase as _, ToSnakeCase as _, ToUpperCamelCase as _};
use wit_parser::{InterfaceId, Resolve};

/// What Go keeps for itself, and what the bindings do.
const TAKEN: &[&str] = &[
    "any",
    "bool",
    "break",
    "case",
    "chan",
    "component",
    "const",
    "continue",
    "core",
    "default",
    "defer",
    "else",
    "err",
    "error",
    "fallthrough",
    "float32",
    "float64",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "implementation",
    "import",
    "int16",
    "int32",
    "int64",
    "int8",
    "interface",
    "map",
    "package",
    "panic",
    "range",
    "return",
    "rune",
    "select",
    "string",
    "struct",
    "switch",
    "type",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "var",
    "wit",
];

/// What every package of bindings has.
const OWN: &[&str] = &["Component", "Imported"];

/// The name of something that other packages see, e.g., `LogDays`.
pub(super) fn exported(name: &str) -> String {
    let name = name.to_upper_camel_case();
    if OWN.contains(&name.as_str()) { format!("{name}_") } else { name }
}

/// The name of a parameter.
pub(super) fn local(name: &str) -> String {
    escaped(name.to_lower_camel_case())
}

/// Where the packages of a world's interfaces are.
pub(super) struct Packages {
    names: BTreeMap<InterfaceId, String>,
    /// What their paths begin with.
    directory: String,
}

impl Packages {
    /// Each is called like its interface, with the WIT package before it where two interfaces have the same name.
    pub(super) fn of(resolve: &Resolve, interfaces: &[InterfaceId], module: &str) -> Self {
        let own = |id: InterfaceId| resolve.interfaces[id].name.clone().unwrap_or_default();
        let named = |id: &InterfaceId| {
            let name = own(*id);
            let is_alone = interfaces.iter().filter(|other| own(**other) == name).count() == 1;
            let owner = resolve.interfaces[*id].package.filter(|_| !is_alone);
            let owner = owner.map(|owner| &resolve.packages[owner].name);
            (
                *id,
                match owner {
                    Some(owner) => format!("{}_{}_{name}", owner.namespace, owner.name).to_snake_case(),
                    None => escaped(name.to_snake_case()),
                },
            )
        };
        Self {
            names: interfaces.iter().map(named).collect(),
            directory: format!("{module}/{}", crate::bindings::DIRECTORY),
        }
    }

    pub(super) fn name(&self, interface: InterfaceId) -> &str {
        self.names.get(&interface).map_or("", String::as_str)
    }

    /// What imports a package.
    pub(super) fn path(&self, interface: InterfaceId) -> String {
        format!("{}/{}", self.directory, self.name(interface))
    }
}

fn escaped(name: String) -> String {
    if TAKEN.contains(&name.as_str()) { format!("{name}_") } else { name }
}
