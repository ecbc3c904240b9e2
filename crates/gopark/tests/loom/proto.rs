//! The very files of the runtime; `crate::atomics` is loom's here.
#![allow(dead_code, reason = "the models use what the protocols need, not all there is")]

#[path = "../../src/proto/claim.rs"]
pub(crate) mod claim;
#[path = "../../src/proto/futex_lock.rs"]
pub(crate) mod futex_lock;
#[path = "../../src/proto/gword.rs"]
pub(crate) mod gword;
#[path = "../../src/proto/note.rs"]
pub(crate) mod note;
#[path = "../../src/proto/select_word.rs"]
pub(crate) mod select_word;
#[path = "../../src/proto/poll_word.rs"]
pub(crate) mod poll_word;
#[path = "../../src/proto/spinning.rs"]
pub(crate) mod spinning;
