//! From a project to a program: one module a language.

mod c;
mod go;
mod python;
mod rust;
mod typescript;

use std::fs;
use std::path::{Path, PathBuf};

use crate::world::{self, World};
use crate::{Language, LanguageError, Tools, bindings, sdk};

/// Compiles the project in a directory to `output`, which is written as a whole or not at all.
///
/// # Errors
/// When there is no project, a tool is missing, or the project does not compile; its compiler has then said why on
/// the standard error.
pub fn build(project: &Path, output: &Path, tools: &Tools) -> Result<(), LanguageError> {
    let language = Language::of(project)?;
    let absolute = |path: &Path| std::path::absolute(path).map_err(LanguageError::disk(path));
    let (project, output) = (absolute(project)?, absolute(output)?);
    if let Some(parent) = output.parent() {
        fs::create_dir_all(parent).map_err(LanguageError::disk(parent))?;
    }
    let part = output.with_extension(format!("{}.part", std::process::id()));
    let built = Project { directory: &project, output: &part, tools }.compile(language);
    let finished = built.and_then(|()| fs::rename(&part, &output).map_err(LanguageError::disk(&output)));
    if finished.is_err() {
        // Often it is not there; and the first error matters more.
        let _ = fs::remove_file(&part);
    }
    finished
}

/// What this machine lacks to compile projects in a language, each with a command that installs it.
pub fn missing(language: Language) -> Vec<LanguageError> {
    let tools = match language {
        Language::Rust => rust::TOOLS,
        Language::Python => python::TOOLS,
        Language::TypeScript => typescript::TOOLS,
        Language::Go => go::TOOLS,
        Language::C => c::TOOLS,
    };
    tools.iter().filter_map(|tool| tool.find().err()).collect()
}

/// A project on its way.
struct Project<'a> {
    directory: &'a Path,
    output: &'a Path,
    tools: &'a Tools,
}

impl Project<'_> {
    fn compile(&self, language: Language) -> Result<(), LanguageError> {
        match language {
            Language::Rust => rust::compile(self),
            Language::Python => python::compile(self),
            Language::TypeScript => typescript::compile(self),
            Language::Go => go::compile(self),
            Language::C => c::compile(self),
        }
    }

    /// The project's SDK.
    fn sdk(&self, language: Language) -> Result<PathBuf, LanguageError> {
        sdk::ensure(language, self.directory)?;
        Ok(self.directory.join(sdk::DIRECTORY))
    }

    /// The directory of the contract, for compilers that ask for it: the project's own, where it uses components and
    /// therefore imports more than the contract has, or else one among the `tools`.
    fn contract(&self, tools: &Path) -> Result<PathBuf, LanguageError> {
        let own = self.directory.join(world::DIRECTORY);
        if own.is_dir() {
            return Ok(own);
        }
        let directory = tools.join(world::DIRECTORY);
        let file = directory.join("stack.wit");
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(&file, world::CONTRACT))
            .map_err(LanguageError::disk(&file))?;
        Ok(directory)
    }

    /// Where the bindings of the components that the stack uses belong, and what they have to bind; nothing for a stack
    /// that uses none.
    fn bindings(&self) -> Result<Option<(PathBuf, World)>, LanguageError> {
        let Some(world) = World::own(self.directory)? else { return Ok(None) };
        let directory = self.directory.join(bindings::DIRECTORY);
        fs::create_dir_all(&directory).map_err(LanguageError::disk(&directory))?;
        Ok(Some((directory, world.additions())))
    }

    /// Gives the module at the output the type of a stack.
    fn add_type(&self) -> Result<(), LanguageError> {
        let module = fs::read(self.output).map_err(LanguageError::disk(self.output))?;
        let world = World::own(self.directory)?.map_or_else(World::contract, Ok)?;
        fs::write(self.output, world.embedded(module)?).map_err(LanguageError::disk(self.output))
    }
}
