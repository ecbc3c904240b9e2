//! The lab and the system's descriptors: what is ready, and how much real time has to pass.
//!
//! **Between its own sockets** everything comes from the program, so it must not depend on real
//! time. Pipes and Unix sockets hand over at once; for what goes over the loopback device the lab
//! waits ([`settle`](super::settle)), before a goroutine uses a descriptor and before it asks what
//! is ready. What is ready comes in the order of registration, and only to those who wait for it:
//! when the kernel says that an acknowledgement has come, and that more can be written, depends on
//! its own timers. So the same program does the same. (How much of a big buffer one write takes is
//! still the kernel's choice.)
//!
//! **With others** (another process, a thread of no run) real time is what counts: while a goroutine
//! waits for one of those, the lab's clock goes as the real one does and does not jump.
//!
//! When nothing else can ever act and a goroutine waits for a descriptor, the lab waits for real.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use gopark_trace::ids::Nanos;
use mio::Registry;
use socket2::{Domain, SockRef};

use super::settle::Echo;
use crate::netpoll::{FdEvent, FdEvents, PollDesc};
use crate::platform::Origin;
use crate::platform::poller::{self, Poller};

/// How long a real wait lasts before the lab looks whether it is to stop.
const SLICE: Duration = Duration::from_millis(20);

/// Who has the other end of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// Nobody yet, or anybody: a listener, a socket that is not connected.
    Nobody,
    /// This program.
    Inside,
    /// Who has this port on this machine.
    Port(u16),
    /// Somebody else.
    Foreign,
}

/// A descriptor that is registered.
struct Seen {
    desc: &'static PollDesc,
    origin: Origin,
    local: Option<u16>,
    peer: Peer,
}

/// What there is once a descriptor was registered.
struct System {
    poller: Poller,
    registry: Registry,
    /// By their numbers, that is, in the order of registration.
    fds: BTreeMap<u32, Seen>,
    /// How many descriptors of the lab have a local port.
    ports: HashMap<u16, u32>,
    /// What the system said and nobody has asked for yet.
    ready: Vec<FdEvent>,
    /// Made with the first socket that may need it.
    echo: Option<Echo>,
}

/// The system's descriptors, as the lab sees them.
#[derive(Default)]
pub(super) struct Outside {
    system: RefCell<Option<System>>,
    /// Something may be on its way between sockets of the lab.
    in_flight: Cell<bool>,
    /// Something was done since the system was asked what is ready.
    stirred: Cell<bool>,
}

/// What a look before the clock moves brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Who polls has something to do, at this moment.
    At(Nanos),
    /// Nothing: the clock may move.
    Nothing,
}

impl Outside {
    pub(super) fn add(
        &self,
        fd: BorrowedFd<'_>,
        desc: &'static PollDesc,
        origin: Origin,
    ) -> io::Result<()> {
        let mut system = self.system.borrow_mut();
        let system = match &mut *system {
            Some(system) => system,
            none => none.insert(System::new()?),
        };
        poller::add(&system.registry, fd, desc.token())?;
        let seen = Seen { desc, origin, local: None, peer: Peer::Nobody };
        system.fds.insert(desc.token().id, seen);
        system.learn(fd, desc, None);
        self.stirred.set(true);
        Ok(())
    }

    /// A descriptor has addresses now.
    pub(super) fn peer(&self, fd: BorrowedFd<'_>, desc: &'static PollDesc, to: Option<SocketAddr>) {
        if let Some(system) = &mut *self.system.borrow_mut() {
            system.learn(fd, desc, to);
        }
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>, desc: &'static PollDesc) {
        if let Some(system) = &mut *self.system.borrow_mut() {
            poller::remove(&system.registry, fd);
            system.forget(desc.token().id);
            system.ready.retain(|event| event.token != desc.token());
        }
        self.before_io();
    }

    /// A goroutine is about to use a descriptor.
    pub(super) fn before_io(&self) {
        self.settle();
        self.in_flight.set(true);
        self.stirred.set(true);
        if let Some(System { echo: Some(echo), .. }) = &*self.system.borrow() {
            echo.note();
        }
    }

    /// Waits for what is on its way between sockets of the lab.
    fn settle(&self) {
        if !self.in_flight.replace(false) {
            return;
        }
        if let Some(System { echo: Some(echo), .. }) = &*self.system.borrow() {
            echo.settle();
        }
    }

    /// Gives what is ready, in the order of registration.
    pub(super) fn ask(&self, events: &mut FdEvents) {
        self.look_now(false);
        if let Some(system) = &mut *self.system.borrow_mut() {
            let fits = system.ready.iter().position(|&event| !events.push(event));
            let taken = fits.unwrap_or(system.ready.len());
            system.ready.drain(..taken);
        }
    }

    /// Whether something is ready now; the system is asked if something was done, or `anyway`.
    fn look_now(&self, anyway: bool) -> bool {
        self.settle();
        let mut system = self.system.borrow_mut();
        let Some(system) = &mut *system else { return false };
        let anyway = anyway || system.foreign_waits();
        if system.ready.is_empty() && (self.stirred.replace(false) || anyway) {
            system.ask(Some(Duration::ZERO));
        }
        !system.ready.is_empty()
    }

    /// Whether a goroutine waits for any descriptor.
    pub(super) fn is_waited_for(&self) -> bool {
        let system = self.system.borrow();
        system.as_ref().is_some_and(|s| s.fds.values().any(|seen| seen.desc.is_waited()))
    }

