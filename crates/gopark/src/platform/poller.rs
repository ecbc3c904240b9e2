//! The system's poller (mio), as both platforms use it: edge-triggered, both directions, 128 events
//! at once.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Waker};

use crate::netpoll::{EVENTS, FdEvent, FdEvents, Token};

/// What one M at a time asks, or waits in.
pub(super) struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(EVENTS) })
    }

    /// What breaks a wait off.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), mio::Token(Token::default().pack()))
    }

    /// Where descriptors are registered, also while somebody waits.
    pub(super) fn registry(&self) -> io::Result<Registry> {
        self.poll.registry().try_clone()
    }

    /// Asks the system once, and waits that long.
    pub(super) fn wait(&mut self, timeout: Option<Duration>, events: &mut FdEvents) {
        // An interrupted wait is a short wait: who waits looks again.
        let _ = self.poll.poll(&mut self.events, timeout);
        for event in &self.events {
            let token = Token::unpack(event.token().0);
            // What is wrong with a descriptor is told by reading and by writing.
            let read = event.is_readable() || event.is_read_closed() || event.is_error();
            let write = event.is_writable() || event.is_write_closed() || event.is_error();
            // The waker's has no descriptor.
            if token != Token::default() {
                let room = events.push(FdEvent { token, read, write });
                debug_assert!(room, "the system was asked for no more");
            }
        }
    }
}

/// Registers a descriptor: once, both directions.
pub(super) fn add(registry: &Registry, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
    let both = Interest::READABLE | Interest::WRITABLE;
    registry.register(&mut SourceFd(&fd.as_raw_fd()), mio::Token(token.pack()), both)
}

/// Takes it out again.
pub(super) fn remove(registry: &Registry, fd: BorrowedFd<'_>) {
    // It was registered, and it is open: there is no reason to fail.
    let _ = registry.deregister(&mut SourceFd(&fd.as_raw_fd()));
}
