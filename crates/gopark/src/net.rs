//! Sockets and pipes on which goroutines park (Go's `net` and `internal/poll`).
//!
//! The types have the names and methods of `std::net` and `std::os::unix::net`, so what is written
//! for those, and every library over `std::io::{Read, Write}`, works on them unchanged: a call looks
//! blocking, and only its goroutine waits. What Go has beyond that is there too: `close`, which
//! lets go of everybody who waits, and deadlines.
//!
//! ```
//! use std::io::{Read, Write};
//! use gopark::net::{TcpListener, TcpStream};
//!
//! let answer = gopark::lab(7).run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0").unwrap();
//!     let addr = listener.local_addr().unwrap();
//!     gopark::go(move || {
//!         let (mut stream, _) = listener.accept().unwrap();
//!         let mut word = [0; 4];
//!         stream.read_exact(&mut word).unwrap();
//!         word.reverse();
//!         stream.write_all(&word).unwrap();
//!     });
//!     let mut stream = TcpStream::connect(addr).unwrap();
//!     stream.write_all(b"stop").unwrap();
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer).unwrap();
//!     answer
//! });
//! assert_eq!(answer, "pots");
//! ```
//!
//! **What is Go's and not std's.** TCP connections have `TCP_NODELAY` and keep-alive set, and
//! listeners have as long a queue as the system allows. Reads wait for other reads of the same
//! socket and writes for other writes, and a `write_all` is not torn apart by another one. What is
//! over a deadline fails with `TimedOut` ("i/o timeout"), what is closed with `NotConnected` ("use
//! of closed network connection").
//!
//! **Clones share everything.** `try_clone` makes another handle to the same socket, with the same
//! deadlines; `close` closes it for all of them. Without a `close` it is closed with the last
//! handle.
//!
//! **Names** given as an address are looked up by the system, which blocks the thread; addresses in
//! numbers never do. [`lookup`] gives the P away for that time.
//!
//! In reading order: `fd` (what all have in common), `methods`, `tcp`, `udp`, `unix`, `pipe`, `lookup`.

mod fd;
mod lookup;
mod methods;

mod pipe;
mod tcp;
mod udp;
mod unix;

pub use self::fd::is_closed;
pub use self::lookup::lookup;
pub use self::pipe::{PipeReader, PipeWriter, pipe};
pub use self::tcp::{Incoming, TcpListener, TcpStream};
pub use self::udp::UdpSocket;
pub use self::unix::{UnixDatagram, UnixIncoming, UnixListener, UnixStream};
