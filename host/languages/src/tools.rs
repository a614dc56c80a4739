//! The pinned compilers, installed once into a directory that is named by what is pinned.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::{Language, LanguageError};

/// Where compilers are kept, e.g., `~/.cache/mlflow-host/tools`.
#[derive(Debug, Clone)]
pub struct Tools {
    directory: PathBuf,
}

impl Tools {
    /// Keeps compilers in this directory, which need not exist yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory with what is pinned by `pins`, filled by `install` unless it is there already. One that was
    /// left half filled is filled anew; another process that fills it is waited for.
    pub(crate) fn installed(
        &self,
        language: Language,
        pins: &[&[u8]],
        install: impl FnOnce(&Path) -> Result<(), LanguageError>,
    ) -> Result<PathBuf, LanguageError> {
        let digest = pins.iter().fold(Sha256::new(), |digest, pin| {
            // The length keeps the pins apart.
            digest.chain_update((pin.len() as u64).to_le_bytes()).chain_update(pin)
        });
        let key = hex::encode(digest.finalize());
        let directory = self.directory.join(format!("{}-{}", language.word(), &key[..16]));
        let complete = directory.join("complete");
        fs::create_dir_all(&self.directory).map_err(LanguageError::disk(&self.directory))?;
        let lock = directory.with_extension("lock");
        let locked = File::create(&lock).map_err(LanguageError::disk(&lock))?;
        locked.lock().map_err(LanguageError::disk(&lock))?;
        if !complete.exists() {
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(LanguageError::disk(&directory)(error));
                }
                _ => {}
            }
            fs::create_dir_all(&directory).map_err(LanguageError::disk(&directory))?;
            install(&directory)?;
            File::create(&complete).map_err(LanguageError::disk(&complete))?;
        }
        Ok(directory)
    }
}

/// A tool that the machine has to have.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// Asks for what tells a good version.
    pub(crate) question: &'static [&'static str],
    /// Whether the answer is that of a good one.
    pub(crate) fits: fn(&str) -> bool,
    pub(crate) what: &'static str,
    pub(crate) command: &'static str,
}

impl Tool {
    /// A command of this tool, when the machine has it; and its answer, which tells versions apart.
    pub(crate) fn find(&self) -> Result<String, LanguageError> {
        let answer = Command::new(self.program)
            .args(self.question)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        answer
            .filter(|answer| (self.fits)(answer))
            .ok_or(LanguageError::MissingTool { what: self.what, command: self.command })
    }
}

/// Whether a version such as `go1.24.3`, `v20.1.0` or `3.11.2` is at least this one.
pub(crate) fn at_least(version: &str, major: u32, minor: u32) -> bool {
    let digits = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let mut numbers =
        digits.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

/// Runs a tool to its end. What it says on its outputs is for the author, so both become our standard error: the
/// standard output of a command holds its result alone.
pub(crate) fn run(command: &mut Command) -> Result<(), LanguageError> {
    let tool =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    tracing::debug!(?command, "running");
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|source| LanguageError::Disk { path: command.get_program().into(), source })?;
    if status.success() { Ok(()) } else { Err(LanguageError::ToolFailed { tool, status }) }
}

/// Python with venv, which also installs compilers that are published for it.
pub(crate) const PYTHON: Tool = Tool {
    program: "python3",
    question: &["-c", "import ensurepip, sys, venv; print(sys.version.split()[0], sys.executable)"],
    fits: |version| at_least(version, 3, 11),
    what: "Python 3.11 or newer with venv",
    command: "sudo apt-get install -y python3 python3-venv",
};

/// Installs the packages of a lock file with hashes into a virtual environment.
pub(crate) fn python_packages(directory: &Path, lock: &str) -> Result<(), LanguageError> {
    let requirements = directory.join("requirements.txt");
    fs::write(&requirements, lock).map_err(LanguageError::disk(&requirements))?;
    run(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
    run(Command::new(directory.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"])
        .args(["--only-binary=:all:", "--requirement"])
        .arg(requirements))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_tools_write_them() {
        assert!(at_least("go1.24", 1, 24) && at_least("go1.26.8", 1, 24) && !at_least("go1.19.8", 1, 24));
        assert!(at_least("v20.20.2", 20, 0) && !at_least("v18.19.0", 20, 0));
        assert!(at_least("3.11.2 /usr/bin/python3", 3, 11) && !at_least("", 1, 0));
    }

    #[test]
    fn a_tool_is_installed_once_and_again_after_a_failure() {
        let directory = tempfile::tempdir().unwrap();
        let tools = Tools::new(directory.path().join("tools"));
        let failing = tools.installed(Language::C, &[b"1"], |place| {
            fs::write(place.join("half"), "").unwrap();
            Err(LanguageError::NoStack("no".to_owned()))
        });
        assert!(failing.is_err());
        let place = tools
            .installed(Language::C, &[b"1"], |place| {
                assert!(!place.join("half").exists());
                Ok(())
            })
            .unwrap();
        let again = tools.installed(Language::C, &[b"1"], |_| panic!("it is there")).unwrap();
        assert_eq!(again, place);
        assert_ne!(tools.installed(Language::C, &[b"2"], |_| Ok(())).unwrap(), place);
    }

    #[test]
    fn what_is_missing_comes_with_a_command() {
        let tool = Tool { program: "mlflow-host-no-such-tool", ..PYTHON };
        let error = tool.find().unwrap_err().to_string();
        assert_eq!(
            error,
            "Python 3.11 or newer with venv is missing. Install it with\n    sudo apt-get install -y python3 \
             python3-venv"
        );
        assert!(Tool { fits: |_| false, ..PYTHON }.find().is_err());
    }

    #[test]
    fn a_failure_names_its_tool() {
        let error = run(&mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "false failed (exit status: 1)");
    }
}
