//! Writes the typed builders of the guest SDKs, one file a service, from the API description and the
//! table of kinds. Run it through `scripts/generate-sdk`; its output is committed.
//!
//! It imports `gcp-api` only.

mod c;
mod go;
mod model;
mod names;
mod python;
mod rust;
mod typescript;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use model::Module;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = generated(&root);
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => write(&files),
        ["--check"] => check(&files),
        _ => Err(io::Error::other("usage: generate-sdk [--check]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate-sdk: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Every generated file, by its path.
fn generated(root: &Path) -> BTreeMap<PathBuf, String> {
    let modules = Module::all();
    let sdk = root.join("guest-sdk");
    let mut files = rust::files(&modules, &sdk.join("rust"));
    files.extend(python::files(&modules, &sdk.join("python")));
    files.extend(c::files(&modules, &sdk.join("c")));
    files.extend(go::files(&modules, &sdk.join("go")));
    files.extend(typescript::files(&modules, &sdk.join("typescript")));
    files
}

fn write(files: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    for (path, text) in files {
        if fs::read_to_string(path).ok().as_ref() != Some(text) {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, text)?;
        }
    }
    Ok(())
}

fn check(files: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    let stale: Vec<_> = files
        .iter()
        .filter(|(path, text)| fs::read_to_string(path).ok().as_ref() != Some(*text))
        .filter_map(|(path, _)| path.file_name()?.to_str())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("out of date: {}; run scripts/generate-sdk", stale.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_up_to_date() {
        check(&generated(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))).unwrap();
    }
}
