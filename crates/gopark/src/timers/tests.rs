//! Heaps against a plain model, and the deadlines of descriptors, which have no public face.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use proptest::prelude::*;

use super::heap::{Timers, Who};
use super::*;
use crate::current::kernel;
use crate::kernel::{Commit, Park, TimerSet, TimerWas};
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;

// ---- the heap ----

/// What is done to a heap.
#[derive(Debug, Clone)]
enum Op {
    /// Sets a timer that is in no heap, or sets it anew.
    Set(usize, u64),
    /// Marks a timer stopped.
    Stop(usize),
    /// Puts right what is at the head and the tail.
    Clean,
    /// Puts everything right.
    Adjust,
    /// Takes what is due.
    Run(u64),
    /// Moves everything to another heap, and goes on there.
    Move,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..20_usize, 1..50_u64).prop_map(|(n, when)| Op::Set(n, when)),
        3 => (0..20_usize).prop_map(Op::Stop),
        1 => Just(Op::Clean),
        1 => Just(Op::Adjust),
        2 => (1..50_u64).prop_map(Op::Run),
        1 => Just(Op::Move),
    ]
}

/// A heap with its timers, and when each of them is due.
struct Table {
    heap: Timers,
    timers: Vec<Arc<Timer>>,
    due: Vec<Option<u64>>,
}

impl Table {
    fn new() -> Self {
        let hook = Hook { run: |_, _| [None, None], arg: std::ptr::null() };
        let timers = (0..20).map(|_| Timer::new(Action::Deadline(hook))).collect();
        Self { heap: Timers::new(), timers, due: vec![None; 20] }
    }

    fn set(&mut self, n: usize, when: u64) {
        self.due[n] = Some(when);
        let timer = &self.timers[n];
        let mut held = timer.lock();
        held.when = Nanos(when);
        if held.is(HEAPED) {
            if held.is(ZOMBIE) {
                self.heap.count_zombie(false);
            }
            held.bits = HEAPED | MODIFIED;
            held.publish();
            self.heap.lower(Nanos(when));
            return;
        }
        held.bits = HEAPED;
        drop(held);
        let mut heap = self.heap.lock();
        heap.clean_head();
        heap.add(Who::Timer(TimerRef::of(timer)), Nanos(when));
    }

    fn stop(&mut self, n: usize) {
        self.due[n] = None;
        let mut held = self.timers[n].lock();
        held.when = UNSET;
        if held.is(HEAPED) && !held.is(ZOMBIE) {
            held.bits |= ZOMBIE | MODIFIED;
            self.heap.count_zombie(true);
        }
    }

