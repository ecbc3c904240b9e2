//! The vocabulary of gopark: everything a Go-style scheduler can be seen to do, as data.
//!
//! The runtime writes [`Record`]s, the model folds them, the stage draws them; the three meet only
//! here, and this crate imports none of them. In reading order:
//!
//! - [`ids`]: who acts and what is acted on, as newtypes; ordinals, never addresses or raw fds.
//! - [`words`]: the small closed sets of words: wait reasons with Go's own text, queues, modes.
//! - [`event`]: the closed [`Event`] enum. One table drives its codec, docs and narration.
//! - [`rule`]: why an event happened, with the numbers of that case, as data.
//! - [`record`]: an event in its place: time, sequence, actors, source line, rule, certainty.
//! - [`snapshot`]: the whole state at one moment: how a recording, an attachment and the time
//!   after a gap begin.
//! - [`wire`]: bytes of one value. [`frame`]: framed, checksummed bytes of many, on a file or a
//!   socket. [`file`](mod@file): recordings. [`protocol`]: what the stage and a program say to each other.
//! - [`ring`]: the per-thread ring of a live run, lock-free and drop-newest. [`merge`]: the one
//!   order made of many rings.
#![forbid(unsafe_code)]

#[macro_use]
mod table;
mod sync;

// One to a paragraph: so rustfmt leaves them in reading order.

pub mod ids;

pub mod words;

pub mod event;

pub mod rule;

pub mod record;

pub mod snapshot;

pub mod wire;

pub mod frame;

pub mod file;

pub mod protocol;

pub mod ring;

pub mod merge;

pub use event::Event;
pub use ids::{
    CellId, ChanId, CondId, CtxId, FdId, GId, LockId, MId, Nanos, Obj, OnceId, PId, PoolId, SemId,
    SiteId, TimerId, WgId,
};
pub use record::{Actor, Certainty, Record};
pub use rule::Rule;
pub use snapshot::Snapshot;
pub use table::{ArgSpec, Spec};
pub use words::*;
