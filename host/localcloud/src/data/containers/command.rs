//! The process of a container: program, arguments, directory and environment.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{ContainerError, ContainerSpec};
use crate::data::images::environment::{search_path, within};

/// What the image and the overrides amount to, in the container's own copy of the image.
pub(super) fn prepare(
    spec: &ContainerSpec,
    root: &Path,
    temporary: &Path,
) -> Result<Command, ContainerError> {
    let config = &spec.image.config;
    let words = words(spec);
    let (program, arguments) = words.split_first().ok_or(ContainerError::NoCommand)?;

    let named = spec.working_directory.as_deref().unwrap_or(&config.working_directory);
    let directory = within(root, Path::new(named));
    if !directory.is_dir() {
        return Err(ContainerError::NoDirectory(named.to_owned()));
    }
    let mut environment = config.environment.clone();
    environment.extend(spec.environment.clone());
    let path = search_path(environment.remove("PATH").as_deref(), root, &spec.image.python);
    let executable = find(program, &path, root, &directory).ok_or_else(|| ContainerError::NotFound {
        program: program.clone(),
        path: path.to_string_lossy().into_owned(),
    })?;
    let mut command = Command::new(executable);
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("HOME", within(root, Path::new("/root")))
        .envs(environment)
        .env("TMPDIR", temporary)
        .env("PATH", path);
    if let Some(port) = spec.port {
        command.env("PORT", port.to_string());
    }
    Ok(command)
}

/// Overrides as Cloud Run has them: a command drops the image's CMD too, arguments replace CMD.
fn words(spec: &ContainerSpec) -> Vec<String> {
    let config = &spec.image.config;
    let (entrypoint, command) = if spec.command.is_empty() {
        (&config.entrypoint, &config.command)
    } else {
        (&spec.command, &Vec::new())
    };
    let arguments = if spec.arguments.is_empty() { command } else { &spec.arguments };
    [entrypoint.as_slice(), arguments.as_slice()].concat()
}

/// The program's file: in the image where it exists there, else on the machine.
fn find(program: &str, path: &OsStr, root: &Path, directory: &Path) -> Option<PathBuf> {
    let candidates: Vec<PathBuf> = if program.starts_with('/') {
        let program = Path::new(program);
        vec![within(root, program), program.to_path_buf()]
    } else if program.contains('/') {
        vec![directory.join(program)]
    } else {
        std::env::split_paths(path).map(|directory| directory.join(program)).collect()
    };
    candidates.into_iter().find(|candidate| {
        candidate
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}
