//! Packs the guest SDKs, so that the binary can write them into new projects.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::{env, process};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What an SDK is made of. All else that may lie there, such as caches, is not packed.
const ENDINGS: &[&str] = &[
    "c", "go", "h", "in", "js", "json", "lock", "mjs", "mod", "md", "py", "rs", "toml", "ts", "txt", "typed",
    "wit",
];
/// What only its own development needs.
const LEFT_OUT: &[&str] = &["target", "test", "tests", "node_modules", "__pycache__"];

fn main() {
    if let Err(error) = pack() {
        println!("cargo::error=the guest SDKs cannot be packed: {error}");
        process::exit(1);
    }
}

fn pack() -> io::Result<()> {
    let variable = |name| env::var_os(name).map(PathBuf::from).ok_or(io::Error::other("not run by Cargo"));
    let root = variable("CARGO_MANIFEST_DIR")?.join("../../guest-sdk");
    for language in ["rust", "python", "typescript", "go", "c"] {
        let directory = root.join(language);
        println!("cargo::rerun-if-changed={}", directory.display());
        let file = File::create(variable("OUT_DIR")?.join(format!("{language}.tar.gz")))?;
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::best()));
        add(&mut archive, &directory, Path::new(""))?;
        archive.into_inner()?.finish()?;
    }
    Ok(())
}

/// Adds the files below `directory`, in order of names, without anything that differs between machines.
fn add<W: io::Write>(archive: &mut tar::Builder<W>, directory: &Path, below: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        // Follows links: the contract lies elsewhere.
        let (path, name) = (entry.path(), entry.file_name());
        let inside = below.join(&name);
        if fs::metadata(&path)?.is_dir() {
            if !LEFT_OUT.iter().any(|left| name == *left) {
                add(archive, &path, &inside)?;
            }
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            let content = fs::read(&path)?;
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, inside, content.as_slice())?;
        }
    }
    Ok(())
}
