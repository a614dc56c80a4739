//! Private addresses: each Cloud SQL instance has a loopback address of its own, and keeps it.
//!
//! Linux answers on all of 127.0.0.0/8. Addresses come from 127.64.0.0/16, and the third part is
//! derived from the data directory, so two local clouds on one machine seldom meet.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::file::FileError;
use super::table::Table;

/// Why an address could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    /// No address of the range is free.
    #[error(
        "no loopback address in 127.64.0.0/16 has port {port} free: end the programs that listen there, or reset the local cloud"
    )]
    Exhausted {
        /// The port that had to be free.
        port: u16,
    },
    /// The table could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The addresses handed out, by owner.
#[derive(Debug)]
pub(crate) struct Addresses {
    table: Table<Ipv4Addr>,
    first_block: u8,
}

impl Addresses {
    /// Opens the address table of the local cloud in `directory`.
    pub(crate) async fn open(directory: &Path) -> Result<Self, FileError> {
        let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
        Ok(Self { table: Table::open(directory.join("addresses.json")).await?, first_block: digest[0] })
    }

    /// The address of `owner`: the one it already has, else a new one on which `port` is free.
    pub(crate) async fn allocate(&self, owner: &str, port: u16) -> Result<Ipv4Addr, AddressError> {
        let first_block = self.first_block;
        self.table
            .update(|rows| {
                if let Some(address) = rows.get(owner) {
                    return Ok(*address);
                }
                let address = candidates(first_block)
                    .find(|address| !rows.values().any(|taken| taken == address) && is_free(*address, port))
                    .ok_or(AddressError::Exhausted { port })?;
                rows.insert(owner.to_owned(), address);
                Ok(address)
            })
            .await
    }

    /// The address of `owner`, if it has one.
    pub(crate) async fn get(&self, owner: &str) -> Option<Ipv4Addr> {
        self.table.get(owner).await
    }

    /// Gives the address of `owner` back.
    pub(crate) async fn release(&self, owner: &str) -> Result<(), FileError> {
        self.table.remove(owner).await.map(drop)
    }
}

/// All addresses of the range, beginning with the given block.
fn candidates(first_block: u8) -> impl Iterator<Item = Ipv4Addr> {
    (0..=u8::MAX).flat_map(move |step| {
        let block = first_block.wrapping_add(step);
        (2..=254).map(move |host| Ipv4Addr::new(127, 64, block, host))
    })
}

/// True when nothing listens on `port` of `address` at this moment.
pub(crate) fn is_free(address: Ipv4Addr, port: u16) -> bool {
    TcpListener::bind((address, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_owner_keeps_its_address_across_a_restart_and_a_stranger_gets_another() {
        let directory = tempfile::tempdir().unwrap();
        let addresses = Addresses::open(directory.path()).await.unwrap();
        let first = addresses.allocate("one", 5432).await.unwrap();
        let second = addresses.allocate("two", 5432).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(first.octets()[..2], [127, 64]);

        let reopened = Addresses::open(directory.path()).await.unwrap();
        assert_eq!(reopened.allocate("one", 5432).await.unwrap(), first);
        reopened.release("one").await.unwrap();
        assert_eq!(reopened.get("one").await, None);
    }

    #[tokio::test]
    async fn an_address_in_use_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let addresses = Addresses::open(directory.path()).await.unwrap();
        let probe = addresses.allocate("probe", 5499).await.unwrap();
        addresses.release("probe").await.unwrap();
        let _listener = TcpListener::bind((probe, 5499)).unwrap();
        assert_ne!(addresses.allocate("other", 5499).await.unwrap(), probe);
    }
}
