//! The protocols of `src/proto`, and nothing else of the runtime, under a model checker.
//!
//! Each model runs in every order its threads and memory allow. Beside what holds stands what breaks
//! without it: a model that could not fail would prove nothing.

#[path = "loom/atomics.rs"]
mod atomics;
#[path = "loom/checker.rs"]
mod checker;
#[path = "loom/proto.rs"]
mod proto;

#[path = "loom/claim.rs"]
mod claim;
#[path = "loom/lock.rs"]
mod lock;
#[path = "loom/note.rs"]
mod note;
#[path = "loom/park.rs"]
mod park;
#[path = "loom/select.rs"]
mod select;
#[path = "loom/poll.rs"]
mod poll;
#[path = "loom/submit.rs"]
mod submit;
