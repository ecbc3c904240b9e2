//! A pure fold of scheduler events into a world one can seek in.
//!
//! In reading order:
//! - [`things`]: goroutines, Ms, Ps, channels, locks, timers as a viewer sees them.
//! - [`world`]: the state at one moment, and [`World::apply`], which takes it one event further.
//! - [`history`]: all events of a run, and the world at any of them.
//! - [`mod@validate`]: the rules that hold over time, checked on any stream of events.
//! - [`findings`]: what is wrong with a program or a trace, in words.
//!
//! Nothing here reads a clock or knows where events come from. Whatever the events say, nothing
//! here panics: an event that cannot be is a [`Violation`], and the world goes on with what the
//! event says.
#![forbid(unsafe_code)]

pub mod things;

pub mod world;

pub mod history;

pub mod validate;

pub mod findings;

mod pages;

pub use findings::{Finding, FindingKind};
pub use history::{History, Limits};
pub use things::{
    Cell, Channel, Cond, Counts, Descriptor, Goroutine, Lock, MStatus, Machine, Once, PStatus,
    Place, Pool, Processor, Select, SelectCase, Semaphore, Timer, WaitGroup,
};
pub use validate::{Validator, validate};
pub use world::{Violation, World};
