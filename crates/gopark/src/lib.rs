//! A Go-style work-stealing goroutine runtime that shows its work.
//!
//! ```
//! use gopark::{chan, go, sync::WaitGroup};
//!
//! let squares = gopark::lab(7).run(|| {
//!     let (tx, rx) = chan::<u64>(3);
//!     let wg = WaitGroup::new();
//!     for n in 0..4 {
//!         let (tx, wg) = (tx.clone(), wg.clone());
//!         wg.add(1);
//!         drop(go(move || { tx.send(n * n); wg.done(); }));
//!     }
//!     drop(go(move || { wg.wait(); tx.close() }));
//!     rx.into_iter().sum::<u64>()
//! });
//! assert_eq!(squares, 14);
//! ```
//!
//! Goroutines are stackful: blocking calls look blocking. The scheduler is Go 1.27's, rule by
//! rule; `ARCHITECTURE.md` says where Rust forces another way.
//!
//! In reading order, for those who read the inside: `proto` (the state words and their proofs),
//! `g` `m` `p` `runq` `timers` (the things), `sched` (the rules), `platform` (lab and live),
//! `kernel` and `current` (how goroutines reach the scheduler), `conductor` and `link` (who may let
//! it move), then the public parts below.

mod atomics;
mod lock;
mod proto;

mod g;
mod m;
mod netpoll;
mod p;
mod runq;
mod timers;
mod waitq;

mod current;
mod kernel;
mod platform;
mod sched;

mod conductor;
mod link;

mod chan;
pub mod context;
pub mod fs;
mod go;
mod ids;
pub mod net;
pub mod process;
pub mod racy;
mod run;
mod select;
pub mod sink;
pub mod sync;
mod syscall;
pub mod time;

pub use chan::{IntoIter, Iter, Receiver, Sender, WouldBlock, chan};
pub use go::{
    JoinHandle, Panicked, current_id, go, go_named, go_with_stack, goexit, gomaxprocs, log,
    num_goroutine, park_forever, set_name, work, yield_now,
};
pub use gopark_trace as trace;
pub use run::{Failure, Lab, Live, lab, live};
pub use select::{Select, Selected};
pub use syscall::{
    dump, lock_os_thread, set_gomaxprocs, syscall, syscall_blocking, syscall_blocking_for,
    syscall_for, unlock_os_thread,
};
pub use time::{since_start, sleep};

/// What `select!` is made of.
#[doc(hidden)]
pub mod __select {
    pub use crate::select::{AnyCase, RecvCase, SendCase, block, recv, select_among, send};
}

/// The README's programs are compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
