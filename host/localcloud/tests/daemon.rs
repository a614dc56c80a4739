//! The daemon as a process: this program is its own daemon when it is called with `cloud serve`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot be had here fails the test, helpers included"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mlflow_host_localcloud::{Daemon, DaemonError, Endpoint, LocalCloud, ServeOptions, Status};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let ["cloud", "serve", "--directory", directory, rest @ ..] =
        arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        return runtime.block_on(serve(directory, rest));
    }
    // Test runners ask for a list, and may name the tests they want.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("daemon: test");
        return ExitCode::SUCCESS;
    }
    runtime.block_on(async {
        one_daemon_per_directory().await;
        a_killed_daemon_is_replaced().await;
        a_taken_port_is_told().await;
        reset_leaves_nothing().await;
    });
    println!("test daemon ... ok");
    ExitCode::SUCCESS
}

async fn serve(directory: &str, rest: &[&str]) -> ExitCode {
    let mut options = ServeOptions::new(directory);
    if let ["--port", port] = rest {
        options.port = port.parse().unwrap();
    }
    match LocalCloud::serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

async fn start(directory: &Path) -> Endpoint {
    Daemon::ensure_started(directory, &program()).await.unwrap()
}

fn is_alive(pid: u32) -> bool {
    // A zombie of ours is not alive.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

async fn one_daemon_per_directory() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("cloud");
    let (one, other, third) = tokio::join!(start(&data), start(&data), start(&data));
    assert_eq!((&one, &one), (&other, &third), "starts at the same time find the same daemon");
    assert_eq!(Daemon::status(&data).await.unwrap(), Status::Running(one.clone()));
    assert_eq!(start(&data).await, one);
    assert!(Daemon::stop(&data).await.unwrap());
    assert!(!is_alive(one.pid));
    assert!(!Daemon::stop(&data).await.unwrap());
    assert_eq!(Daemon::status(&data).await.unwrap(), Status::Stopped);
}

async fn a_killed_daemon_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("cloud");
    let first = start(&data).await;
    let pid = rustix::process::Pid::from_raw(first.pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(data.join("daemon.json").exists(), "a killed daemon leaves its endpoint behind");
    // The lock is free when the last of its threads has gone.
    while Daemon::status(&data).await.unwrap() != Status::Stopped {
        tokio::task::yield_now().await;
    }
    let second = start(&data).await;
    assert_ne!(first.pid, second.pid);
    assert_eq!(first.token, second.token);
    assert!(Daemon::stop(&data).await.unwrap());
}

async fn a_taken_port_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let arguments = ["--port".to_owned(), port.to_string()];
    let data = directory.path().join("cloud");
    let error = Daemon::ensure_started_with(&data, &program(), &arguments).await.unwrap_err();
    assert!(matches!(error, DaemonError::Ended { .. }));
    assert!(error.to_string().contains(&format!("port {port} on 127.0.0.1 is in use")), "{error}");
}

async fn reset_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("cloud");
    let endpoint = start(&data).await;
    Daemon::reset(&data).await.unwrap();
    assert!(!data.exists());
    assert!(!is_alive(endpoint.pid));
    Daemon::reset(&data).await.unwrap();
}
