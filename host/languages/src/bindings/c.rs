//! Bindings for C: `component.h` and what belongs to it.

use std::path::Path;

use wit_bindgen_core::Files;
use wit_parser::WorldKey;

use crate::world::World;
use crate::{Language, LanguageError};

/// Writes the bindings of a world's additions into a directory.
///
/// Names begin with the package and the interface, e.g., `mlflow_server_declare`; where two interfaces would share these,
/// also with the package's namespace.
pub(crate) fn c(mut additions: World, directory: &Path) -> Result<(), LanguageError> {
    let mut files = Files::default();
    let options = wit_bindgen_c::Opts {
        rename: short_names(&additions),
        rename_world: Some("component".to_owned()),
        ..wit_bindgen_c::Opts::default()
    };
    let World { resolve, id } = &mut additions;
    options.build().generate(resolve, *id, &mut files).map_err(|error| LanguageError::NoBindings {
        interface: resolve.worlds[*id].name.clone(),
        language: Language::C,
        what: error.to_string(),
    })?;
    files.iter().try_for_each(|(name, content)| super::write(&directory.join(name), content))
}

/// The interfaces whose names can be short.
fn short_names(world: &World) -> Vec<(String, String)> {
    let short = |key: &WorldKey| {
        let WorldKey::Interface(id) = key else { return None };
        let interface = &world.resolve.interfaces[*id];
        let package = &world.resolve.packages[interface.package?].name.name;
        Some(format!("{package}-{}", interface.name.as_ref()?).replace('-', "_"))
    };
    let imports = &world.resolve.worlds[world.id].imports;
    let all: Vec<_> = imports.keys().filter_map(short).collect();
    let unique = |name: &String| all.iter().filter(|other| *other == name).count() == 1;
    imports
        .keys()
        .filter_map(|key| Some((world.resolve.name_world_key(key), short(key).filter(unique)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::world::tests::project;

    #[test]
    fn names_are_as_short_as_they_can_be() {
        let shapes = "interface shapes { enum colour { red, dark-green } paint: func(in: colour) -> result<string, string>; }";
        let project = project(shapes, "import shapes;");
        let directory = project.path().join("bindings");
        c(World::own(project.path()).unwrap().unwrap().additions(), &directory).unwrap();
        let header = fs::read_to_string(directory.join("component.h")).unwrap();
        for expected in [
            "typedef uint8_t tools_shapes_colour_t;",
            "TOOLS_SHAPES_COLOUR_DARK_GREEN",
            "bool tools_shapes_paint(",
        ] {
            assert!(header.contains(expected), "{expected} is not in\n{header}");
        }
        // What the SDK has bindings for is not bound again.
        let source = fs::read_to_string(directory.join("component.c")).unwrap();
        assert!(
            source.contains("team:tools/shapes@1.0.0") && !source.contains("mlflow-host:stack"),
            "{source}"
        );
    }
}
