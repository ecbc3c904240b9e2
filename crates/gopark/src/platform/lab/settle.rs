//! Waiting for what is on its way over the loopback device.
//!
//! The kernel hands over what is sent there before the call returns, but for one case: if another
//! thread is due on the processor at that moment, the rest stays in that processor's queue for a
//! thread of the kernel's. The queues are first in, first out, one for each processor. So the lab
//! sends itself a datagram and waits until it has come: what was sent before it on the same
//! processor has come then, too. It does so three times, because what comes may cause an answer (a
//! connection is a call, an answer and its answer).
//!
//! *Which processor?* If this thread was never switched away from since before the call, it is still
//! on the same one. If it was, the lab sends from every processor it may run on.

use std::cell::Cell;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

/// How often the lab sends itself a datagram.
const HOPS: u32 = 3;
/// How long it waits for one at the most: the device may be down, and then nothing is on its way.
const HOP_TIME: Duration = Duration::from_secs(2);

/// Where the lab sends itself datagrams.
pub(super) struct Echo {
    socket: UdpSocket,
    /// How often this thread had been switched away from when a descriptor was last used.
    switches: Cell<Option<i64>>,
}

impl Echo {
    pub(super) fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(socket.local_addr()?)?;
        socket.set_read_timeout(Some(HOP_TIME))?;
        Ok(Self { socket, switches: Cell::new(None) })
    }

    /// A descriptor is about to be used.
    pub(super) fn note(&self) {
        self.switches.set(sys::switches());
    }

    /// Waits for what was sent since then.
    pub(super) fn settle(&self) {
        let before = self.switches.take();
        let stayed = before.is_some() && before == sys::switches();
        self.hops();
        if !stayed {
            sys::on_every_processor(|| self.hops());
        }
    }

    fn hops(&self) {
        for _ in 0..HOPS {
            let mut byte = [0];
            if self.socket.send(&byte).and_then(|_| self.socket.recv(&mut byte)).is_err() {
                return;
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod sys {
    /// How often this thread was switched away from.
    pub(super) fn switches() -> Option<i64> {
        // SAFETY: all bytes zero are a valid rusage, and the pointer is to it.
        let (failed, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), usage)
        };
        (failed == 0).then(|| usage.ru_nvcsw + usage.ru_nivcsw)
    }

    /// Does `f` on each processor that this thread may run on, one after another.
    pub(super) fn on_every_processor(f: impl Fn()) {
        const SIZE: usize = size_of::<libc::cpu_set_t>();
        // SAFETY: all bytes zero are an empty set, and the pointer is to it.
        let (failed, all) = unsafe {
            let mut all: libc::cpu_set_t = std::mem::zeroed();
            (libc::sched_getaffinity(0, SIZE, &raw mut all), all)
        };
        if failed != 0 {
            return;
        }
        for cpu in 0..SIZE * 8 {
            // SAFETY: `cpu` is below the size of a set; the pointers are to sets of ours; 0 is this
            // thread.
            let moved = unsafe {
                let mut one: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(cpu, &mut one);
                libc::CPU_ISSET(cpu, &all) && libc::sched_setaffinity(0, SIZE, &raw const one) == 0
            };
            if moved {
                f();
            }
        }
        // SAFETY: as above.
        unsafe { libc::sched_setaffinity(0, SIZE, &raw const all) };
    }
}

#[cfg(not(target_os = "linux"))]
mod sys {
    /// Not known here.
    pub(super) fn switches() -> Option<i64> {
        None
    }

    /// Nowhere else to go.
    pub(super) fn on_every_processor(_f: impl Fn()) {}
}
