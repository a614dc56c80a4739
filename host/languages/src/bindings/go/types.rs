//! Types of WIT as Go writes them; which is which, the SDK's package `wit` says.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use wit_parser::{Docs, InterfaceId, Resolve, Result_, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

use super::documented;
use super::names::{Packages, exported};
use crate::LanguageError;

/// The types that one file speaks of, and the packages that it needs for them.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
    /// The interface whose package the file belongs to.
    interface: InterfaceId,
    packages: &'a Packages,
    imports: BTreeSet<String>,
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve, interface: InterfaceId, packages: &'a Packages) -> Self {
        Self { resolve, interface, packages, imports: BTreeSet::new() }
    }

    /// Has the file import a package.
    pub(super) fn import(&mut self, path: impl Into<String>) {
        self.imports.insert(path.into());
    }

    /// The file's imports.
    pub(super) fn imports(&self) -> String {
        match self.imports.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().as_slice() {
            [] => String::new(),
            [one] => format!("import {one}\n\n"),
            many => format!("import (\n\t{}\n)\n\n", many.join("\n\t")),
        }
    }

    /// That Go has no way to say something.
    pub(super) fn missing(&self, what: &str) -> LanguageError {
        let name = self.resolve.id_of(self.interface).unwrap_or_default();
        super::missing(&name, what)
    }

    /// The result that a type is, by whatever name.
    pub(super) fn result(&self, of: Type) -> Option<&'a Result_> {
        match &self.meant(of).map(|id| &self.resolve.types[id].kind)? {
            TypeDefKind::Result(result) => Some(result),
            _ => None,
        }
    }

    /// The type definition behind all the other names that it goes by.
    fn meant(&self, of: Type) -> Option<TypeId> {
        let Type::Id(mut id) = of else { return None };
        while let TypeDefKind::Type(target) = &self.resolve.types[id].kind {
            let Type::Id(next) = target else { return None };
            id = *next;
        }
        Some(id)
    }

    /// How the file writes a type.
    pub(super) fn of(&mut self, of: &Type) -> Result<String, LanguageError> {
        let id = match of {
            Type::Bool => return Ok("bool".to_owned()),
            Type::S8 => return Ok("int8".to_owned()),
            Type::S16 => return Ok("int16".to_owned()),
            Type::S32 => return Ok("int32".to_owned()),
            Type::S64 => return Ok("int64".to_owned()),
            Type::U8 => return Ok("uint8".to_owned()),
            Type::U16 => return Ok("uint16".to_owned()),
            Type::U32 => return Ok("uint32".to_owned()),
            Type::U64 => return Ok("uint64".to_owned()),
            Type::F32 => return Ok("float32".to_owned()),
            Type::F64 => return Ok("float64".to_owned()),
            Type::Char => return Ok("rune".to_owned()),
            Type::String => return Ok("string".to_owned()),
            Type::ErrorContext => return Err(self.missing("error contexts")),
            Type::Id(id) => *id,
        };
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        match (&definition.kind, &definition.name) {
            (TypeDefKind::Type(other), _) => self.of(other),
            (
                TypeDefKind::Record(_)
                | TypeDefKind::Enum(_)
                | TypeDefKind::Flags(_)
                | TypeDefKind::Variant(_),
                Some(name),
            ) => Ok(self.named(definition, name)),
            (TypeDefKind::List(item), _) => Ok(format!("[]{}", self.of(item)?)),
            (TypeDefKind::Option(some), _) => Ok(format!("*{}", self.of(some)?)),
            (TypeDefKind::Result(Result_ { ok, err }), _) => {
                let (ok, err) = (self.payload(ok.as_ref())?, self.payload(err.as_ref())?);
                self.import(super::RUNTIME);
                Ok(format!("wit.Result[{ok}, {err}]"))
            }
            (TypeDefKind::Tuple(tuple), _) => {
                let items = tuple.types.iter().map(|item| self.of(item)).collect::<Result<Vec<_>, _>>()?;
                if let [first, second] = items.as_slice() {
                    self.import(super::RUNTIME);
                    return Ok(format!("wit.Pair[{first}, {second}]"));
                }
                let fields: Vec<_> =
                    items.iter().enumerate().map(|(at, item)| format!("F{at} {item}")).collect();
                Ok(format!("struct{{ {} }}", fields.join("; ")))
            }
            (other, _) => Err(self.missing(&format!("types of the kind `{}`", other.as_str()))),
        }
    }

    /// What a case holds.
    fn payload(&mut self, of: Option<&Type>) -> Result<String, LanguageError> {
        if let Some(payload) = of {
            return self.of(payload);
        }
        self.import(super::RUNTIME);
        Ok("wit.Nothing".to_owned())
    }

    /// A type by its name, with its package where that is another one.
    fn named(&mut self, definition: &TypeDef, name: &str) -> String {
        match definition.owner {
            TypeOwner::Interface(owner) if owner != self.interface => {
                self.import(self.packages.path(owner));
                format!("{}.{}", self.packages.name(owner), exported(name))
            }
            _ => exported(name),
        }
    }

    /// The types that the interface itself defines.
    pub(super) fn declared(&mut self) -> Result<String, LanguageError> {
        let resolve = self.resolve;
        let mut text = String::new();
        for (name, id) in &resolve.interfaces[self.interface].types {
            documented(&mut text, "", &resolve.types[*id].docs);
            self.declare(&mut text, &exported(name), *id)?;
        }
        Ok(text)
    }

    fn declare(&mut self, text: &mut String, name: &str, id: TypeId) -> Result<(), LanguageError> {
        let resolve = self.resolve;
        match &resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                let _ = writeln!(text, "type {name} struct {{");
                for field in &record.fields {
                    documented(text, "\t", &field.docs);
                    let _ = writeln!(text, "\t{} {}", exported(&field.name), self.of(&field.ty)?);
                }
                text.push_str("}\n\n");
            }
            TypeDefKind::Variant(variant) => {
                let _ = writeln!(text, "type {name} struct {{");
                for case in &variant.cases {
                    documented(text, "\t", &case.docs);
                    let _ = writeln!(text, "\t{} *{}", exported(&case.name), self.payload(case.ty.as_ref())?);
                }
                let _ = write!(text, "}}\n\n// IsVariant marks it.\nfunc ({name}) IsVariant() {{}}\n\n");
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter().map(|case| (case.name.as_str(), &case.docs));
                constants(text, name, cases, |count| if count <= 1 << 8 { 8 } else { 16 }, "iota");
            }
            TypeDefKind::Flags(flags) if flags.flags.len() > 32 => {
                return Err(self.missing("more than 32 flags in one type"));
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags.flags.iter().map(|flag| (flag.name.as_str(), &flag.docs));
                let bits = |count| {
                    if count <= 8 {
                        8
                    } else if count <= 16 {
                        16
                    } else {
                        32
                    }
                };
                constants(text, name, flags, bits, "1 << iota");
            }
            _ => {
                let _ = writeln!(text, "type {name} = {}\n", self.of(&Type::Id(id))?);
            }
        }
        Ok(())
    }
}

/// An unsigned integer whose values have names.
fn constants<'a>(
    text: &mut String,
    name: &str,
    values: impl ExactSizeIterator<Item = (&'a str, &'a Docs)>,
    bits: impl FnOnce(usize) -> u32,
    first: &str,
) {
    let _ = writeln!(text, "type {name} uint{}\n\nconst (", bits(values.len()));
    for (at, (value, docs)) in values.enumerate() {
        documented(text, "\t", docs);
        let number = if at == 0 { format!(" {name} = {first}") } else { String::new() };
        let _ = writeln!(text, "\t{name}{}{number}", exported(value));
    }
    text.push_str(")\n\n");
}
