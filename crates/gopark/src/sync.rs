//! Go's `sync`, with Go's queues, hand-overs and words.
//!
//! What goroutines wait for each other with, and [`Pool`]. For atomics, those of `std` serve: they
//! neither wait nor switch.
//!
//! In reading order, for those who read the inside: `word`, `call` and `sema` (what the others stand
//! on), then one file for each thing.

mod word;

pub(crate) mod call;

mod sema;

mod mutex;
mod rwmutex;
mod waitgroup;

mod cond;
mod once;
mod semaphore;

mod pool;

pub use cond::{Cond, Locker};
pub use mutex::{GoMutex, Mutex, MutexGuard};
pub use once::{Once, OnceValue};
pub use pool::Pool;
pub use rwmutex::{GoRwMutex, RLocker, RwMutex, RwMutexGuard, RwMutexReadGuard};
pub use semaphore::Semaphore;
pub use waitgroup::WaitGroup;
