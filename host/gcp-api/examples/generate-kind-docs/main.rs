//! Writes the reference of kinds, `docs/kinds/`, from the table and Google's description. Run it through
//! `scripts/generate-kind-docs`; its output is committed. `--check` writes nothing and fails when it would.

mod page;
mod sample;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use mlflow_host_gcp_api::kinds;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => write(&pages()),
        ["--check"] => check(&pages()),
        _ => Err(io::Error::other("usage: generate-kind-docs [--check]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate-kind-docs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kinds")
}

/// Every page, by its path below `docs/kinds`.
fn pages() -> BTreeMap<PathBuf, String> {
    let pages = kinds::all().map(|kind| (PathBuf::from(page::path(kind)), page::page(kind)));
    pages.chain([(PathBuf::from("README.md"), page::index())]).collect()
}

/// The pages that are there.
fn present() -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![directory()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            match path.strip_prefix(directory()) {
                _ if path.is_dir() => folders.push(path),
                Ok(name) => found.push(name.to_owned()),
                Err(_) => {}
            }
        }
    }
    Ok(found)
}

fn write(pages: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    for stale in present()?.into_iter().filter(|name| !pages.contains_key(name)) {
        fs::remove_file(directory().join(stale))?;
    }
    for (name, text) in pages {
        let path = directory().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

fn check(pages: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    let is_current = |name: &PathBuf, text: &String| {
        fs::read_to_string(directory().join(name)).is_ok_and(|written| written == *text)
    };
    let changed = pages.iter().filter(|(name, text)| !is_current(name, text)).map(|(name, _)| name.clone());
    let stale = present()?.into_iter().filter(|name| !pages.contains_key(name));
    let wrong: Vec<String> = changed.chain(stale).map(|name| name.display().to_string()).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("not up to date: {}. Run scripts/generate-kind-docs.", wrong.join(", "));
    Err(io::Error::other(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pages_are_up_to_date() {
        check(&pages()).unwrap();
    }

    #[test]
    fn every_example_can_be_declared() {
        for kind in kinds::all() {
            let problems = kinds::check(kind, &sample::properties(kind), &|_| false);
            assert_eq!(problems, [], "{}", kind.name);
        }
    }
}
