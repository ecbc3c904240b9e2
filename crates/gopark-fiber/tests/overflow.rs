//! How a process ends when a stack is too small, and how it ends when something else faults. Each end happens in a child: this
//! binary started again, with one test to run and a word that tells it to do the deed.

#![cfg(unix)]

use std::env;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::thread;

use gopark_fiber::{AltStack, Fiber, Guards, Label, StackConfig, Stacks, install_overflow_handler};

/// Set in the child.
const DEED: &str = "GOPARK_FIBER_TEST_DEED";

/// Runs `deed` in a child that runs the test `name` only. In the child, this is where it ends.
fn end_of(name: &str, deed: impl FnOnce()) -> Output {
    if env::var_os(DEED).is_some() {
        deed();
        unreachable!("the deed ends the process");
    }
    Command::new(env::current_exe().expect("this binary"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(DEED, name)
        .output()
        .expect("a child")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let frame = black_box([n; 16]);
    if n == u64::MAX { 0 } else { recurse(n + 1).wrapping_add(frame[3]) }
}

/// Runs `f` on a fiber of goroutine 7.
fn on_fiber(config: StackConfig, size: usize, name: &str, f: impl FnOnce() + 'static) {
    let mut stacks = Stacks::new(config).expect("a pool");
    let _neighbour =
        stacks.bind(size, &Label { goroutine: 6, name: "neighbour" }).expect("a stack");
    let stack = stacks.bind(size, &Label { goroutine: 7, name }).expect("a stack");
    let mut fiber = Fiber::<(), ()>::new(stack, move |_, ()| f());
    let _ = fiber.resume(());
}

#[track_caller]
fn assert_report(output: &Output, size: usize, owner: &str) {
    let expected = format!(
        "runtime: goroutine stack exceeds {size}-byte limit\nfatal error: stack overflow\n\n\
         gopark: goroutine {owner} ran out of its {size}-byte stack; give it a larger one with go_with_stack(size, f)\n"
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert_eq!(stderr(output), expected);
}

#[test]
fn an_overflow_is_reported_in_gos_words_with_its_exit_code() {
    let output = end_of("an_overflow_is_reported_in_gos_words_with_its_exit_code", || {
        install_overflow_handler().expect("installed");
        install_overflow_handler().expect("and again");
        let _alt = AltStack::install().expect("a signal stack");
        on_fiber(StackConfig::default(), 64 << 10, "worker", || {
            black_box(recurse(0));
        });
    });
    assert_report(&output, 65536, "7 [worker]");
}

#[test]
fn an_overflow_behind_a_protected_guard_on_stds_signal_stack() {
    let output = end_of("an_overflow_behind_a_protected_guard_on_stds_signal_stack", || {
        install_overflow_handler().expect("installed");
        let config = StackConfig { guards: Guards::Protect, ..StackConfig::default() };
        let name = "a name that is longer than what is kept of it, cut not inside ä";
        on_fiber(config, 1 << 20, name, || {
            black_box(recurse(0));
        });
    });
    assert_report(&output, 1 << 20, "7 [a name that is longer than what is kept of it, c]");
}

#[test]
fn an_overflow_on_a_fiber_within_a_fiber_names_the_inner() {
    let output = end_of("an_overflow_on_a_fiber_within_a_fiber_names_the_inner", || {
        install_overflow_handler().expect("installed");
        thread::spawn(|| {
            let _alt = AltStack::install().expect("a signal stack");
            let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
            let label = Label { goroutine: 1, name: "outer" };
            let outer = stacks.bind(64 << 10, &label).expect("a stack");
            let mut outer = Fiber::<(), ()>::new(outer, |_, ()| {
                on_fiber(StackConfig::default(), 16 << 10, "", || {
                    black_box(recurse(0));
                });
            });
            let _ = outer.resume(());
        })
        .join()
        .expect("not reached");
    });
    assert_report(&output, 16384, "7");
}

#[test]
fn another_fault_on_a_fiber_still_dies_by_its_signal() {
    let output = end_of("another_fault_on_a_fiber_still_dies_by_its_signal", || {
        install_overflow_handler().expect("installed");
        let _alt = AltStack::install().expect("a signal stack");
        on_fiber(StackConfig::default(), 64 << 10, "worker", || {
            let nowhere = std::ptr::without_provenance::<u64>(black_box(8));
            // SAFETY: none. The first page is never mapped, so this faults, which is what the child is for.
            black_box(unsafe { nowhere.read_volatile() });
        });
    });
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{}", stderr(&output));
    assert!(!stderr(&output).contains("gopark"));
}

#[test]
fn a_signal_sent_by_someone_still_kills() {
    let output = end_of("a_signal_sent_by_someone_still_kills", || {
        // Without std's handler, which takes the first signal for a fault and waits for it to happen again.
        // SAFETY: the default action needs nothing.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        install_overflow_handler().expect("installed");
        // SAFETY: raise may be called anywhere; it ends the child.
        unsafe { libc::raise(libc::SIGBUS) };
        loop {
            thread::park();
        }
    });
    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{}", stderr(&output));
}

#[test]
fn std_still_reports_the_overflow_of_a_thread() {
    let output = end_of("std_still_reports_the_overflow_of_a_thread", || {
        install_overflow_handler().expect("installed");
        let overflow = || {
            black_box(recurse(0));
        };
        let thread = thread::Builder::new().name("deep".into()).spawn(overflow).expect("a thread");
        thread.join().expect("not reached");
    });
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", stderr(&output));
    assert!(stderr(&output).contains("has overflowed its stack"), "{}", stderr(&output));
    assert!(!stderr(&output).contains("gopark"));
}

#[test]
fn guards_survive_reuse_shrinking_and_cold_return() {
    let output = end_of("guards_survive_reuse_shrinking_and_cold_return", || {
        install_overflow_handler().expect("installed");
        let config = StackConfig { warm_slots: 0, ..StackConfig::default() };
        let mut stacks = Stacks::new(config).expect("a pool");
        for goroutine in 0..3 {
            let stack = stacks.bind(64 << 10, &Label { goroutine, name: "" }).expect("a stack");
            let mut fiber = Fiber::<(), ()>::new(stack, |s, ()| {
                black_box([1_u8; 12 << 10]);
                s.suspend(());
            });
            let _ = fiber.resume(());
            fiber.shrink().expect("shrink");
            let _ = fiber.resume(());
            stacks.give_back(fiber.into_stack());
        }
        let stack = stacks.bind(64 << 10, &Label { goroutine: 7, name: "again" }).expect("a stack");
        let mut fiber = Fiber::<(), ()>::new(stack, |_, ()| {
            black_box(recurse(0));
        });
        let _ = fiber.resume(());
    });
    assert_report(&output, 65536, "7 [again]");
}

#[test]
fn a_signal_stack_is_put_back() {
    fn now() -> (usize, usize, i32) {
        let mut stack = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: with no new stack, sigaltstack only writes the present one.
        let status = unsafe { libc::sigaltstack(std::ptr::null(), &raw mut stack) };
        assert_eq!(status, 0);
        (stack.ss_sp.addr(), stack.ss_size, stack.ss_flags)
    }
    let before = now();
    {
        let _alt = AltStack::install().expect("a signal stack");
        assert!(now().1 >= 64 << 10 && now().0 != before.0);
        let _nested = AltStack::install().expect("another");
    }
    assert_eq!(now(), before);
}
