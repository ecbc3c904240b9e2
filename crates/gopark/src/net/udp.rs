//! UDP (Go's `UDPConn`).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use gopark_trace::words::FdDir::{Read as Reads, Write as Writes};

use super::fd::{Fd, Socket};
use super::methods::{deadlines, from_std, options};
use super::tcp::each;

impl Socket for std::net::UdpSocket {
    const WHAT: &'static str = "UDP socket";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }
}

/// A UDP socket; see [`std::net::UdpSocket`].
#[derive(Clone)]
pub struct UdpSocket {
    fd: Arc<Fd<std::net::UdpSocket>>,
}

impl UdpSocket {
    /// A socket at `addr`; port 0 lets the system choose.
    ///
    /// # Errors
    /// As [`std::net::UdpSocket::bind`].
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        each(addr, |addr| {
            let socket = std::net::UdpSocket::bind(addr)?;
            socket.set_nonblocking(true)?;
            Ok(Self { fd: Arc::new(Fd::made(socket)) })
        })
    }

    /// From now on it sends to this address and receives from it only.
    ///
    /// # Errors
    /// As [`std::net::UdpSocket::connect`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        each(addr, |addr| {
            self.fd.enter(|s| s.connect(addr))?;
            self.fd.tell_peer(Some(*addr));
            Ok(())
        })
    }

    /// Receives a datagram, and from whom.
    ///
    /// # Errors
    /// As [`std::net::UdpSocket::recv_from`], if it was closed, or its deadline is over.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.fd.io(Reads, |s| s.recv_from(buf))
    }

    /// As [`UdpSocket::recv_from`], but the datagram stays.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.fd.io(Reads, |s| s.peek_from(buf))
    }

    /// Sends a datagram to an address.
    ///
    /// # Errors
    /// As [`std::net::UdpSocket::send_to`], if it was closed, or its deadline is over.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> io::Result<usize> {
        let Some(addr) = addr.to_socket_addrs()?.next() else {
            let text = "no addresses to send data to";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        self.fd.io(Writes, |s| s.send_to(buf, addr))
    }

    /// Receives a datagram of whom it is connected to.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.fd.io(Reads, |s| s.recv(buf))
    }

    /// As [`UdpSocket::recv`], but the datagram stays.
    ///
    /// # Errors
    /// As [`UdpSocket::recv_from`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.fd.io(Reads, |s| s.peek(buf))
    }

    /// Sends a datagram to whom it is connected to.
    ///
    /// # Errors
    /// As [`UdpSocket::send_to`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.fd.io(Writes, |s| s.send(buf))
    }

    /// Joins a group; see [`std::net::UdpSocket::join_multicast_v4`].
    ///
    /// # Errors
    /// If it was closed, or the system says so.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.fd.with(|s| s.join_multicast_v4(group, interface))
    }

    /// Joins a group; see [`std::net::UdpSocket::join_multicast_v6`].
    ///
    /// # Errors
    /// If it was closed, or the system says so.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.fd.with(|s| s.join_multicast_v6(group, interface))
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// If it was closed, or the system says so.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.fd.with(|s| s.leave_multicast_v4(group, interface))
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// If it was closed, or the system says so.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.fd.with(|s| s.leave_multicast_v6(group, interface))
    }
}

options!(UdpSocket, std::net::UdpSocket {
    /// Its own address.
    local_addr -> SocketAddr,
    /// The address it is connected to.
    peer_addr -> SocketAddr,
    /// Whether it may send to everybody.
    broadcast -> bool,
    /// Sets whether it may send to everybody.
    set_broadcast(on: bool),
    /// Whether what it sends to a group comes back to this machine.
    multicast_loop_v4 -> bool,
    /// Sets whether what it sends to a group comes back to this machine.
    set_multicast_loop_v4(on: bool),
    /// The time to live of what it sends to a group.
    multicast_ttl_v4 -> u32,
    /// Sets the time to live of what it sends to a group.
    set_multicast_ttl_v4(ttl: u32),
    /// Whether what it sends to a group comes back to this machine.
    multicast_loop_v6 -> bool,
    /// Sets whether what it sends to a group comes back to this machine.
    set_multicast_loop_v6(on: bool),
    /// The time to live of its datagrams.
    ttl -> u32,
    /// Sets the time to live of its datagrams.
    set_ttl(ttl: u32),
    /// Takes the error that waits at the socket.
    take_error -> Option<io::Error>,
});

from_std!(UdpSocket, std::net::UdpSocket);
deadlines!(UdpSocket);
