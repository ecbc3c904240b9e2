//! Contexts: who is cancelled, when, in which order, and why.

#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;
use std::time::Duration;

use drives::{both_drives as each_end, live};
use gopark::context::{self, Cause, Context, Error};
use gopark::trace::Event;
use gopark::{chan, go, lab, since_start, yield_now};

/// Runs `program` in both drives; it must come to its end.
fn both_drives(program: fn()) {
    each_end(program, |end| end.unwrap());
}

const MILLI: Duration = Duration::from_millis(1);

/// Whether the context is cancelled and says so on its channel.
fn is_done(ctx: &Context) -> bool {
    ctx.done().try_recv() == Ok(None)
}

fn cause(text: &'static str) -> Cause {
    Arc::new(std::io::Error::other(text))
}

#[test]
fn roots_are_never_cancelled() {
    // Go: TestBackground, TestTODO.
    both_drives(|| {
        for ctx in [context::background(), context::todo()] {
            assert!(ctx.done().is_nil());
            assert_eq!((ctx.err(), ctx.deadline()), (None, None));
        }
        assert_eq!(format!("{:?}", context::background()), "context.Background");
        assert_eq!(format!("{:?}", context::todo()), "context.TODO");
    });
}

#[test]
fn cancel_closes_done_and_says_why_once() {
    // Go: TestWithCancel, TestCause, XTestCancelRemoves.
    both_drives(|| {
        let (ctx, cancel) = context::with_cancel(&context::background());
        assert!(!is_done(&ctx) && ctx.err().is_none() && ctx.cause().is_none());
        let (tx, rx) = chan(1);
        let done = ctx.done();
        drop(go(move || tx.send(done.recv())));
        cancel.cancel();
        cancel.cancel();
        assert_eq!(rx.recv(), Some(None));
        assert_eq!(ctx.err().map(|e| e.to_string()).as_deref(), Some("context canceled"));
        let (ctx, cancel) = context::with_cancel_cause(&context::background());
        cancel.cancel(cause("first"));
        cancel.cancel(cause("second"));
        assert_eq!(ctx.cause().map(|c| c.to_string()).as_deref(), Some("first"));
        assert_eq!(ctx.err(), Some(Error::Canceled));
    });
}

#[test]
fn a_parent_takes_its_children_with_it() {
    // Go: TestParentFinishesChild, TestChildFinishesFirst.
    both_drives(|| {
        let (parent, cancel) = context::with_cancel_cause(&context::background());
        let (first, cancel_first) = context::with_cancel(&parent);
        let valued = context::with_value(&parent, 1, "one");
        let (second, _second) = context::with_timeout(&valued, 1000 * MILLI * 60);
        cancel_first.cancel();
        assert!(is_done(&first) && !is_done(&parent) && !is_done(&second));
        cancel.cancel(cause("enough"));
        assert!(is_done(&parent) && is_done(&valued) && is_done(&second));
        assert_eq!(second.err(), Some(Error::Canceled));
        assert_eq!(second.cause().map(|c| c.to_string()).as_deref(), Some("enough"));
        assert_eq!(first.cause().map(|c| c.to_string()).as_deref(), Some("context canceled"));
        // What is made under a cancelled one is cancelled.
        let (late, _late) = context::with_cancel(&parent);
        assert!(is_done(&late));
    });
}

#[test]
fn deadlines_and_timeouts() {
    // Go: TestDeadline, TestTimeout, TestCanceledTimeout, TestWithDeadlineCause.
    lab(3).run(|| {
        let root = context::background();
        let (ctx, _c) = context::with_timeout(&root, 5 * MILLI);
        let (inner, _i) = context::with_deadline(&ctx, 90 * MILLI);
        assert_eq!(inner.deadline(), ctx.deadline());
        assert_eq!(inner.done().recv(), None);
        assert!(since_start() < 6 * MILLI);
        assert_eq!(ctx.err(), Some(Error::DeadlineExceeded));
        assert_eq!(Error::DeadlineExceeded.to_string(), "context deadline exceeded");
        let (past, _p) = context::with_deadline_cause(&root, Duration::ZERO, cause("too late"));
        assert!(is_done(&past));
        assert_eq!(past.cause().map(|c| c.to_string()).as_deref(), Some("too late"));
        let (early, cancel) = context::with_timeout(&root, 5 * MILLI);
        cancel.cancel();
        gopark::sleep(10 * MILLI);
        assert_eq!(early.err(), Some(Error::Canceled));
    });
    both_drives(|| {
        let (ctx, _cancel) = context::with_timeout(&context::background(), MILLI);
        assert_eq!(ctx.done().recv(), None);
        assert_eq!(ctx.err(), Some(Error::DeadlineExceeded));
    });
}

#[test]
fn values_and_what_is_kept_without_cancel() {
    // Go: TestValues, TestWithoutCancel.
    both_drives(|| {
        #[derive(PartialEq, Eq)]
        struct Key(u8);
        let (parent, cancel) = context::with_cancel(&context::background());
        let a = context::with_value(&parent, Key(1), "a");
        let b = context::with_value(&a, Key(1), "b");
        let c = context::with_value(&b, 1_u8, 7_u32);
        assert_eq!(a.value(&Key(1)), Some(&"a"));
        assert_eq!((c.value(&Key(1)), c.value(&1_u8)), (Some(&"b"), Some(&7_u32)));
        assert_eq!(c.value::<_, &str>(&Key(2)), None);
        let free = context::without_cancel(&c);
        cancel.cancel();
        assert!(is_done(&c) && free.done().is_nil() && free.err().is_none());
        assert_eq!(free.value(&Key(1)), Some(&"b"));
    });
}

#[test]
fn functions_that_run_after_a_context() {
    // Go: TestAfterFuncCalledAfterCancel, TestAfterFuncCalledImmediately, TestAfterFuncNotCalledAfterStop.
    both_drives(|| {
        let (ctx, cancel) = context::with_cancel(&context::background());
        let (tx, rx) = chan(3);
        let (stopped, late) = (tx.clone(), tx.clone());
        let ran = context::after_func(&ctx, move || tx.send(1));
        let stop = context::after_func(&ctx, move || stopped.send(2));
        assert!(stop.stop() && !stop.stop());
        yield_now();
        assert!(rx.is_empty());
        cancel.cancel();
        assert_eq!(rx.recv(), Some(1));
        assert!(!ran.stop());
        drop(context::after_func(&ctx, move || late.send(3)));
        assert_eq!(rx.recv(), Some(3));
        assert!(rx.is_empty());
    });
}

#[test]
fn parents_are_closed_before_their_children_and_the_trace_holds() {
    let program = || {
        let (a, cancel) = context::with_cancel(&context::background());
        let (b, _b) = context::with_cancel(&a);
        let (_c, _c2) = context::with_cancel(&b);
        let (_d, _d2) = context::with_timeout(&a, MILLI);
        cancel.cancel();
    };
    let memory = gopark::sink::Memory::default();
    lab(5).record(memory.clone()).run(program);
    let lab_records = memory.records();
    live(2).record(memory.clone()).try_run(program).unwrap();
    for records in [lab_records, memory.records()] {
        let found = gopark_model::validate(&records);
        assert!(found.is_empty(), "{found:#?}");
        let order = records.iter().filter_map(|r| match &r.event {
            Event::CtxCancel { ctx, .. } => Some(ctx.0),
            _ => None,
        });
        assert_eq!(order.collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
