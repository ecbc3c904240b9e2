//! A Once is Go's: one action, and nobody goes on before it has ended.

#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use drives::both_drives;
use gopark::sync::{Once, OnceValue, WaitGroup};
use gopark::trace::words::EndKind;
use gopark::{go, yield_now};

/// Go: TestOnce.
#[test]
fn it_runs_once_and_nobody_passes_before_it_has() {
    both_drives(
        || {
            let shared = Arc::new((Once::new(), AtomicU32::new(0)));
            let wg = WaitGroup::new();
            for _ in 0..10 {
                let shared = Arc::clone(&shared);
                drop(wg.go(move || {
                    shared.0.do_once(|| {
                        (0..3).for_each(|_| yield_now());
                        shared.1.fetch_add(1, Relaxed);
                    });
                    assert_eq!(shared.1.load(Relaxed), 1, "it goes on when it is done");
                }));
            }
            wg.wait();
            shared.0.is_done() && shared.1.load(Relaxed) == 1
        },
        |got| assert_eq!(got, Ok(true)),
    );
}

/// Go: TestOncePanic.
#[test]
fn a_function_that_panics_counts_as_done() {
    both_drives(
        || {
            let once = Arc::new(Once::new());
            let other = Arc::clone(&once);
            let panics = go(move || other.do_once(|| panic!("failed")));
            let said = panics.join().expect_err("it panicked").message().to_owned();
            once.do_once(|| panic!("once more"));
            (said, once.is_done())
        },
        |got| assert_eq!(got, Ok(("failed".to_owned(), true))),
    );
}

#[test]
fn who_waits_for_a_function_that_panics_goes_on() {
    both_drives(
        || {
            let once = Arc::new(Once::new());
            let other = Arc::clone(&once);
            let panics = go(move || {
                other.do_once(|| {
                    (0..5).for_each(|_| yield_now());
                    panic!("failed");
                });
            });
            let waits: Vec<_> = (0..4)
                .map(|_| {
                    let once = Arc::clone(&once);
                    go(move || {
                        yield_now();
                        once.do_once(|| ());
                    })
                })
                .collect();
            waits.into_iter().for_each(|w| w.join().expect("no panic of its own"));
            drop(panics.join());
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn a_function_that_uses_its_own_once_waits_for_itself() {
    both_drives(
        || {
            let once = Once::new();
            once.do_once(|| once.do_once(|| ()));
        },
        |got| {
            let failure = got.expect_err("it waits for itself");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            assert!(failure.text.contains("\ngoroutine 1 [sync.Mutex.Lock]:\n"), "{failure}");
        },
    );
}

/// Go: TestOnceValue.
#[test]
fn a_value_is_made_at_its_first_use() {
    both_drives(
        || {
            let made = Arc::new(AtomicU32::new(0));
            let count = Arc::clone(&made);
            let value = Arc::new(OnceValue::new(move || {
                yield_now();
                count.fetch_add(1, Relaxed);
                "made".to_owned()
            }));
            assert_eq!(made.load(Relaxed), 0);
            let users: Vec<_> = (0..6)
                .map(|_| {
                    let value = Arc::clone(&value);
                    go(move || value.get().clone())
                })
                .collect();
            let same = users.into_iter().all(|u| u.join().expect("no panic") == "made");
            (same, made.load(Relaxed))
        },
        |got| assert_eq!(got, Ok((true, 1))),
    );
}

/// Go: TestOnceFuncPanic.
#[test]
fn a_value_that_can_not_be_made_panics_each_time() {
    both_drives(
        || {
            let value = Arc::new(OnceValue::<u32>::new(|| panic!("no value")));
            let said: Vec<String> = (0..3)
                .map(|_| {
                    let value = Arc::clone(&value);
                    let panics = go(move || *value.get());
                    panics.join().expect_err("it panicked").message().to_owned()
                })
                .collect();
            said
        },
        |got| assert_eq!(got, Ok(vec!["no value".to_owned(); 3])),
    );
}
