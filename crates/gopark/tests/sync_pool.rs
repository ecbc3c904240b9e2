//! A Pool gives back what was put into it, once, and makes what it does not have.

#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use drives::both_drives;
use gopark::sink::Memory;
use gopark::sync::{Pool, WaitGroup};
use gopark::trace::Event;
use gopark::trace::ids::PId;
use gopark::{go, lab, work, yield_now};

/// Go: TestPool.
#[test]
fn the_private_object_comes_first_then_the_newest_of_the_others() {
    both_drives(
        || {
            let pool = Pool::new(|| "new");
            let none = pool.try_get();
            ["a", "b", "c"].into_iter().for_each(|x| pool.put(x));
            // With more Ps the goroutine may move between two calls; then the order is another.
            let mut got: Vec<_> = (0..3).filter_map(|_| pool.try_get()).collect();
            let first = (gopark::gomaxprocs() == 1).then(|| got.concat());
            got.sort_unstable();
            (none, got.concat(), first.is_none_or(|first| first == "acb"))
        },
        |got| assert_eq!(got, Ok((None, "abc".to_owned(), true))),
    );
}

/// Go: TestPoolNew.
#[test]
fn it_makes_what_it_does_not_have() {
    both_drives(
        || {
            let made = AtomicU32::new(0);
            let pool = Pool::new(move || made.fetch_add(1, SeqCst) + 1);
            let new = (pool.get(), pool.get());
            pool.put(42);
            (new, pool.get(), pool.get())
        },
        |got| assert_eq!(got, Ok(((1, 2), 42, 3))),
    );
}

/// Go: TestPoolStress.
#[test]
fn an_object_is_given_to_one_at_a_time() {
    both_drives(
        || {
            // An object says whether somebody has it.
            let pool = Arc::new(Pool::new(|| Arc::new(AtomicU32::new(0))));
            let wg = WaitGroup::new();
            for n in 0..8 {
                let pool = Arc::clone(&pool);
                drop(wg.go(move || {
                    for i in 0..50 {
                        let object = pool.get();
                        assert_eq!(object.fetch_add(1, SeqCst), 0, "somebody else has it");
                        if (i + n) % 7 == 0 {
                            yield_now();
                        }
                        object.fetch_sub(1, SeqCst);
                        pool.put(object);
                    }
                }));
            }
            wg.wait();
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn a_p_keeps_a_hundred_and_twenty_nine_and_drops_what_comes_then() {
    struct Counted(Arc<AtomicU32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&dropped);
    let (at_full, kept) = lab(1).procs(1).run(move || {
        let none = Arc::clone(&seen);
        let pool = Pool::new(move || Counted(Arc::clone(&none)));
        (0..150).for_each(|_| pool.put(Counted(Arc::clone(&seen))));
        let at_full = seen.load(SeqCst);
        let kept: Vec<Counted> = std::iter::from_fn(|| pool.try_get()).collect();
        (at_full, kept.len())
    });
    assert_eq!((at_full, kept), (21, 129));
    assert_eq!(dropped.load(SeqCst), 150);
}

#[test]
fn who_has_none_takes_the_oldest_of_another_p() {
    let memory = Memory::default();
    let got = lab(1).procs(2).record(memory.clone()).run(|| {
        let pool = Arc::new(Pool::new(|| 0));
        (1..=3).for_each(|n| pool.put(n));
        let other = Arc::clone(&pool);
        // Main keeps its P; the other goroutine is stolen by the second.
        let thief = go(move || (other.try_get(), other.try_get(), other.try_get()));
        work(std::time::Duration::from_millis(1));
        (thief.join().expect("no panic"), pool.try_get())
    });
    // What is private to a P nobody steals.
    assert_eq!(got, ((Some(2), Some(3), None), Some(1)));
    let stolen: Vec<Option<PId>> = memory
        .records()
        .into_iter()
        .filter_map(|r| match r.event {
            Event::PoolGet { hit: true, stolen_from, .. } => Some(stolen_from),
            _ => None,
        })
        .collect();
    assert_eq!(stolen, [Some(PId(0)), Some(PId(0)), None]);
}
