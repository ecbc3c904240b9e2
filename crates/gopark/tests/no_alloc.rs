//! In its steady state the scheduler neither allocates nor frees: not for yields, channels, locks and
//! timers, not when a ring overflows, not when work is stolen.
//!
//! A goroutine may be stopped inside `malloc`, so a scheduler that called it could wait for that
//! goroutine for ever. `go` itself is not meant: it boxes its closure before it enters the scheduler.

#[path = "support/child.rs"]
mod child;
#[path = "support/live.rs"]
mod live;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use child::{end_of, stderr};
use gopark::sink::Memory;
use gopark::sync::{Mutex, WaitGroup};
use gopark::time::{Ticker, Timer};
use gopark::trace::Event;
use gopark::{Receiver, Sender, chan, go, lab, log, select, sleep, work, yield_now};
use live::live;

/// The system's allocator, with a count of the calls of each thread.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    CALLS.set(CALLS.get() + 1);
}

/// Calls this thread has made so far. Never inlined: a goroutine may ask on another thread than it
/// asked before.
#[inline(never)]
fn calls() -> u64 {
    std::hint::black_box(CALLS.get())
}

// SAFETY: everything is passed on to the system's allocator; the count is a thread-local without a
// destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_counter_counts() {
    let before = calls();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(calls() - before, 2);
}

/// Does a test in a process of its own, where no other test allocates, and no thread ends that the
/// memory of a queue was shared with.
fn alone(name: &str, test: impl FnOnce()) {
    let output = end_of(name, test);
    assert!(output.status.success(), "{}", stderr(&output));
}

// ---- the lab: every way through the scheduler, and which ways were gone ----

const WARM: u32 = 30;
const MEASURED: u32 = 20;

/// Sets a program up, runs its rounds until everything it needs is there, and counts what the next
/// rounds allocate.
fn measured<R: FnMut()>(set_up: impl FnOnce() -> R) -> u64 {
    let mut round = set_up();
    (0..WARM).for_each(|_| round());
    log("steady");
    let before = calls();
    (0..MEASURED).for_each(|_| round());
    let after = calls();
    log("end");
    after - before
}

/// The events of the measured rounds, by name. The same seed gives the same run, recorded or not.
fn events<R: FnMut()>(
    seed: u64,
    procs: usize,
    set_up: impl FnOnce() -> R + Send + 'static,
) -> Vec<&'static str> {
    let memory = Memory::default();
    lab(seed).procs(procs).record(memory.clone()).run(move || measured(set_up));
    let is_log =
        |event: &Event, said: &str| matches!(event, Event::UserLog { text } if text == said);
    memory
        .records()
        .into_iter()
        .map(|record| record.event)
        .skip_while(|event| !is_log(event, "steady"))
        .take_while(|event| !is_log(event, "end"))
        .map(|event| event.name())
        .collect()
}

/// Asserts that the rounds allocate nothing on `procs` Ps, and that they show all these events.
fn allocates_nothing<R: FnMut()>(
    procs: usize,
    shows: &[&str],
    set_up: impl FnOnce() -> R + Copy + Send + 'static,
) {
    let mut seen = Vec::new();
    for seed in 0..4 {
        let events = events(seed, procs, set_up);
        // A thread more than ever before is no steady state.
        if events.contains(&"MStart") {
            continue;
        }
        let allocated = lab(seed).procs(procs).unwatched().run(move || measured(set_up));
        assert_eq!(allocated, 0, "seed {seed}, {procs} Ps");
        seen.extend(events);
    }
    for event in shows {
        assert!(seen.contains(event), "no {event} on {procs} Ps");
    }
}

/// As many goroutines, each of which does `job` once for each token.
fn crew(n: usize, job: fn()) -> (Sender<()>, Receiver<()>) {
    let (tokens, taken) = chan::<()>(0);
    let (told, done) = chan(n);
    for _ in 0..n {
        let (taken, told) = (taken.clone(), told.clone());
        drop(go(move || {
            for () in &taken {
                job();
                told.send(());
            }
        }));
    }
    // Time for all of them to come to wait for a token.
    sleep(Duration::from_millis(1));
    (tokens, done)
}

#[test]
fn yields_allocate_nothing() {
    alone("yields_allocate_nothing", || {
        let set_up = || {
            (0..10).for_each(|_| {
                drop(go(|| {
                    loop {
                        yield_now()
                    }
                }))
            });
            || (0..20).for_each(|_| yield_now())
        };
        allocates_nothing(1, &["GoYield", "GlobalGet"], set_up);
        allocates_nothing(4, &["GoYield", "GlobalGet"], set_up);
    });
}

