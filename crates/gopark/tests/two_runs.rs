//! Channels and locks outlive their run, but who waits on them does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gopark::sync::{Cond, GoMutex, GoRwMutex, Once, Semaphore, WaitGroup};
use gopark::trace::EndKind;
use gopark::{chan, go, lab, yield_now};

#[test]
fn what_nobody_waits_on_serves_one_run_after_another() {
    static LOCK: GoMutex = GoMutex::new();
    let (tx, rx) = lab(1).run(|| {
        let (tx, rx) = chan(2);
        tx.send(1);
        LOCK.lock();
        LOCK.unlock();
        (tx, rx)
    });
    let sum = lab(2).run(move || {
        LOCK.lock();
        tx.send(2);
        tx.close();
        LOCK.unlock();
        rx.iter().sum::<u32>()
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_receiver_of_a_run_that_is_over_is_not_woken() {
    let tx = lab(1).procs(1).run(|| {
        let (tx, rx) = chan::<u32>(0);
        drop(go(move || rx.recv()));
        (0..3).for_each(|_| yield_now());
        tx
    });
    let failure = lab(2).try_run(move || tx.send(7)).expect_err("its goroutine is gone");
    assert_eq!(failure.kind, EndKind::Panic);
    assert!(failure.text.contains("goroutines of another run wait here"), "{failure}");
}

#[test]
fn a_waiter_of_a_wait_group_of_a_run_that_is_over_is_not_woken() {
    let wg = lab(1).procs(1).run(|| {
        let wg = WaitGroup::new();
        wg.add(1);
        let waiting = wg.clone();
        drop(go(move || waiting.wait()));
        (0..3).for_each(|_| yield_now());
        wg
    });
    let failure = lab(2).try_run(move || wg.done()).expect_err("its goroutine is gone");
    assert!(failure.text.contains("goroutines of another run wait here"), "{failure}");
}

#[test]
fn what_else_nobody_waits_on_serves_one_run_after_another() {
    static LOCK: GoRwMutex = GoRwMutex::new();
    static COND: Cond = Cond::new();
    static ONCE: Once = Once::new();
    static SLOTS: Semaphore = Semaphore::new(1);
    let run = |seed| {
        lab(seed).run(|| {
            let mut ran = false;
            ONCE.do_once(|| ran = true);
            LOCK.r_lock();
            LOCK.r_unlock();
            SLOTS.acquire(1);
            let waits = go(|| {
                LOCK.lock();
                COND.wait(&LOCK);
                LOCK.unlock();
                SLOTS.release(1);
            });
            while SLOTS.try_acquire(0) {
                // Nobody waits for the slot; the other waits for the signal, sooner or later.
                LOCK.lock();
                COND.signal();
                LOCK.unlock();
                if SLOTS.try_acquire(1) {
                    break;
                }
                yield_now();
            }
            waits.join().expect("no panic");
            SLOTS.release(1);
            ran
        })
    };
    // What was done once is done for good.
    assert_eq!([run(1), run(2), run(3)], [true, false, false]);
}

#[test]
fn a_waiter_of_a_lock_or_a_cond_of_a_run_that_is_over_is_not_woken() {
    static LOCK: GoRwMutex = GoRwMutex::new();
    static COND: Cond = Cond::new();
    static SLOTS: Semaphore = Semaphore::new(0);
    lab(1).procs(1).run(|| {
        LOCK.lock();
        drop(go(|| LOCK.r_lock()));
        drop(go(|| SLOTS.acquire(0)));
        drop(go(|| {
            let lock = GoMutex::new();
            lock.lock();
            COND.wait(&lock);
        }));
        (0..5).for_each(|_| yield_now());
    });
    let deeds: [fn(); 2] = [|| LOCK.unlock(), || COND.signal()];
    for deed in deeds {
        let failure = lab(2).try_run(deed).expect_err("its goroutine is gone");
        assert!(failure.text.contains("goroutines of another run wait here"), "{failure}");
    }
}

#[test]
fn a_sink_that_panics_leaves_the_thread_as_it_was() {
    struct Fails(u32);
    impl gopark::sink::Sink for Fails {
        fn take(&mut self, _: gopark::trace::Record) {
            self.0 += 1;
            assert!(self.0 < 40, "enough");
        }
    }
    let run = || lab(1).record(Fails(0)).run(|| (0..100).for_each(|_| yield_now()));
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    let outside = catch_unwind(yield_now);
    assert!(outside.is_err(), "there is no goroutine here");
    assert_eq!(lab(2).run(|| 7), 7);
}