    /// Fires what is due, in order; gives the times.
    fn run(&mut self, now: u64) -> Vec<u64> {
        let mut fired = Vec::new();
        self.heap.lock().adjust(Nanos(now), false);
        loop {
            let mut heap = self.heap.lock();
            let Some((Who::Timer(timer), when)) = heap.first() else { return fired };
            if timer.seen() & (MODIFIED | ZOMBIE) == 0 && when.0 > now {
                return fired;
            }
            let Some(mut held) = heap.settle_first(timer.lock()) else { continue };
            if held.when.0 > now {
                return fired;
            }
            fired.push(std::mem::replace(&mut held.when, UNSET).0);
            held.leave_heap();
            drop(held);
            heap.delete_min();
            let n = self.timers.iter().position(|t| TimerRef::of(t) == timer);
            self.due[n.expect("one of ours")] = None;
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        // Nobody sleeps past the first.
        let first = self.due.iter().flatten().min();
        let wakes = self.heap.wake_time().map_or(u64::MAX, |when| when.0);
        prop_assert!(first.is_none_or(|&first| wakes <= first), "{wakes} for {first:?}");
        let heap = self.heap.lock();
        let entries: Vec<(Who, Nanos)> = heap.iter().collect();
        for (i, (who, when)) in entries.iter().enumerate() {
            let Who::Timer(timer) = who else { unreachable!("no sleepers here") };
            prop_assert!(i == 0 || entries[(i - 1) / 4].1 <= *when, "{entries:?}");
            let held = timer.lock();
            prop_assert!(held.is(HEAPED));
            prop_assert!(held.is(MODIFIED) || held.when == *when);
        }
        let zombies = self.timers.iter().filter(|t| t.lock().is(ZOMBIE)).count();
        let heaped = self.timers.iter().filter(|t| t.lock().is(HEAPED)).count();
        prop_assert_eq!(heaped, entries.len());
        prop_assert_eq!(heaped - zombies, self.due.iter().flatten().count());
        // The heap has a share of each that is in it, and of no other.
        for timer in &self.timers {
            let shares = 1 + usize::from(timer.lock().is(HEAPED));
            prop_assert_eq!(Arc::strong_count(timer), shares);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_heap_does_what_a_list_of_times_does(ops in prop::collection::vec(op(), 1..120)) {
        let mut table = Table::new();
        for op in ops {
            match op {
                Op::Set(n, when) => table.set(n, when),
                Op::Stop(n) => table.stop(n),
                Op::Clean => table.heap.lock().clean_head(),
                Op::Adjust => table.heap.lock().adjust(Nanos(0), true),
                Op::Run(now) => {
                    let mut due: Vec<u64> =
                        table.due.iter().flatten().copied().filter(|&when| when <= now).collect();
                    due.sort_unstable();
                    prop_assert_eq!(table.run(now), due);
                }
                Op::Move => {
                    let to = Timers::new();
                    let count = to.lock().take(&mut table.heap.lock(), |_| {});
                    prop_assert_eq!(count as usize, table.due.iter().flatten().count());
                    table.heap = to;
                }
            }
            table.check()?;
        }
    }
}

#[test]
fn timers_nobody_has_any_more_are_buried_and_freed_by_others() {
    let mut table = Table::new();
    (0..20).for_each(|n| table.set(n, n as u64 + 1));
    (0..10).for_each(|n| table.stop(n));
    let gone: Vec<Weak<Timer>> = table.timers.drain(..10).map(|t| Arc::downgrade(&t)).collect();
    table.heap.lock().adjust(Nanos(0), true);
    assert!(gone.iter().all(|timer| timer.strong_count() == 1), "they wait to be freed");
    let dead = table.heap.take_dead();
    assert!(gone.iter().all(|timer| timer.strong_count() == 1));
    drop(dead);
    assert!(gone.iter().all(|timer| timer.strong_count() == 0));
    let left: Vec<Weak<Timer>> = table.timers.iter().map(Arc::downgrade).collect();
    drop(table);
    assert!(left.iter().all(|timer| timer.strong_count() == 0));
}

// ---- deadlines ----

/// Two goroutines that wait, and the deadline of both, as a descriptor has it.
#[derive(Default)]
struct Desc {
    waits: Lock<[Option<Gp>; 2]>,
    /// The deadline in force.
    seq: AtomicU64,
    /// Calls of the hook, and of those the stale ones.
    calls: [AtomicU64; 2],
}

/// As `netpollDeadlineImpl`: a stale call is ignored, readers go before writers.
unsafe fn deadline(arg: *const (), seq: u64) -> [Option<Gp>; 2] {
    // SAFETY: the tests' descriptors live as long as the process.
    let desc = unsafe { &*arg.cast::<Desc>() };
    desc.calls[0].fetch_add(1, SeqCst);
    if desc.seq.load(SeqCst) != seq {
        desc.calls[1].fetch_add(1, SeqCst);
        return [None, None];
    }
    std::mem::take(&mut *desc.waits.lock())
}

impl Desc {
    fn leaked() -> (&'static Self, Arc<Timer>) {
        let desc: &'static Self = Box::leak(Box::default());
        let hook = Hook { run: deadline, arg: std::ptr::from_ref(desc).cast() };
        let timer = Timer::new(Action::Deadline(hook));
        timer.join_run(&*kernel());
        (desc, timer)
    }

    fn wait(&self, place: usize) {
        let kernel = kernel();
        kernel.gate();
        let mut waits = self.waits.lock();
        waits[place] = Some(kernel.current());
        // SAFETY: the guard is forgotten; the M releases the lock.
        let raw: *const _ = unsafe { lock_api::MutexGuard::mutex(&waits).raw() };
        std::mem::forget(waits);
        kernel.park(Park {
            why: WaitReason::IoWait,
            on: None,
            on_number: None,
            rule: Rule::ParkUntilReady {},
            site: None,
            commit: Commit::Unlock(raw),
        });
    }

    fn set(&self, timer: &Arc<Timer>, after: Duration) -> bool {
        let kernel = kernel();
        kernel.gate();
        let seq = self.seq.fetch_add(1, SeqCst) + 1;
        let when = due_at(kernel.now(), after.into());
        let set = TimerSet { when, period: Nanos(0), seq, entry: None, site: None };
        let TimerWas { pending, .. } = kernel.timer_set(timer, set);
        kernel.tell_poller();
        pending
    }
}

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn r70_a_deadline_readies_both_who_wait_in_the_slot_of_the_p_that_runs_the_timer() {
    for procs in [1, 2] {
        let order = crate::lab(1).procs(procs).step(Duration::ZERO).unwatched().run(|| {
            let (desc, timer) = Desc::leaked();
            let (told, order) = crate::chan(2);
            for place in 0..2 {
                let told = told.clone();
                drop(crate::go(move || {
                    desc.wait(place);
                    told.send((place, crate::since_start()));
                }));
            }
            crate::sleep(MILLI);
            assert!(!desc.set(&timer, 2 * MILLI));
            assert!(desc.set(&timer, 3 * MILLI), "it was set");
            let order: Vec<_> = order.iter().take(2).collect();
            assert_eq!(desc.calls.each_ref().map(|n| n.load(SeqCst)), [1, 0]);
            order
        });
        // The second has the slot, and displaced the first.
        assert_eq!(order, [(1, 4 * MILLI), (0, 4 * MILLI)]);
    }
}

#[test]
fn a_deadline_that_is_stopped_or_overtaken_readies_nobody() {
    let calls = crate::lab(1).procs(2).unwatched().run(|| {
        let (desc, timer) = Desc::leaked();
        drop(crate::go(move || desc.wait(0)));
        desc.set(&timer, MILLI);
        let stopped = kernel().timer_stop(&timer, None);
        assert!(stopped.pending);
        crate::sleep(2 * MILLI);
        desc.set(&timer, MILLI);
        // Another deadline is in force before the timer has heard of it.
        desc.seq.fetch_add(1, SeqCst);
        crate::sleep(2 * MILLI);
        let again = kernel().timer_stop(&timer, None);
        assert!(!again.pending, "it has fired");
        assert!(desc.waits.lock()[0].is_some(), "it waits still");
        desc.calls.each_ref().map(|n| n.load(SeqCst))
    });
    assert_eq!(calls, [1, 1]);
}
