//! What is generated for interfaces; `scripts/test-languages` compiles and runs that of `stacks/mlflow-component`.

use std::fs;

use super::go;
use crate::world::World;
use crate::world::tests::project;

/// Writes the bindings of a world with these interfaces, and gives the files of a package.
fn generated(interfaces: &str, imports: &str, package: &str) -> Result<(String, String), String> {
    let project = project(interfaces, imports);
    fs::write(project.path().join("go.mod"), "module example\n\ngo 1.24\n").unwrap();
    let directory = project.path().join("bindings");
    let additions = World::own(project.path()).unwrap().unwrap().additions();
    go(&additions, project.path(), &directory).map_err(|error| error.to_string())?;
    let read = |file| fs::read_to_string(directory.join(package).join(file)).unwrap();
    Ok((read("component.go"), read("component_wasip1.go")))
}

#[test]
fn every_kind_of_type_has_its_own_in_go() {
    let interfaces = "
        interface colours { enum colour { red, dark-green } }
        /// Draws.
        interface shapes {
            use colours.{colour};
            flags marks { dotted, thick }
            type names = list<string>;
            variant shape { point, circle(f64), %type(names) }
            /// A box.
            record frame { /// How wide.
                width: s32, in: colour, label: option<tuple<u8, char>>, marks: marks }
            /// Draws a shape.
            draw: func(what: shape, %in: list<frame>) -> result<u32, string>;
            check: func(width: f32) -> result<_, colour>;
            scale: func(by: f64, %type: u64) -> f32;
            clear: func();
        }";
    let (component, imports) = generated(interfaces, "import shapes;", "shapes").unwrap();
    insta::assert_snapshot!(component);
    insta::assert_snapshot!(imports);
}

#[test]
fn interfaces_of_one_name_are_kept_apart_by_their_packages() {
    let interfaces =
        "interface graph { use mlflow-host:stack/graph@0.1.0.{problem}; ask: func() -> option<problem>; }";
    let (component, _) = generated(interfaces, "import graph;", "team_tools_graph").unwrap();
    assert!(component.contains("\t\"example/bindings/mlflow_host_stack_graph\"\n"), "{component}");
    assert!(component.contains("Ask() *mlflow_host_stack_graph.Problem"), "{component}");
}

#[test]
fn what_go_cannot_say_is_told() {
    let resource = generated("interface files { resource file; }", "import files;", "files").unwrap_err();
    assert_eq!(
        resource,
        "`team:tools/files@1.0.0` cannot be used from Go: its bindings have no types of the kind `resource`"
    );
    let bare = generated("", "import ask: func();", "").unwrap_err();
    assert_eq!(bare, "`ask` cannot be used from Go: its bindings have no imports outside of interfaces");
}
