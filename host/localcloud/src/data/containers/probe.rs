//! Startup probes, with Cloud Run's fields and rules.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Between two connections of one try.
const PAUSE: Duration = Duration::from_millis(20);

/// A startup probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    /// What is tried.
    pub(crate) check: Check,
    /// Wait before the first try.
    pub(crate) initial_delay: Duration,
    /// Time from the start of one try to the start of the next.
    pub(crate) period: Duration,
    /// How long one try may take.
    pub(crate) timeout: Duration,
    /// Tries before giving up.
    pub(crate) failure_threshold: u32,
}

/// What a probe tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// A connection to 127.0.0.1 on this port. One try goes on until the port is open: the probe that Cloud Run
    /// adds to a container without one tries once, for four minutes.
    Tcp(u16),
    /// `GET path` answers 200 to 399.
    Http {
        /// Port on 127.0.0.1.
        port: u16,
        /// Path with a leading slash.
        path: String,
        /// Additional request headers.
        headers: Vec<(String, String)>,
    },
}

impl Probe {
    /// Tries until it succeeds; the last failure's reason after the last try.
    pub(super) async fn succeed(&self) -> Result<(), String> {
        tokio::time::sleep(self.initial_delay).await;
        // A period of zero would panic.
        let mut tries = tokio::time::interval(self.period.max(Duration::from_millis(1)));
        tries.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reason = "no try was allowed".to_owned();
        for _ in 0..self.failure_threshold {
            tries.tick().await;
            match tokio::time::timeout(self.timeout, self.check.attempt()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => reason = error,
                Err(_) => reason = format!("no answer within {} s", self.timeout.as_secs_f32()),
            }
        }
        Err(reason)
    }
}

impl Check {
    /// One try; the error says what went wrong.
    async fn attempt(&self) -> Result<(), String> {
        match self {
            Self::Tcp(port) => {
                while connect(*port).await.is_err() {
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(())
            }
            Self::Http { port, path, headers } => match get(*port, path, headers).await? {
                200..=399 => Ok(()),
                status => Err(format!("GET {path} on port {port} answered {status}")),
            },
        }
    }
}

async fn connect(port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("nothing answers on port {port}: {error}"))
}

/// The status of a GET request. A probe needs no more of HTTP than this.
async fn get(port: u16, path: &str, headers: &[(String, String)]) -> Result<u16, String> {
    let broken = |error: std::io::Error| format!("port {port} does not speak HTTP: {error}");
    let mut stream = connect(port).await?;
    let mut request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\nUser-Agent: GoogleHC/1.0\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut line = String::new();
    // A server that never ends its first line must not fill the memory.
    BufReader::new(stream.take(1024)).read_line(&mut line).await.map_err(broken)?;
    line.strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split_whitespace().nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| format!("port {port} does not speak HTTP: it answered {:?}", line.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_try_of_a_port_goes_on_until_it_is_open() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let probe = Probe {
            check: Check::Tcp(port),
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(240),
            timeout: Duration::from_secs(240),
            failure_threshold: 1,
        };
        let trying = probe.succeed();
        tokio::pin!(trying);
        let early = tokio::time::timeout(Duration::from_millis(50), &mut trying).await;
        assert!(early.is_err(), "{early:?}");
        let _listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        trying.await.unwrap();
    }
}
