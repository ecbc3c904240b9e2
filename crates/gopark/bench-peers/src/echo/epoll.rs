//! epoll without a runtime: what the client is made of, and a server as the limit of all others.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex};

/// One epoll.
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    pub(crate) fn new() -> Self {
        // SAFETY: it makes a new file that nobody else owns.
        let fd = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            assert!(fd >= 0, "epoll_create1");
            OwnedFd::from_raw_fd(fd)
        };
        Self { fd, events: vec![libc::epoll_event { events: 0, u64: 0 }; 1024] }
    }

    /// Waits for this file to be readable, too, and calls it so.
    pub(crate) fn add(&self, file: RawFd, name: u64) {
        add(self.fd.as_raw_fd(), file, name);
    }

    /// The names of those that are readable: at least one, but for an interruption.
    pub(crate) fn wait(&mut self) -> impl Iterator<Item = u64> + '_ {
        // SAFETY: the buffer has room for as many events as it says.
        let count = unsafe {
            let (events, room) = (self.events.as_mut_ptr(), self.events.len() as i32);
            libc::epoll_wait(self.fd.as_raw_fd(), events, room, -1)
        };
        self.events[..usize::try_from(count).unwrap_or(0)].iter().map(|event| event.u64)
    }
}

fn add(epoll: RawFd, file: RawFd, name: u64) {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: name };
    // SAFETY: both files are open; the event is read.
    let done = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, file, &raw mut event) };
    assert_eq!(done, 0, "epoll_ctl");
}

/// An echo server: threads with an epoll each, connections dealt out in turn by one that accepts.
pub(crate) fn serve(threads: usize, tell: impl FnOnce(SocketAddr)) {
    type Streams = Arc<Mutex<HashMap<u64, TcpStream>>>;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    tell(listener.local_addr().expect("it is bound"));
    let workers: Vec<(RawFd, Streams)> = (0..threads)
        .map(|_| {
            let mut epoll = Epoll::new();
            let fd = epoll.fd.as_raw_fd();
            let streams = Streams::default();
            let new = Arc::clone(&streams);
            std::thread::spawn(move || {
                let mut mine = HashMap::new();
                let mut buffer = [0; super::BUFFER];
                loop {
                    for name in epoll.wait() {
                        let stream = mine.entry(name).or_insert_with(|| {
                            new.lock().unwrap().remove(&name).expect("it was put there first")
                        });
                        let read = stream.read(&mut buffer).unwrap_or(0);
                        if read == 0 || stream.write_all(&buffer[..read]).is_err() {
                            mine.remove(&name);
                        }
                    }
                }
            });
            (fd, streams)
        })
        .collect();
    for n in 0.. {
        let (stream, _) = listener.accept().expect("the client connects");
        stream.set_nodelay(true).expect("a TCP stream");
        let (epoll, streams) = &workers[n as usize % threads];
        let file = stream.as_raw_fd();
        streams.lock().unwrap().insert(n, stream);
        add(*epoll, file, n);
    }
}
