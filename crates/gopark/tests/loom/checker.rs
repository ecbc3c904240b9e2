//! How models are run: to the end, or to the failure they must come to.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Checks `model` in every order with at most `preemptions` switches that no thread asked for.
/// Nearly all concurrency bugs show with two (Musuvathi and Qadeer 2007); `None` is all there are.
pub(crate) fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = preemptions;
    checker.check(model);
}

/// Checks that some order breaks `model` with one of these words.
#[track_caller]
pub(crate) fn must_fail(words: &[&str], model: impl Fn() + Sync + Send + 'static) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(None, model))) else {
        panic!("no order broke it");
    };
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    assert!(words.iter().any(|word| text.contains(word)), "it broke otherwise: {text}");
}
