//! Unix sockets (Go's `UnixListener` and `UnixConn`).

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use gopark_trace::words::FdDir::{Read as Reads, Write as Writes};
use socket2::{Domain, SockAddr, Type};

use super::fd::{Fd, Socket};
use super::methods::{deadlines, from_std, options, stream};
use super::tcp::BACKLOG;

impl Socket for net::UnixListener {
    const WHAT: &'static str = "Unix listener";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }
}

impl Socket for net::UnixStream {
    const WHAT: &'static str = "Unix connection";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }
}

impl Socket for net::UnixDatagram {
    const WHAT: &'static str = "Unix datagram socket";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }
}

/// A socket that returns instead of blocking.
fn socket(kind: Type) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A Unix socket that listens for connections; see [`std::os::unix::net::UnixListener`]. Its path
/// stays when it is closed, as in std.
#[derive(Clone)]
pub struct UnixListener {
    fd: Arc<Fd<net::UnixListener>>,
}

impl UnixListener {
    /// Listens at `path`.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixListener::bind`].
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let socket = socket(Type::STREAM)?;
        socket.bind(&SockAddr::unix(path)?)?;
        socket.listen(BACKLOG)?;
        Ok(Self { fd: Arc::new(Fd::made(socket.into())) })
    }

    /// Accepts a connection, parking until there is one.
    ///
    /// # Errors
    /// If the listener was closed, or the system says so (too many open files).
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, addr) = self.fd.io(Reads, net::UnixListener::accept)?;
        stream.set_nonblocking(true)?;
        Ok((UnixStream { fd: Arc::new(Fd::made(stream)) }, addr))
    }

    /// The connections that come, one after another.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }
}

options!(UnixListener, net::UnixListener {
    /// Where it listens.
    local_addr -> SocketAddr,
    /// Takes the error that waits at the socket.
    take_error -> Option<io::Error>,
});

from_std!(UnixListener, net::UnixListener);
deadlines!(UnixListener);

/// The connections that come to a Unix listener; it never ends.
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl fmt::Debug for UnixIncoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixIncoming").field("listener", self.listener).finish()
    }
}

/// A Unix connection; see [`std::os::unix::net::UnixStream`].
#[derive(Clone)]
pub struct UnixStream {
    fd: Arc<Fd<net::UnixStream>>,
}

impl UnixStream {
    /// Connects to the listener at `path`.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixStream::connect`], and as in Go if the listener's queue is full.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let fd = Arc::new(Fd::made(net::UnixStream::from(socket(Type::STREAM)?)));
        fd.connect(&SockAddr::unix(path)?, None)?;
        Ok(Self { fd })
    }

    /// Two that are connected to each other.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixStream::pair`].
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = net::UnixStream::pair()?;
        let made = |s: net::UnixStream| -> io::Result<Self> {
            s.set_nonblocking(true)?;
            Ok(Self { fd: Arc::new(Fd::made(s)) })
        };
        Ok((made(a)?, made(b)?))
    }
}

options!(UnixStream, net::UnixStream {
    /// Its own address.
    local_addr -> SocketAddr,
    /// The address of the other side.
    peer_addr -> SocketAddr,
    /// Takes the error that waits at the socket.
    take_error -> Option<io::Error>,
});

stream!(UnixStream, net::UnixStream);
from_std!(UnixStream, net::UnixStream);

/// A Unix socket for datagrams; see [`std::os::unix::net::UnixDatagram`].
#[derive(Clone)]
pub struct UnixDatagram {
    fd: Arc<Fd<net::UnixDatagram>>,
}

impl UnixDatagram {
    fn made(socket: net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { fd: Arc::new(Fd::made(socket)) })
    }

    /// A socket at `path`.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixDatagram::bind`].
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::made(net::UnixDatagram::bind(path)?)
    }

    /// A socket without a path.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixDatagram::unbound`].
    pub fn unbound() -> io::Result<Self> {
        Self::made(net::UnixDatagram::unbound()?)
    }

    /// Two that are connected to each other.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixDatagram::pair`].
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = net::UnixDatagram::pair()?;
        Ok((Self::made(a)?, Self::made(b)?))
    }

    /// From now on it sends to this path.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixDatagram::connect`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.fd.enter(|s| s.connect(path))
    }

    /// Receives a datagram, and from whom.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixDatagram::recv_from`], if it was closed, or its deadline is over.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.fd.io(Reads, |s| s.recv_from(buf))
    }

    /// Receives a datagram.
    ///
    /// # Errors
    /// As [`UnixDatagram::recv_from`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.fd.io(Reads, |s| s.recv(buf))
    }

    /// Sends a datagram to a path.
    ///
    /// # Errors
    /// As [`std::os::unix::net::UnixDatagram::send_to`], if it was closed, or its deadline is over.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        self.fd.io(Writes, |s| s.send_to(buf, path))
    }

    /// Sends a datagram to whom it is connected to.
    ///
    /// # Errors
    /// As [`UnixDatagram::send_to`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.fd.io(Writes, |s| s.send(buf))
    }

    /// Ends reading, writing or both.
    ///
    /// # Errors
    /// If it was closed, or the system says so.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.fd.enter(|s| s.shutdown(how))
    }
}

options!(UnixDatagram, net::UnixDatagram {
    /// Its own address.
    local_addr -> SocketAddr,
    /// The address it is connected to.
    peer_addr -> SocketAddr,
    /// Takes the error that waits at the socket.
    take_error -> Option<io::Error>,
});

from_std!(UnixDatagram, net::UnixDatagram);
deadlines!(UnixDatagram);
