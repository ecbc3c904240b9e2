//! The atomics and the futex that the protocols of [`crate::proto`] stand on.
//!
//! The model checker includes those protocols with a module of this name made of loom's atomics;
//! nothing in `proto` names `std::sync` itself.

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence, fence,
};

/// Sleeps until `word` is woken, unless it no longer holds `value`. May wake for no reason.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32) {
    atomic_wait::wait(word, value);
}

/// Wakes one sleeper on `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    atomic_wait::wake_one(word);
}

/// Tells the processor that this is a spin loop.
pub(crate) fn spin_hint() {
    std::hint::spin_loop();
}
