//! A directory to run commands in.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// A directory to work in, which is also the home of the host.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path().join(name), content).unwrap();
        self
    }

    /// Exit code, standard output and standard error, without what differs from run to run.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::cargo_bin("mlflow-host")
            .unwrap()
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("MLFLOW_HOST_HOME", self.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            timeless(&text.replace(&self.path().display().to_string(), "HOME"))
        };
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let part =
            |name: &str, text: String| if text.is_empty() { text } else { format!("--- {name}\n{text}") };
        format!("exit {}\n{}{}", output.status.code().unwrap(), part("out", out), part("err", err))
    }

    /// The names of the files and directories here.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The same text with every `elapsedMilliseconds` set to 0.
fn timeless(text: &str) -> String {
    const KEY: &str = "\"elapsedMilliseconds\":";
    let mut parts = text.split(KEY);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        format!("{before}{KEY}0{}", part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
    })
}
