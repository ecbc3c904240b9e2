//! The client of `echo`: on each connection a message of 64 bytes goes to and fro, over bare epoll.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::epoll::Epoll;
use crate::measure::{percentile, raise_file_limit};

/// What it prints, on one line. Requests are all it made, those of the warm-up too.
pub(crate) const METRICS: [&str; 4] = ["req/s", "p50 us", "p99 us", "requests"];

const MESSAGE: usize = 64;
/// What is left out at the beginning.
const WARM_UP: Duration = Duration::from_millis(200);

struct Connection {
    stream: TcpStream,
    /// How many messages were sent; in the first bytes of each.
    count: u64,
    sent: Instant,
    /// What came back of it so far.
    got: usize,
    buffer: [u8; MESSAGE],
}

impl Connection {
    fn new(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server accepts");
        stream.set_nodelay(true).expect("a TCP stream");
        stream.set_nonblocking(true).expect("a TCP stream");
        Self { stream, count: 0, sent: Instant::now(), got: 0, buffer: [0; MESSAGE] }
    }

    fn send(&mut self) {
        let mut message = [0x5a; MESSAGE];
        self.count += 1;
        message[..8].copy_from_slice(&self.count.to_le_bytes());
        (self.got, self.sent) = (0, Instant::now());
        self.stream.write_all(&message).expect("64 bytes find room");
    }

    /// Reads what is there. True if the message is back whole.
    fn receive(&mut self) -> bool {
        match self.stream.read(&mut self.buffer[self.got..]) {
            Ok(0) => panic!("the server hung up"),
            Ok(read) => self.got += read,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => panic!("{e}"),
        }
        if self.got < MESSAGE {
            return false;
        }
        let (count, rest) = self.buffer.split_at(8);
        assert_eq!(count, self.count.to_le_bytes(), "the message that was sent");
        assert!(rest.iter().all(|&byte| byte == 0x5a), "all of it");
        true
    }
}

/// Talks to the server for a while and prints [`METRICS`].
pub(crate) fn talk(addr: SocketAddr, connections: usize, time: Duration) {
    raise_file_limit();
    let mut epoll = Epoll::new();
    let mut connections: Vec<_> = (0..connections).map(|_| Connection::new(addr)).collect();
    for (n, connection) in connections.iter_mut().enumerate() {
        epoll.add(connection.stream.as_raw_fd(), n as u64);
        connection.send();
    }
    let mut waits = Vec::new();
    let mut requests = 0_u64;
    let begin = Instant::now() + WARM_UP;
    let end = begin + time;
    let mut now = Instant::now();
    while now < end {
        for n in epoll.wait() {
            let connection = &mut connections[n as usize];
            if !connection.receive() {
                continue;
            }
            now = Instant::now();
            requests += 1;
            if now >= begin {
                waits.push((now - connection.sent).as_nanos() as f64 / 1e3);
            }
            connection.send();
        }
    }
    let rate = waits.len() as f64 / (now - begin).as_secs_f64();
    let (p50, p99) = (percentile(&mut waits, 0.5), percentile(&mut waits, 0.99));
    println!("{rate} {p50} {p99} {requests}");
}
