//! Signals: the host leaves within a second, and the next run finishes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::bench::Bench;
use crate::guest::Guest;

#[test]
fn the_first_signal_ends_the_host_within_a_second() {
    let bench = Bench::new();
    let service = r#"{"name": "storage.googleapis.com"}"#;
    let stack =
        Guest::default().declare("serviceusage.googleapis.com/Service", "storage", service, "{}").build();
    bench.write("dev.wasm", stack);
    assert!(bench.run(&["cloud", "start"]).starts_with("exit 0\n"));
    for signal in [Signal::INT, Signal::TERM] {
        // The answer takes far longer than anybody would wait.
        let rule =
            json!({"method": "POST", "path": "batchEnable", "action": {"delay": {"milliseconds": 60_000}}});
        bench.ask("POST", "_local/faults", Some(rule));
        let mut host = Command::new(env!("CARGO_BIN_EXE_mlflow-host"))
            .args(["up", "dev.wasm", "--yes", "--json"])
            .current_dir(bench.path())
            .env_clear()
            .envs(bench.environment())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It has begun when the request is in the journal of the stack.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !bench.journals().contains("\"intent\"") {
            assert!(host.try_wait().unwrap().is_none(), "the host ended by itself");
            assert!(Instant::now() < deadline, "the host never sent anything");
            std::thread::sleep(Duration::from_millis(20));
        }
        let asked = Instant::now();
        kill_process(Pid::from_child(&host), signal).unwrap();
        let status = host.wait().unwrap();
        assert_eq!(status.code(), Some(3));
        // The bound is a promise to users: it is generous here, for machines with much else to do.
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        println!("ended {} ms after {signal:?}", asked.elapsed().as_millis());
        bench.ask("DELETE", "_local/faults", None);
        assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
        assert!(bench.run(&["destroy", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    }
}
