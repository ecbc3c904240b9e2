//! WaitGroup and Mutex, with Go's queues, hand-overs and words (`sync`, `sema.go`).

mod mutex;
mod waitgroup;

pub use mutex::{GoMutex, Mutex, MutexGuard};
pub use waitgroup::WaitGroup;
