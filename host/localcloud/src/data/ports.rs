//! Ports on 127.0.0.1: each owner keeps the port it was given.
//!
//! The range lies below the kernel's ephemeral ports, so an outgoing connection never takes one.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::Path;

use super::file::FileError;
use super::table::Table;

/// Where ports are taken from.
const RANGE: RangeInclusive<u16> = 18_000..=19_999;
/// How many there are.
const COUNT: u32 = 2_000;

/// Why a port could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    /// The owner's own port is held by another program.
    #[error(
        "port {port} of {owner} is in use by another program: end that program (`ss -ltnp 'sport = :{port}'` shows it) and try again"
    )]
    Taken {
        /// Who the port belongs to.
        owner: String,
        /// The port.
        port: u16,
    },
    /// The whole range is in use.
    #[error(
        "no port between {} and {} is free on 127.0.0.1: end the programs that listen there, or reset the local cloud",
        RANGE.start(),
        RANGE.end()
    )]
    Exhausted,
    /// The table could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The ports handed out, by owner.
#[derive(Debug)]
pub(crate) struct Ports {
    table: Table<u16>,
    /// Where the search for a free port begins. It differs from directory to directory, so that two local
    /// clouds that look at the same moment do not find the same port.
    first: u16,
}

impl Ports {
    /// Opens the port table of the local cloud in `directory`.
    pub(crate) async fn open(directory: &Path) -> Result<Self, FileError> {
        let spread = crc32c::crc32c(directory.as_os_str().as_encoded_bytes());
        let first = u16::try_from(spread % COUNT).unwrap_or_default();
        Ok(Self { table: Table::open(directory.join("ports.json")).await?, first })
    }

    /// The port of `owner`: the one it already has, which must be free now, else a new free one.
    pub(crate) async fn allocate(&self, owner: &str) -> Result<u16, PortError> {
        self.table
            .update(|rows| {
                if let Some(port) = rows.get(owner).copied() {
                    return if is_free(port) {
                        Ok(port)
                    } else {
                        Err(PortError::Taken { owner: owner.to_owned(), port })
                    };
                }
                let split = RANGE.start() + self.first;
                let port = (split..=*RANGE.end())
                    .chain(*RANGE.start()..split)
                    .find(|port| !rows.values().any(|taken| taken == port) && is_free(*port))
                    .ok_or(PortError::Exhausted)?;
                rows.insert(owner.to_owned(), port);
                Ok(port)
            })
            .await
    }

    /// Gives the port of `owner` back.
    pub(crate) async fn release(&self, owner: &str) -> Result<(), FileError> {
        self.table.remove(owner).await.map(drop)
    }
}

/// True when nothing listens on the port, neither on 127.0.0.1 nor on all addresses.
///
/// A container usually binds 0.0.0.0, which fails when any address has the port.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_stable_and_a_taken_one_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let ports = Ports::open(directory.path()).await.unwrap();
        let port = ports.allocate("service").await.unwrap();
        let reopened = Ports::open(directory.path()).await.unwrap();
        assert_eq!(reopened.allocate("service").await.unwrap(), port);

        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let error = reopened.allocate("service").await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("port {port} of service is in use by another program")),
            "{error}"
        );
        assert_ne!(reopened.allocate("another").await.unwrap(), port);
    }
}
