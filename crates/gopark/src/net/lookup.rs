//! Names of hosts (Go's `LookupHost`, by the system's resolver).

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::syscall::known_to_block;

/// The addresses of `host:port`. The system looks the name up and may take long; the P is given away
/// first, so others go on.
///
/// # Errors
/// When there is no such name.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn lookup(host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
    known_to_block("getaddrinfo", || host_and_port.to_socket_addrs().map(Iterator::collect))
}
