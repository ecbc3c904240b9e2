//! TCP (Go's `TCPListener` and `TCPConn`).

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use gopark_trace::words::FdDir::{Read as Reads, Write as Writes};
use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};

use super::fd::{Fd, Socket};
use super::methods::{deadlines, from_std, options, stream};

/// How many connections may wait to be accepted: the system takes its own limit if that is less
/// (`maxListenerBacklog`).
pub(super) const BACKLOG: i32 = 65_535;
/// After how long without a word the other side is asked whether it is there, and how often
/// (`defaultTCPKeepAlive…`).
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_PROBES: u32 = 9;

impl Socket for std::net::TcpListener {
    const WHAT: &'static str = "TCP listener";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }
}

impl Socket for std::net::TcpStream {
    const WHAT: &'static str = "TCP connection";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }
}

/// A socket of `kind` for `addr` that returns instead of blocking.
fn socket(addr: &SocketAddr, kind: Type, protocol: Protocol) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(*addr), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Does `f` for each address until one succeeds.
pub(super) fn each<R>(
    addrs: impl ToSocketAddrs,
    mut f: impl FnMut(&SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut last = None;
    for addr in addrs.to_socket_addrs()? {
        match f(&addr) {
            Ok(result) => return Ok(result),
            Err(error) => last = Some(error),
        }
    }
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address");
    Err(last.unwrap_or_else(none))
}

/// A TCP socket that listens for connections; see [`std::net::TcpListener`].
#[derive(Clone)]
pub struct TcpListener {
    fd: Arc<Fd<std::net::TcpListener>>,
}

impl TcpListener {
    /// Listens at `addr`; port 0 lets the system choose. The address may be used again right after
    /// the listener is gone.
    ///
    /// # Errors
    /// As [`std::net::TcpListener::bind`].
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        each(addr, |addr| {
            let socket = socket(addr, Type::STREAM, Protocol::TCP)?;
            socket.set_reuse_address(true)?;
            socket.bind(&(*addr).into())?;
            socket.listen(BACKLOG)?;
            Ok(Self { fd: Arc::new(Fd::made(socket.into())) })
        })
    }

    /// Accepts a connection, parking until there is one.
    ///
    /// # Errors
    /// If the listener was closed, or the system says so (too many open files).
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let op = self.fd.begin(Reads)?;
        loop {
            match op.run(std::net::TcpListener::accept) {
                Ok((stream, addr)) => {
                    stream.set_nonblocking(true)?;
                    return Ok((TcpStream::made(stream)?, addr));
                }
                // It was given up before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The connections that come, one after another.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If it was closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.with(std::net::TcpListener::local_addr)
    }
}

options!(TcpListener, std::net::TcpListener {
    /// The time to live of packets from it.
    ttl -> u32,
    /// Sets the time to live of packets from it.
    set_ttl(ttl: u32),
    /// Takes the error that waits at the socket.
    take_error -> Option<io::Error>,
});

from_std!(TcpListener, std::net::TcpListener);
deadlines!(TcpListener);

/// The connections that come to a listener; it never ends.
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("listener", self.listener).finish()
    }
}

/// A TCP connection; see [`std::net::TcpStream`].
#[derive(Clone)]
pub struct TcpStream {
    fd: Arc<Fd<std::net::TcpStream>>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    /// As [`std::net::TcpStream::connect`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last = None;
        // No closure: the caller's line would be lost in it.
        for addr in addr.to_socket_addrs()? {
            match Self::connect_one(&addr, None) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| each(&[][..], |_| Ok(())).expect_err("there is no address")))
    }

    /// Connects, but waits for `timeout` at the most.
    ///
    /// # Errors
    /// `TimedOut`, or as [`std::net::TcpStream::connect_timeout`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            let text = "cannot set a 0 duration timeout";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Self::connect_one(addr, Some(timeout))
    }

    #[track_caller]
    fn connect_one(addr: &SocketAddr, timeout: Option<Duration>) -> io::Result<Self> {
        let socket = socket(addr, Type::STREAM, Protocol::TCP)?;
        let fd = Arc::new(Fd::made(std::net::TcpStream::from(socket)));
        fd.connect(&(*addr).into(), timeout)?;
        let stream = Self { fd };
        stream.fd.with(set_up)?;
        Ok(stream)
    }

    fn made(stream: std::net::TcpStream) -> io::Result<Self> {
        set_up(&stream)?;
        Ok(Self { fd: Arc::new(Fd::made(stream)) })
    }

    /// Its own address.
    ///
    /// # Errors
    /// If it was closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.with(std::net::TcpStream::local_addr)
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// If it was closed, or is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.fd.with(std::net::TcpStream::peer_addr)
    }

    /// Reads what is there without taking it away, parking until something is.
    ///
    /// # Errors
    /// As for a read.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.fd.io(Reads, |s| s.peek(buf))
    }
}

/// What Go sets on every connection.
fn set_up(stream: &std::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE)
        .with_retries(KEEP_ALIVE_PROBES);
    // A peer that has gone already is found out by who reads or writes.
    let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
    Ok(())
}

options!(TcpStream, std::net::TcpStream {
    /// Whether small packets are sent at once; they are unless this is changed.
    nodelay -> bool,
    /// Sets whether small packets are sent at once.
    set_nodelay(on: bool),
    /// The time to live of its packets.
    ttl -> u32,
    /// Sets the time to live of its packets.
    set_ttl(ttl: u32),
    /// Takes the error that waits at the socket.
    take_error -> Option<io::Error>,
});

stream!(TcpStream, std::net::TcpStream);
from_std!(TcpStream, std::net::TcpStream);
