//! A real image, run: as a server, as a job, and badly.

use super::*;
use crate::data::images::tests::Workshop;

const SERVER: &str = r#"
import http.server, os, pathlib, sys
pathlib.Path("note.txt").write_text("mine")
print("serving on", os.environ["PORT"], flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = "\n".join(sorted(k for k in os.environ)).encode()
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

struct Machine {
    workshop: Workshop,
    containers: Containers,
    image: ImageManifest,
}

impl Machine {
    async fn new() -> Self {
        let workshop = Workshop::new().await;
        let (image, log) = workshop
            .build(&[
                (
                    "Dockerfile",
                    "FROM python:3-slim\nWORKDIR /app\nCOPY server.py start.sh ./\nENV FROM_IMAGE=1 BOTH=image\nCMD [\"python\", \"server.py\"]\n",
                ),
                ("server.py", SERVER),
                ("start.sh", "#!/bin/sh\necho started by $0 in $(basename $PWD) with $BOTH; exit \"$1\"\n"),
            ])
            .await;
        let image = image.unwrap_or_else(|error| panic!("{error}\n{log:#?}"));
        let containers =
            Containers::open(workshop.directory.path().join("containers"), workshop.processes.clone())
                .await
                .unwrap();
        Self { workshop, containers, image }
    }

    fn spec(&self, id: &str, words: &[&str]) -> ContainerSpec {
        ContainerSpec {
            id: id.to_owned(),
            image: self.image.clone(),
            command: words.iter().map(ToString::to_string).collect(),
            arguments: Vec::new(),
            environment: BTreeMap::from([("BOTH".to_owned(), "service".to_owned())]),
            port: None,
            working_directory: None,
            log: self.workshop.directory.path().join(format!("{id}.log")),
        }
    }

    async fn job(&self, id: &str, words: &[&str]) -> Completion {
        self.containers.run(self.spec(id, words), Duration::from_secs(60)).await.unwrap()
    }

    fn leftovers(&self) -> usize {
        let directory = self.workshop.directory.path().join("containers");
        std::fs::read_dir(directory).unwrap().count() + self.workshop.processes.names().unwrap().len()
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn http(port: u16, path: &str) -> Probe {
    Probe {
        check: Check::Http { port, path: path.to_owned(), headers: Vec::new() },
        initial_delay: Duration::ZERO,
        period: Duration::from_millis(50),
        timeout: Duration::from_secs(5),
        failure_threshold: 1200,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_becomes_ready_serves_and_stops_without_a_trace() {
    let machine = Machine::new().await;
    let port = free_port();
    let mut spec = machine.spec("server", &[]);
    spec.port = Some(port);
    let container = machine.containers.start(spec).await.unwrap();
    container.ready(&http(port, "/health")).await.unwrap();
    assert_eq!(container.exit(), None);
    assert_eq!(container.tail(), [format!("serving on {port}")]);

    // Nothing of our own environment leaks in.
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    let names: Vec<&str> = answer.split("\r\n\r\n").nth(1).unwrap().lines().collect();
    assert_eq!(names, ["BOTH", "FROM_IMAGE", "HOME", "LANG", "PATH", "PORT", "TMPDIR"]);

    let bad = Probe { failure_threshold: 2, ..http(port, "/nowhere") };
    let error = container.ready(&bad).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "the startup probe failed 2 times, last with: GET /nowhere on port {port} answered 404; the end of the log:\nserving on {port}"
        )
    );

    // It writes into its own copy of the image.
    let copy = machine.workshop.directory.path().join("containers/server/root/app/note.txt");
    assert!(copy.exists());
    assert!(!machine.image.root.join("app/note.txt").exists());

    assert_eq!(container.stop(STOP_GRACE).await.unwrap(), Exit::Signal(15));
    assert_eq!(container.stop(STOP_GRACE).await.unwrap(), Exit::Signal(15));
    assert_eq!(process::members(container.pid()), Vec::<u32>::new());
    assert_eq!(machine.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_report_code_log_and_timeout() {
    let machine = Machine::new().await;
    let done = machine.job("job", &["/app/start.sh", "3"]).await;
    assert_eq!((done.exit, done.timed_out), (Exit::Code(3), false));
    assert!(done.log[0].ends_with("/app/start.sh in app with service"), "{:?}", done.log);

    // Its children end with it.
    let done = machine.job("forks", &["sh", "-c", "sleep 600 & echo $!"]).await;
    assert!(done.exit.is_success());
    let child: u32 = done.log[0].parse().unwrap();
    let gone =
        || !std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    while !gone() {
        tokio::task::yield_now().await;
    }

    let spec = machine.spec("endless", &["sleep", "600"]);
    let done = machine.containers.run(spec, Duration::from_millis(100)).await.unwrap();
    assert_eq!((done.exit, done.timed_out), (Exit::Signal(15), true));
    assert_eq!(machine.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_containers_are_told_apart() {
    let machine = Machine::new().await;
    let start = |spec| machine.containers.start(spec);
    let error = start(machine.spec("a", &["no-such-program"])).await.unwrap_err().to_string();
    assert!(
        error.starts_with("executable file \"no-such-program\" not found in the image: searched "),
        "{error}"
    );
    let mut spec = machine.spec("b", &["true"]);
    spec.working_directory = Some("/nowhere".to_owned());
    insta::assert_snapshot!(start(spec).await.unwrap_err(), @"the working directory /nowhere does not exist in the image");
    let mut spec = machine.spec("c", &[]);
    spec.image.config.command.clear();
    insta::assert_snapshot!(start(spec).await.unwrap_err(), @"the image has no command: add CMD to its Dockerfile, or set the container's command");

    // A container that dies fails its probe at once, long before the threshold.
    let container = start(machine.spec("d", &["sh", "-c", "echo oops >&2; exit 4"])).await.unwrap();
    let patient = Probe { period: Duration::from_secs(3600), ..http(free_port(), "/") };
    insta::assert_snapshot!(container.ready(&patient).await.unwrap_err(), @r"
    the container ended with exit code 4 before it was ready; the end of its log:
    oops
    ");
    assert_eq!(machine.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_daemon_ends_what_a_crash_left() {
    let machine = Machine::new().await;
    let container =
        machine.containers.start(machine.spec("left", &["sh", "-c", "sleep 600 & wait"])).await.unwrap();
    let reopened = Containers::open(
        machine.workshop.directory.path().join("containers"),
        machine.workshop.processes.clone(),
    );
    reopened.await.unwrap();
    assert_eq!(container.wait().await, Exit::Signal(15));
    assert_eq!(process::members(container.pid()), Vec::<u32>::new());
    assert_eq!(machine.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_get_their_time_to_end_when_the_leader_goes_first() {
    let machine = Machine::new().await;
    let script = "trap 'sleep 0.2; echo saved; exit' TERM; echo ready; while :; do sleep 0.05; done";
    let leader = format!("sh -c \"{script}\" & wait");
    let container = machine.containers.start(machine.spec("family", &["sh", "-c", &leader])).await.unwrap();
    while container.tail() != ["ready"] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    container.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(container.tail().last().unwrap(), "saved");
    assert_eq!(machine.leftovers(), 0);
}