#[test]
fn channel_ping_pong_allocates_nothing() {
    alone("channel_ping_pong_allocates_nothing", || {
        let set_up = || {
            let ((ping, pings), (pong, pongs)) = (chan(0), chan(0));
            drop(go(move || pings.iter().for_each(|n: u32| pong.send(n + 1))));
            move || {
                for n in 0..20 {
                    ping.send(n);
                    assert_eq!(pongs.recv(), Some(n + 1));
                }
            }
        };
        allocates_nothing(1, &["GoPark", "GoReady", "ChanRecv"], set_up);
        allocates_nothing(4, &["GoPark", "GoReady", "MPark", "MWake", "StealSlot"], set_up);
    });
}

#[test]
fn a_buffered_channel_that_fills_and_empties_allocates_nothing() {
    alone("a_buffered_channel_that_fills_and_empties_allocates_nothing", || {
        let set_up = || {
            let (tx, rx) = chan(16);
            let (told, done) = chan(1);
            drop(go(move || {
                loop {
                    assert_eq!(rx.iter().take(40).count(), 40);
                    told.send(());
                }
            }));
            move || {
                (0..40).for_each(|n: u32| tx.send(n));
                done.recv();
            }
        };
        allocates_nothing(1, &["GoPark", "ChanSend", "ChanRecv"], set_up);
        allocates_nothing(2, &["GoPark", "ChanSend", "ChanRecv"], set_up);
    });
}

#[test]
fn a_select_allocates_nothing() {
    alone("a_select_allocates_nothing", || {
        let set_up = || {
            let ((ping, pings), (pong, pongs)) = (chan(0), chan(0));
            let ((_never, nothing), (room, _full)) = (chan::<()>(0), chan::<u32>(1));
            let (stop, quiet) = (nothing.clone(), nothing);
            drop(go(move || {
                loop {
                    select! {
                        n = recv(pings) => pong.send(n.unwrap_or(0) + 1),
                        recv(stop) => break,
                    }
                }
            }));
            move || {
                for n in 0..20_u32 {
                    select! {
                        send(ping, n) => {}
                        recv(quiet) => {}
                    }
                    select! {
                        got = recv(pongs) => assert_eq!(got, Some(n + 1)),
                        recv(quiet) => {}
                    }
                    let _ = room.try_send(n);
                }
            }
        };
        allocates_nothing(1, &["SelectStart", "SelectPick", "GoPark"], set_up);
        allocates_nothing(4, &["SelectStart", "SelectPick", "MPark", "MWake"], set_up);
    });
}

#[test]
fn a_ring_that_overflows_allocates_nothing() {
    alone("a_ring_that_overflows_allocates_nothing", || {
        let set_up = || {
            let (tokens, done) = crew(300, || {});
            move || {
                (0..300).for_each(|_| tokens.send(()));
                assert_eq!(done.iter().take(300).count(), 300);
            }
        };
        allocates_nothing(1, &["SlotKick", "RingOverflow", "GlobalGet"], set_up);
        allocates_nothing(2, &["SlotKick", "Steal"], set_up);
    });
}

#[test]
fn stealing_allocates_nothing() {
    alone("stealing_allocates_nothing", || {
        let set_up = || {
            let (tokens, done) = crew(60, || work(Duration::from_micros(20)));
            move || {
                (0..60).for_each(|_| tokens.send(()));
                assert_eq!(done.iter().take(60).count(), 60);
            }
        };
        allocates_nothing(4, &["Steal", "MSpin", "MPark", "MWake"], set_up);
        allocates_nothing(16, &["Steal", "MSpin", "MPark", "MWake"], set_up);
    });
}

#[test]
fn a_waitgroup_allocates_nothing() {
    alone("a_waitgroup_allocates_nothing", || {
        let set_up = || {
            let (rounds, (tx, rx)) = (WaitGroup::new(), chan::<()>(0));
            for _ in 0..8 {
                let (rounds, rx) = (rounds.clone(), rx.clone());
                drop(go(move || rx.iter().for_each(|()| rounds.done())));
            }
            move || {
                rounds.add(8);
                (0..8).for_each(|_| tx.send(()));
                rounds.wait();
                rounds.wait();
            }
        };
        allocates_nothing(1, &["WgAdd", "WgPass"], set_up);
        allocates_nothing(4, &["WgAdd", "WgPass"], set_up);
    });
}

