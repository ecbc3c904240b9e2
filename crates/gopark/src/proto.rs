//! The protocols between threads: small state words, each with its race and its argument.
//!
//! They use [`crate::atomics`] only, so that `tests/loom.rs` can run them under a model checker
//! without any of the rest.

pub(crate) mod claim;
pub(crate) mod futex_lock;
pub(crate) mod gword;
pub(crate) mod note;
pub(crate) mod select_word;
pub(crate) mod poll_word;
pub(crate) mod spinning;