    /// Somebody polls and nobody can act before `first`, if ever: looks what is ready, and waits for
    /// real as long as it must; `stop` says that it must not any longer.
    pub(super) fn look(&self, now: Nanos, first: Option<Nanos>, stop: impl Fn() -> bool) -> Look {
        let jump = first.map(|first| Duration::from_nanos(first.minus(now).0));
        let far = jump.is_none_or(|jump| jump >= Duration::from_millis(1));
        if self.look_now(far) {
            return Look::At(now);
        }
        if first.is_none() && !self.is_waited_for() {
            // Who polls has nothing to wait for any more: it finds that out by itself.
            return Look::At(now);
        }
        let foreign = self.system.borrow().as_ref().is_some_and(System::foreign_waits);
        if !far || !(foreign || first.is_none()) {
            return Look::Nothing;
        }
        let start = Instant::now();
        loop {
            let left = jump.map(|jump| jump.saturating_sub(start.elapsed()));
            // The system counts in milliseconds, and rounds up.
            if left.is_some_and(|left| left < Duration::from_millis(1)) {
                return Look::Nothing;
            }
            let slice = left.map_or(SLICE, |left| left.min(SLICE)).max(Duration::from_millis(1));
            let ready = match &mut *self.system.borrow_mut() {
                Some(system) => system.ask(Some(slice)),
                None => false,
            };
            if ready || stop() {
                let passed = if foreign { start.elapsed() } else { Duration::ZERO };
                let at = now.plus(passed.into());
                return Look::At(first.map_or(at, |first| at.min(first)));
            }
        }
    }
}

impl System {
    fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        let registry = poller.registry()?;
        Ok(Self {
            poller,
            registry,
            fds: BTreeMap::new(),
            ports: HashMap::new(),
            ready: Vec::new(),
            echo: None,
        })
    }

    /// Asks the system, and waits that long. Whether anything is ready.
    fn ask(&mut self, timeout: Option<Duration>) -> bool {
        let mut events = FdEvents::new();
        self.poller.wait(timeout, &mut events);
        let told = events
            .as_slice()
            .iter()
            .filter_map(|event| self.fds.get(&event.token.id)?.desc.for_waiters(*event));
        self.ready.extend(told);
        self.ready.sort_by_key(|event| event.token.id);
        !self.ready.is_empty()
    }

    /// Learns where the ends of a descriptor are.
    fn learn(&mut self, fd: BorrowedFd<'_>, desc: &PollDesc, to: Option<SocketAddr>) {
        let id = desc.token().id;
        let Some(mut seen) = self.forget(id) else { return };
        let socket = SockRef::from(&fd);
        match socket.domain() {
            Ok(Domain::UNIX) => seen.peer = unix_peer(fd, &socket),
            Ok(_) => {
                self.echo = self.echo.take().or_else(|| Echo::new().ok());
                let local = socket.local_addr().ok().and_then(|addr| addr.as_socket());
                let peer = socket.peer_addr().ok().and_then(|addr| addr.as_socket()).or(to);
                seen.local = local.map(|addr| addr.port()).filter(|&port| port != 0);
                seen.peer = match (peer, local) {
                    (None, _) => Peer::Nobody,
                    (Some(peer), Some(local)) if is_here(peer, local) => Peer::Port(peer.port()),
                    (Some(_), _) => Peer::Foreign,
                };
            }
            // A pipe, or something else.
            Err(_) if seen.origin == Origin::Brought => seen.peer = Peer::Foreign,
            Err(_) => seen.peer = Peer::Inside,
        }
        seen.local.into_iter().for_each(|port| *self.ports.entry(port).or_default() += 1);
        self.fds.insert(id, seen);
    }

    fn forget(&mut self, id: u32) -> Option<Seen> {
        let seen = self.fds.remove(&id)?;
        if let Some(count) = seen.local.and_then(|port| self.ports.get_mut(&port)) {
            *count -= 1;
        }
        Some(seen)
    }

    /// Whether a goroutine waits for somebody outside.
    fn foreign_waits(&self) -> bool {
        self.fds.values().any(|seen| {
            let foreign = match seen.peer {
                Peer::Nobody | Peer::Inside => false,
                Peer::Port(port) => self.ports.get(&port).is_none_or(|count| *count == 0),
                Peer::Foreign => true,
            };
            foreign && seen.desc.is_waited()
        })
    }
}

/// Whether an address is on this machine, as seen from a socket that is connected to it.
fn is_here(peer: SocketAddr, local: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback() || peer.ip().is_unspecified() || peer.ip() == local.ip()
}

/// Who has the other end of a Unix socket.
fn unix_peer(fd: BorrowedFd<'_>, socket: &SockRef<'_>) -> Peer {
    if socket.peer_addr().is_err() {
        return Peer::Nobody;
    }
    match peer_process(fd) {
        // Datagrams have no such thing.
        Some(0) | None => Peer::Inside,
        Some(pid) if pid == std::process::id() => Peer::Inside,
        Some(_) => Peer::Foreign,
    }
}

/// The process that made the other end.
#[cfg(target_os = "linux")]
fn peer_process(fd: BorrowedFd<'_>) -> Option<u32> {
    let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointers are to a ucred of ours and to its size.
    let failed = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    (failed == 0).then(|| cred.pid.unsigned_abs())
}

/// The process that made the other end: not known here.
#[cfg(not(target_os = "linux"))]
fn peer_process(_fd: BorrowedFd<'_>) -> Option<u32> {
    None
}
