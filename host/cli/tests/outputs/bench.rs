//! A directory to run commands in.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value as Json;
use tempfile::TempDir;

/// A directory to work in, which is also the home of the host.
pub(crate) struct Bench {
    directory: TempDir,
    /// How many requests were meant to break Google's description of its APIs.
    wrong_requests: Cell<usize>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), wrong_requests: Cell::new(0) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path().join(name), content).unwrap();
        self
    }

    /// Exit code, standard output and standard error, without what differs from run to run.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, &[])
    }

    /// As on a machine with nothing installed.
    pub(crate) fn run_without_tools(&self, arguments: &[&str]) -> String {
        let nowhere =
            ["PATH", "MLFLOW_HOST_POSTGRES_BIN", "MLFLOW_HOST_PYTHON"].map(|name| (name, "/nowhere"));
        self.run_with(arguments, &nowhere)
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let output = Command::cargo_bin("mlflow-host")
            .unwrap()
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(self.environment())
            .envs(variables.iter().copied())
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

    /// The variables that make this directory the home of everything.
    pub(crate) fn environment(&self) -> [(&'static str, &Path); 2] {
        [("HOME", self.path()), ("MLFLOW_HOST_HOME", self.path())]
    }

    /// Asks the local cloud, which must run. The answer must be one of success.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<Json>) -> Json {
        let (succeeds, text) = self.send(method, path, body);
        assert!(succeeds, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Asks the local cloud, which must run, for something that it has to refuse.
    pub(crate) fn ask_in_vain(&self, method: &str, path: &str) {
        let (succeeds, text) = self.send(method, path, None);
        assert!(!succeeds, "{method} {path}: {text}");
    }

    /// Asks the local cloud, which must run, for something that no API has.
    pub(crate) fn ask_wrongly(&self, method: &str, path: &str) {
        self.ask_in_vain(method, path);
        self.wrong_requests.set(self.wrong_requests.get() + 1);
    }

    /// Whether the local cloud answers with success, and what it says.
    fn send(&self, method: &str, path: &str, body: Option<Json>) -> (bool, String) {
        // An error says that another test has installed it, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let status = self.run(&["cloud", "status", "--json"]);
        let status = status.lines().find(|line| line.starts_with('{')).unwrap();
        let status: Json = serde_json::from_str(status).unwrap();
        let address = format!("{}/{path}", status["endpoint"].as_str().unwrap().trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client.request(method.parse().unwrap(), address);
            let request = match body {
                Some(body) => request.json(&body),
                None => request,
            };
            let response = request.send().await.unwrap();
            (response.status().is_success(), response.text().await.unwrap())
        })
    }

    /// The text of all journals here.
    pub(crate) fn journals(&self) -> String {
        let mut text = String::new();
        let mut directories = vec![self.path().join(".mlflow-host")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.ends_with("journal.jsonl") {
                    text.push_str(&fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        text
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

/// `Done in 0.3s: …` and `✓ + create  …  0.3s`, without the duration.
fn timeless_line(line: &str) -> String {
    if let Some((took, rest)) = line.strip_prefix("Done in ").and_then(|line| line.split_once(": ")) {
        assert!(took.ends_with('s'), "{line}");
        return format!("Done in TIME: {rest}");
    }
    if let Some((_, rest)) = line.strip_prefix("Not finished in ").and_then(|line| line.split_once(": ")) {
        return format!("Not finished in TIME: {rest}");
    }
    if let Some((what, _)) = line.rsplit_once("  after ").filter(|(what, _)| what.starts_with('✗')) {
        return format!("{what}  after TIME\n");
    }
    if let Some((label, seed)) = line.split_once("mlflow-host-seed: \"") {
        let seeds: Vec<_> = seed.trim_end().split(" → \"").collect();
        assert!(seeds.iter().all(|seed| seed.trim_end_matches('"').len() == "abcde".len()), "{line}");
        return format!("{label}mlflow-host-seed: \"SEED\"\n");
    }
    match line.rsplit_once("  ") {
        Some((what, took)) if what.starts_with('✓') && took.ends_with("s\n") => format!("{what}  TIME\n"),
        _ => line.to_owned(),
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Whatever was started here has to end here, also when a test has failed.
        if self.path().join("cloud").exists() {
            self.run(&["cloud", "stop"]);
        }
        if std::thread::panicking() {
            return;
        }
        // The host asks for nothing that Google's description of its APIs does not know.
        let log = fs::read_to_string(self.path().join("cloud/requests.jsonl")).unwrap_or_default();
        let wrong: Vec<_> = log.lines().filter(|line| line.contains("\"violation\":")).collect();
        assert_eq!(wrong.len(), self.wrong_requests.get(), "wrong requests: {wrong:#?}");
    }
}

/// The same text with every `elapsedMilliseconds` set to 0, other durations as `TIME`, and seeds as `SEED`.
fn timeless(text: &str) -> String {
    const KEY: &str = "\"elapsedMilliseconds\":";
    let text: String = text.split_inclusive('\n').map(timeless_line).collect();
    let mut parts = text.split('#');
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |before, part| {
        let (seed, rest) = part.split_at_checked(5).unwrap_or((part, ""));
        let is_seed = seed.bytes().all(|byte| byte.is_ascii_alphanumeric()) && rest.starts_with('"');
        if is_seed { format!("{before}#SEED{rest}") } else { format!("{before}#{part}") }
    });
    let mut parts = text.split(KEY);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        format!("{before}{KEY}0{}", part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
    })
}
