//! New projects, from the templates in `templates/`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Language, LanguageError, sdk};

/// What every project has: file and template.
const COMMON: &[(&str, &str)] = &[
    ("{{name}}.toml", include_str!("../templates/common/stack.toml")),
    ("README.md", include_str!("../templates/common/readme.md")),
    ("production.toml", include_str!("../templates/common/production.toml")),
    (".github/fetch-host", include_str!("../templates/common/fetch-host")),
    (".github/workflows/preview.yml", include_str!("../templates/common/preview.yml")),
    (".github/workflows/apply.yml", include_str!("../templates/common/apply.yml")),
];

/// What the projects of a language have besides.
fn files(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::Rust => &[
            ("Cargo.toml", include_str!("../templates/rust/Cargo.toml")),
            // Cargo adds the project to it, and keeps the versions.
            ("Cargo.lock", include_str!("../../../guest-sdk/rust/Cargo.lock")),
            ("rust-toolchain.toml", include_str!("../templates/rust/rust-toolchain.toml")),
            ("src/lib.rs", include_str!("../templates/rust/src/lib.rs")),
        ],
        Language::Python => &[
            ("main.py", include_str!("../templates/python/main.py")),
            ("test_main.py", include_str!("../templates/python/test_main.py")),
            ("pyproject.toml", include_str!("../templates/python/pyproject.toml")),
        ],
        Language::TypeScript => &[
            ("main.ts", include_str!("../templates/typescript/main.ts")),
            ("main.test.ts", include_str!("../templates/typescript/main.test.ts")),
            ("package.json", include_str!("../templates/typescript/package.json")),
            ("tsconfig.json", include_str!("../templates/typescript/tsconfig.json")),
        ],
        Language::Go => &[
            ("go.mod", include_str!("../templates/go/go.mod")),
            ("main.go", include_str!("../templates/go/main.go")),
            ("main_test.go", include_str!("../templates/go/main_test.go")),
        ],
        Language::C => &[
            ("main.c", include_str!("../templates/c/main.c")),
            ("test_main.c", include_str!("../templates/c/test_main.c")),
        ],
    }
}

/// What is made, and not to be committed.
fn ignored(language: Language) -> &'static str {
    match language {
        Language::Rust => "/target/\n",
        Language::Python => "__pycache__/\n",
        Language::TypeScript => "/node_modules/\n",
        Language::Go => "",
        Language::C => "/test\n",
    }
}

/// The command that runs a project's tests, in its directory.
pub fn test_command(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo test",
        Language::Python => "PYTHONPATH=sdk:bindings python3 -m unittest",
        Language::TypeScript => "npm install && npm test",
        Language::Go => "go test ./...",
        Language::C => "cc -Isdk main.c test_main.c sdk/stack.c sdk/fake.c -lm -o test && ./test",
    }
}

/// Makes a project in a directory that is not there yet, or empty; its name becomes the stack's. Gives that name.
///
/// # Errors
/// When there is something in the directory, it cannot be the name of a stack, or the disk fails.
pub fn create(language: Language, directory: &Path) -> Result<String, LanguageError> {
    let absolute = std::path::absolute(directory).map_err(LanguageError::disk(directory))?;
    let name = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !is_name(&name) {
        return Err(LanguageError::NotAName(name));
    }
    match fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Ok(false) => return Err(LanguageError::NotEmpty(directory.to_owned())),
        Err(error) => return Err(LanguageError::disk(directory)(error)),
    }
    let fill = |template: &str| {
        template
            .replace("{{name}}", &name)
            .replace("{{language}}", &language.to_string())
            .replace("{{test}}", test_command(language))
    };
    let ignored = format!("/*.wasm\n/.mlflow-host/\n{}", ignored(language));
    for (file, template) in files(language).iter().chain(COMMON).chain([&(".gitignore", ignored.as_str())]) {
        write(directory.join(fill(file)), &fill(template))?;
    }
    sdk::ensure(language, directory)?;
    Ok(name)
}

/// Whether a stack, and a package of each language, can have this name.
fn is_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
        && !name.ends_with('-')
}

fn write(file: PathBuf, text: &str) -> Result<(), LanguageError> {
    file.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&file, text))
        .map_err(LanguageError::disk(&file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_whole_project() {
        let place = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let directory = place.path().join(format!("my-{}", language.word()));
            let name = create(language, &directory).unwrap();
            assert_eq!(name, format!("my-{}", language.word()));
            assert_eq!(Language::of(&directory).unwrap(), language);
            let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
            assert!(read(".gitignore").starts_with("/*.wasm\n"));
            assert!(read(".github/workflows/preview.yml").contains(test_command(language)));
            for (file, template) in COMMON {
                let text = read(&file.replace("{{name}}", &name));
                assert_eq!(template.contains("{{"), text != *template, "{file}");
                let rest = text.replace("${{ vars.", "").replace("${{ github.", "");
                assert!(!rest.contains("{{"), "{file}");
            }
            assert!(read(&format!("{name}.toml")).contains(&format!("project = \"{name}-dev\"")));
            assert!(directory.join("sdk/README.md").is_file());
            for (file, _) in files(language) {
                assert!(!read(file).contains("{{name}}"), "{file}");
            }
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("mine");
        create(Language::C, &directory).unwrap();
        let error = create(Language::Go, &directory).unwrap_err();
        assert!(error.to_string().contains("is there already and not empty"), "{error}");
    }

    #[test]
    fn names_are_those_of_stacks() {
        assert!(is_name("tracking") && is_name("team-2"));
        for wrong in ["", "Tracking", "2nd", "a_b", "a-", "a b", &"a".repeat(41)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