#[test]
fn a_mutex_allocates_nothing_also_when_it_starves() {
    alone("a_mutex_allocates_nothing_also_when_it_starves", || {
        static LOCK: Mutex<u32> = Mutex::new(0);
        let set_up = || {
            // Whoever unlocks it comes again at once, before the one that was woken.
            let job = || {
                for _ in 0..4 {
                    let mut held = LOCK.lock();
                    *held += 1;
                    work(Duration::from_micros(300));
                    held.unlock();
                }
            };
            let (tokens, done) = crew(8, job);
            move || {
                (0..8).for_each(|_| tokens.send(()));
                assert_eq!(done.iter().take(8).count(), 8);
            }
        };
        allocates_nothing(1, &["LockGet", "LockPut"], set_up);
        allocates_nothing(4, &["LockQueue", "LockSpin", "LockStarving", "GoYield"], set_up);
    });
}

#[test]
fn sleeping_allocates_nothing() {
    alone("sleeping_allocates_nothing", || {
        let set_up = || {
            // As many as have room in a heap of timers from its first one on.
            let (tokens, done) = crew(4, || sleep(Duration::from_micros(100)));
            move || {
                (0..4).for_each(|_| tokens.send(()));
                assert_eq!(done.iter().take(4).count(), 4);
            }
        };
        allocates_nothing(1, &["TimerAdd", "TimerFire", "PollStart"], set_up);
        allocates_nothing(4, &["TimerAdd", "TimerFire", "PollStart"], set_up);
    });
}

#[test]
fn timers_and_tickers_allocate_nothing() {
    alone("timers_and_tickers_allocate_nothing", || {
        let set_up = || {
            let (timer, ticker) =
                (Timer::new(Duration::from_micros(10)), Ticker::new(Duration::from_micros(50)));
            move || {
                timer.reset(Duration::from_micros(30));
                timer.c().recv();
                timer.reset(Duration::from_secs(1));
                timer.stop();
                // With nobody blocked, then with somebody.
                work(Duration::from_micros(120));
                ticker.c().recv();
                ticker.c().recv();
            }
        };
        let shows = ["TimerAdd", "TimerFire", "TimerStop", "ChanSend", "PollStart"];
        allocates_nothing(1, &shows, set_up);
        allocates_nothing(2, &shows, set_up);
    });
}

// ---- live: the platform's own part ----

#[test]
fn in_live_two_ps_at_work_allocate_nothing() {
    alone("in_live_two_ps_at_work_allocate_nothing", || {
        /// Two goroutines play ping-pong on each P, so that no M ever looks for work and all of them
        /// stay on their threads: what a thread allocates meanwhile, the scheduler has allocated.
        fn pair(here: &AtomicU32) -> u64 {
            let ((ping, pings), (pong, pongs)) = (chan(0), chan(0));
            drop(go(move || pings.iter().for_each(|n: u32| pong.send(n + 1))));
            let play = |rounds| {
                for n in 0..rounds {
                    ping.send(n);
                    assert_eq!(pongs.recv(), Some(n + 1));
                }
            };
            play(50);
            // Both run at this moment, so both Ps are taken, and stay taken.
            here.fetch_add(1, SeqCst);
            while here.load(SeqCst) < 2 {
                std::hint::spin_loop();
            }
            let (thread, before) = (thread::current().id(), calls());
            // Well within a time slice, or one of them would be stopped.
            play(300);
            let counted = calls() - before;
            assert_eq!(thread::current().id(), thread);
            // Neither leaves its P before both have counted.
            here.fetch_add(1, SeqCst);
            while here.load(SeqCst) < 4 {
                std::hint::spin_loop();
            }
            counted
        }
        let counted = live(2).run(|| {
            let here = Arc::new(AtomicU32::new(0));
            let other = Arc::clone(&here);
            let other = go(move || pair(&other));
            (pair(&here), other.join().expect("no panic"))
        });
        assert_eq!(counted, (0, 0));
    });
}

#[test]
fn in_live_sleeping_and_waking_allocates_nothing() {
    alone("in_live_sleeping_and_waking_allocates_nothing", || {
        // With one P there is one M: this thread, which polls, sleeps and wakes by itself.
        let counted = live(1).run(|| {
            measured(|| {
                let (tokens, done) = crew(4, || sleep(Duration::from_micros(20)));
                move || {
                    (0..4).for_each(|_| tokens.send(()));
                    assert_eq!(done.iter().take(4).count(), 4);
                    yield_now();
                }
            })
        });
        assert_eq!(counted, 0);
    });
}
