//! Go's `sync`, with Go's queues, hand-overs and words.
//!
//! In reading order, for those who read the inside: `word`, `call` and `sema` (what the others stand
//! on), then one file for each thing.

mod word;

mod call;

mod sema;

mod mutex;
mod waitgroup;

pub use mutex::{GoMutex, Mutex, MutexGuard};
pub use waitgroup::WaitGroup;
