//! A weighted semaphore serves in order, gives no more than there is, and starves nobody.

#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use drives::both_drives;
use gopark::sync::{Semaphore, WaitGroup};
use gopark::trace::words::EndKind;
use gopark::{chan, go, lab, yield_now};

/// Go: TestWeighted.
#[test]
fn no_more_is_out_than_there_is() {
    const SIZE: u64 = 5;
    both_drives(
        || {
            let shared = Arc::new((Semaphore::new(SIZE), AtomicU64::new(0)));
            let wg = WaitGroup::new();
            for n in 0..12 {
                let shared = Arc::clone(&shared);
                drop(wg.go(move || {
                    let wants = n % SIZE + 1;
                    for _ in 0..10 {
                        shared.0.acquire(wants);
                        let out = shared.1.fetch_add(wants, SeqCst) + wants;
                        assert!(out <= SIZE, "{out} are out");
                        yield_now();
                        shared.1.fetch_sub(wants, SeqCst);
                        shared.0.release(wants);
                    }
                }));
            }
            wg.wait();
            shared.0.try_acquire(SIZE)
        },
        |got| assert_eq!(got, Ok(true)),
    );
}

/// Go: TestWeightedPanic.
#[test]
fn giving_back_more_than_was_taken_panics() {
    both_drives(
        || {
            let sem = Arc::new(Semaphore::new(3));
            sem.acquire(1);
            let other = Arc::clone(&sem);
            let said = go(move || other.release(2)).join().expect_err("it panicked");
            // It is as it was.
            (said.message().to_owned(), sem.try_acquire(2), sem.try_acquire(1))
        },
        |got| {
            let text = "semaphore: released more than held".to_owned();
            assert_eq!(got, Ok((text, true, false)));
        },
    );
}

/// Go: TestWeightedTryAcquire.
#[test]
fn tries_never_wait() {
    both_drives(
        || {
            let sem = Semaphore::new(2);
            sem.acquire(1);
            let tries = [sem.try_acquire(1), sem.try_acquire(1)];
            sem.release(2);
            (tries, sem.try_acquire(1), sem.try_acquire(0))
        },
        |got| assert_eq!(got, Ok(([true, false], true, true))),
    );
}

/// Go: TestWeightedDoesntBlockIfTooBig.
#[test]
fn who_wants_more_than_there_is_keeps_nobody_waiting() {
    both_drives(
        || {
            let sem = Arc::new(Semaphore::new(2));
            let other = Arc::clone(&sem);
            drop(go(move || other.acquire(3)));
            let wg = WaitGroup::new();
            for _ in 0..3 {
                let sem = Arc::clone(&sem);
                drop(wg.go(move || {
                    for _ in 0..5 {
                        sem.acquire(1);
                        yield_now();
                        sem.release(1);
                    }
                }));
            }
            wg.wait();
        },
        |got| assert_eq!(got, Ok(())),
    );
}

/// Go: TestLargeAcquireDoesntStarve.
#[test]
fn who_wants_much_comes_to_its_turn() {
    both_drives(
        || {
            let (sem, over) = (Arc::new(Semaphore::new(4)), Arc::new(AtomicU64::new(0)));
            let wg = WaitGroup::new();
            let (tell, started) = chan(4);
            for _ in 0..4 {
                let (sem, over, tell) = (Arc::clone(&sem), Arc::clone(&over), tell.clone());
                drop(wg.go(move || {
                    sem.acquire(1);
                    tell.send(());
                    while over.load(SeqCst) == 0 {
                        yield_now();
                        sem.release(1);
                        sem.acquire(1);
                    }
                    sem.release(1);
                }));
            }
            assert_eq!(started.iter().take(4).count(), 4);
            sem.acquire(4);
            over.store(1, SeqCst);
            sem.release(4);
            wg.wait();
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn waiters_are_served_in_the_order_they_came() {
    let order: Vec<u64> = lab(1).procs(1).start_tick(1).run(|| {
        let (sem, (told, order)) = (Arc::new(Semaphore::new(6)), chan(8));
        sem.acquire(6);
        for wants in [3, 1, 4, 1, 5] {
            let (sem, told) = (Arc::clone(&sem), told.clone());
            drop(go(move || {
                sem.acquire(wants);
                told.send(wants);
            }));
            yield_now();
        }
        // 3 and 1 are let in; 4 is not, and the 1 behind it waits though there would be enough.
        sem.release(5);
        (0..3).for_each(|_| yield_now());
        told.send(0);
        assert!(!sem.try_acquire(1), "nobody goes before who waits");
        sem.release(1);
        sem.release(3);
        (0..3).for_each(|_| yield_now());
        told.send(0);
        order.iter().take(6).collect()
    });
    // Of two let in at once the second has the slot.
    assert_eq!(order, [1, 3, 0, 1, 4, 0]);
}

#[test]
fn waiting_for_what_nobody_gives_back_is_a_deadlock() {
    for wants in [1, 3] {
        both_drives(
            move || {
                let sem = Semaphore::new(2);
                sem.acquire(2);
                sem.acquire(wants);
            },
            |got| {
                let failure = got.expect_err("nobody gives back");
                assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
                assert!(failure.text.contains("\ngoroutine 1 [semacquire]:\n"), "{failure}");
            },
        );
    }
}
