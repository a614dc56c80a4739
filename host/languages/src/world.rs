//! The world of a stack: what it imports and exports, as WIT says it. It is the contract's, or the project's own where
//! the stack uses components; and it is put into core modules, whose compilers do not know it.

use std::fmt::Display;
use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

use crate::LanguageError;

/// The contract.
pub(crate) const CONTRACT: &str = include_str!("../../../wit/stack.wit");
/// The directory of a project with a world of its own.
pub(crate) const DIRECTORY: &str = "wit";
/// The world's name, in both.
pub(crate) const NAME: &str = "stack";
/// The name of the world of what a stack imports besides the contract.
const ADDITIONS: &str = "stack-additions";

/// A world with the interfaces that it speaks of.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) id: WorldId,
}

impl World {
    /// The contract's.
    pub(crate) fn contract() -> Result<Self, LanguageError> {
        Self::selected(|resolve| resolve.push_str("stack.wit", CONTRACT)).map_err(LanguageError::NoStack)
    }

    /// The project's own, if it has one.
    pub(crate) fn own(project: &Path) -> Result<Option<Self>, LanguageError> {
        let directory = project.join(DIRECTORY);
        if !directory.is_dir() {
            return Ok(None);
        }
        let world = Self::selected(|resolve| resolve.push_dir(&directory).map(|(package, _)| package));
        world.map(Some).map_err(|reason| LanguageError::NoWorld { path: directory, reason })
    }

    /// The world of the package that is pushed; an error with all its causes.
    fn selected<E: Display>(push: impl FnOnce(&mut Resolve) -> Result<PackageId, E>) -> Result<Self, String> {
        let mut resolve = Resolve::default();
        let package = push(&mut resolve).map_err(|error| format!("{error:#}"))?;
        let id = resolve.select_world(&[package], Some(NAME)).map_err(|error| format!("{error:#}"))?;
        Ok(Self { resolve, id })
    }

    /// The core module with this world as its component type; the host wraps it when it loads it.
    pub(crate) fn embedded(&self, mut module: Vec<u8>) -> Result<Vec<u8>, LanguageError> {
        embed_component_metadata(&mut module, &self.resolve, self.id, StringEncoding::UTF8)
            .map_err(|error| LanguageError::NoStack(error.to_string()))?;
        Ok(module)
    }

    /// What the world imports besides the contract, for which the SDKs have no bindings: this world with nothing else in
    /// it, except for the interfaces whose types that uses.
    pub(crate) fn additions(mut self) -> Self {
        let imported = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        };
        let all: Vec<_> = self.resolve.worlds[self.id].imports.values().filter_map(imported).collect();
        let mut kept: Vec<_> = all.iter().copied().filter(|id| !self.is_contract(*id)).collect();
        let mut next = 0;
        while let Some(id) = kept.get(next).copied() {
            let used = self.resolve.interface_direct_deps(id).filter(|used| !kept.contains(used));
            kept.extend(used.collect::<Vec<_>>());
            next += 1;
        }
        let world = &mut self.resolve.worlds[self.id];
        // Compilers may put its type into a module that also gets the whole world's: they must not share a name.
        ADDITIONS.clone_into(&mut world.name);
        if let Some(package) = world.package.and_then(|id| self.resolve.packages.get_mut(id)) {
            package.worlds.shift_remove(NAME);
            package.worlds.insert(ADDITIONS.to_owned(), self.id);
        }
        world.exports.clear();
        world.imports.retain(|_, item| imported(item).is_none_or(|id| kept.contains(&id)));
        self
    }

    fn is_contract(&self, interface: InterfaceId) -> bool {
        let package = self.resolve.interfaces[interface].package.map(|id| &self.resolve.packages[id].name);
        package.is_some_and(|name| name.namespace == "mlflow-host" && name.name == "stack")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// A project whose own world imports these interfaces of a package `team:tools`.
    pub(crate) fn project(interfaces: &str, imports: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let contract = directory.path().join("wit/deps/stack");
        fs::create_dir_all(&contract).unwrap();
        fs::write(contract.join("stack.wit"), CONTRACT).unwrap();
        let world = format!(
            "package team:tools@1.0.0;\n{interfaces}\nworld stack {{ include mlflow-host:stack/stack@0.1.0; {imports} }}"
        );
        fs::write(directory.path().join("wit/tools.wit"), world).unwrap();
        directory
    }

    #[test]
    fn a_module_gets_the_type_and_keeps_its_bytes() {
        let empty = b"\0asm\x01\0\0\0".to_vec();
        let module = World::contract().unwrap().embedded(empty.clone()).unwrap();
        assert!(module.starts_with(&empty));
        let (found, _) = wit_component::metadata::decode(&module).unwrap();
        assert!(found.is_some());
    }

    #[test]
    fn only_what_a_world_adds_and_needs_for_it_remains() {
        let interfaces = "interface shapes { record point { x: s32 } }
             interface lines { use shapes.{point}; draw: func(to: point); }";
        let project = project(interfaces, "import lines;");
        let world = World::own(project.path()).unwrap().unwrap();
        let names = |world: &World| {
            let world_imports = world.resolve.worlds[world.id].imports.keys();
            world_imports.map(|key| world.resolve.name_world_key(key)).collect::<Vec<_>>()
        };
        assert!(names(&world).iter().any(|name| name == "mlflow-host:stack/graph@0.1.0"));
        let additions = world.additions();
        assert_eq!(names(&additions), ["team:tools/shapes@1.0.0", "team:tools/lines@1.0.0"]);
        assert!(additions.resolve.worlds[additions.id].exports.is_empty());
    }

    #[test]
    fn a_project_without_a_world_has_none_and_a_wrong_one_is_told() {
        let directory = tempfile::tempdir().unwrap();
        assert!(World::own(directory.path()).unwrap().is_none());
        let project = project("", "import nothing;");
        let error = World::own(project.path()).err().unwrap().to_string();
        assert!(
            error.contains("wit does not describe the stack's world") && error.contains("nothing"),
            "{error}"
        );
    }
}
