//! R16, R59 to R64, R106, R107: goroutines that are stopped, threads that are held, Ps that come and go.

#[path = "support/live.rs"]
mod live;
#[path = "support/traced.rs"]
mod traced;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use gopark::sync::WaitGroup;
use gopark::trace::Event;
use gopark::trace::ids::Nanos;
use gopark::trace::record::Record;
use gopark::trace::words::{PreemptKind, Queue};
use gopark::{chan, go, gomaxprocs, lab, lock_os_thread, set_gomaxprocs, since_start, sleep};
use gopark::{unlock_os_thread, work, yield_now};
use live::live;
use traced::{in_lab, in_live};

const MILLI: Duration = Duration::from_millis(1);

fn preempted(records: &[Record], kind: PreemptKind) -> usize {
    let hit = |r: &&Record| matches!(r.event, Event::GoPreempt { kind: k, .. } if k == kind);
    records.iter().filter(hit).count()
}

// ---- slices ----

#[test]
fn r59_r60_in_the_lab_a_slice_ends_between_10_and_20_ms() {
    let ((), records) = in_lab(lab(1).procs(1), || {
        let other = go(|| work(100 * MILLI));
        work(100 * MILLI);
        other.join().expect("no panic");
    });
    let mut slices = Vec::new();
    for r in &records {
        match r.event {
            Event::GoPreempt { to, .. } => assert_eq!(to, Queue::Global, "R16"),
            Event::PreemptRequest { ran, .. } => slices.push(ran),
            _ => {}
        }
    }
    assert!(slices.len() >= 6, "{slices:?}");
    for slice in slices {
        assert!(slice >= Nanos(10_000_000) && slice < Nanos(20_200_000), "{slice}");
    }
}

#[test]
fn r61_a_pair_that_wakes_each_other_shares_a_slice_and_is_preempted() {
    let (third, records) = in_lab(lab(1).procs(1), || {
        let third = go(since_start);
        yield_now();
        let (ping, pong) = (chan::<()>(0), chan::<()>(0));
        let (p1, p2) = (ping.1.clone(), pong.0.clone());
        drop(go(move || {
            for () in p1 {
                work(MILLI);
                p2.send(());
            }
        }));
        let last = go(since_start);
        for _ in 0..60 {
            ping.0.send(());
            pong.1.recv();
            work(MILLI);
        }
        ping.0.close();
        drop(third);
        last.join().expect("no panic")
    });
    assert!(preempted(&records, PreemptKind::Cooperative) > 0);
    assert!(third < 45 * MILLI, "the third runs after a slice or two: {third:?}");
}

#[test]
fn r62_the_request_is_told_and_comes_before_the_stop() {
    let ((), records) = in_lab(lab(3).procs(1), || {
        let other = go(|| work(30 * MILLI));
        work(30 * MILLI);
        other.join().expect("no panic");
    });
    let mut asked = None;
    let mut stops = 0;
    for r in &records {
        match r.event {
            Event::PreemptRequest { g, ran, .. } => {
                assert!(ran >= Nanos(10_000_000), "{r}");
                asked = Some(g);
            }
            Event::GoPreempt { g, .. } => {
                assert_eq!(asked.take(), Some(g), "{r}");
                stops += 1;
            }
            _ => {}
        }
    }
    assert!(stops >= 2);
}

// ---- hogs, live ----

/// Goroutines that never call gopark until they are told to stop, each counting its rounds.
struct Hogs {
    stop: Arc<AtomicBool>,
    rounds: Arc<Vec<AtomicU64>>,
    wg: WaitGroup,
}

impl Hogs {
    fn start(count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds: Arc<Vec<AtomicU64>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
        let wg = WaitGroup::new();
        for i in 0..count {
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            drop(wg.go(move || {
                while !stop.load(Relaxed) {
                    rounds[i].fetch_add(1, Relaxed);
                }
            }));
        }
        Self { stop, rounds, wg }
    }

    fn stop(self) -> Vec<u64> {
        self.stop.store(true, Relaxed);
        self.wg.wait();
        self.rounds.iter().map(|n| n.load(Relaxed)).collect()
    }
}

#[test]
#[cfg(target_os = "linux")]
fn hogs_are_suspended_and_everybody_else_runs() {
    for procs in [1, 2] {
        let (rounds, records) = in_live(live(procs), move || {
            let hogs = Hogs::start(procs + 2);
            let wg = WaitGroup::new();
            for _ in 0..20 {
                drop(wg.go(|| sleep(MILLI)));
            }
            // Runs only if those on all Ps are stopped, and the others among them.
            wg.wait();
            while hogs.rounds.iter().any(|n| n.load(Relaxed) == 0) {
                sleep(MILLI);
            }
            hogs.stop()
        });
        assert!(rounds.iter().all(|&n| n > 0), "{rounds:?}");
        let held = records.iter().filter(|r| matches!(r.event, Event::MHeld { .. })).count();
        let resumed = records.iter().filter(|r| matches!(r.event, Event::MResume { .. })).count();
        assert!(held > 0 && resumed > 0, "{held} held, {resumed} resumed");
        assert!(preempted(&records, PreemptKind::Signal) > 0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_ends_although_a_goroutine_never_calls() {
    static STOP: AtomicBool = AtomicBool::new(false);
    live(2).run(|| {
        let (tx, rx) = chan::<()>(1);
        drop(go(move || {
            tx.send(());
            while !STOP.load(Relaxed) {
                std::hint::spin_loop();
            }
        }));
        rx.recv();
    });
    STOP.store(true, Relaxed);
}

#[test]
#[cfg(target_os = "linux")]
fn a_thread_blocked_in_a_call_nobody_marked_loses_its_p() {
    let (sum, records) = in_live(live(1), || {
        let (read, write) = std::io::pipe().expect("a pipe");
        let reader = go(move || {
            use std::io::Read;
            let mut byte = [0];
            // Not a gopark pipe: the thread blocks, and nobody told gopark.
            (&read).read_exact(&mut byte).expect("it is written");
            byte[0]
        });
        let writer = go(move || {
            use std::io::Write;
            (&write).write_all(&[7]).expect("it is read");
            1
        });
        reader.join().expect("no panic") + writer.join().expect("no panic")
    });
    assert_eq!(sum, 8);
    let lost = records.iter().filter(|r| matches!(r.event, Event::PLost { .. })).count();
    assert!(lost <= 4, "{lost}");
}

// ---- GOMAXPROCS ----

fn resizing() -> usize {
    let wg = WaitGroup::new();
    for procs in [4, 1, 8, 2, 3, 1, 5] {
        for i in 0..60u64 {
            drop(wg.go(move || {
                if i % 7 == 0 {
                    sleep(Duration::from_micros(10));
                }
                yield_now();
                work(Duration::from_micros(2));
            }));
        }
        set_gomaxprocs(procs);
        assert_eq!(gomaxprocs(), procs);
    }
    wg.wait();
    gomaxprocs()
}

#[test]
fn r106_r107_the_number_of_ps_changes_while_the_program_runs() {
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            assert_eq!(in_lab(lab(seed).procs(procs), resizing).0, 5);
        }
        for _ in 0..5 {
            assert_eq!(in_live(live(procs), resizing).0, 5);
        }
    }
}

#[test]
fn r106_a_hog_in_the_lab_gives_way_to_a_stop_of_the_world_and_goes_on_first() {
    let ((), records) = in_lab(lab(2).procs(2), || {
        let other = go(|| work(5 * MILLI));
        while set_gomaxprocs(0) == 2 && since_start() < MILLI {
            work(Duration::from_micros(100));
        }
        set_gomaxprocs(3);
        other.join().expect("no panic");
    });
    let stopped = records.iter().find_map(|r| match r.event {
        Event::GoPreempt { g, kind: PreemptKind::StopTheWorld, to } => Some((g, to)),
        _ => None,
    });
    if let Some((g, to)) = stopped {
        assert!(matches!(to, Queue::Slot(_)), "R16: {g} goes to {to}");
    }
    assert!(records.iter().any(|r| matches!(r.event, Event::Gomaxprocs { from: 2, to: 3 })));
}

#[test]
fn r107_a_p_that_goes_away_gives_slot_then_ring_to_the_head_of_the_global_queue() {
    let mut moved = 0;
    for seed in 0..30 {
        let ((), records) = in_lab(lab(seed).procs(4), || {
            let wg = WaitGroup::new();
            for _ in 0..40 {
                drop(wg.go(|| work(Duration::from_micros(30))));
            }
            set_gomaxprocs(1);
            wg.wait();
        });
        for r in &records {
            if let Event::GlobalPut { gs, to: Queue::GlobalHead } = &r.event {
                moved += gs.len();
            }
        }
    }
    assert!(moved > 0);
}

// ---- tied goroutines ----

#[test]
fn r44_r45_a_tied_goroutine_runs_on_its_thread_only() {
    let program = || {
        let (tx, rx) = chan::<u32>(0);
        let tied = go(move || {
            lock_os_thread();
            let thread = std::thread::current().id();
            let mut sum = 0;
            for v in rx {
                assert_eq!(std::thread::current().id(), thread);
                sum += v;
                yield_now();
                assert_eq!(std::thread::current().id(), thread);
            }
            unlock_os_thread();
            sum
        });
        for v in 0..50 {
            tx.send(v);
            if v % 3 == 0 {
                yield_now();
            }
        }
        tx.close();
        tied.join().expect("no panic")
    };
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            let (sum, records) = in_lab(lab(seed).procs(procs), program);
            assert_eq!(sum, 1225);
            only_on_one_m(&records);
        }
        let (sum, records) = in_live(live(procs), program);
        assert_eq!(sum, 1225);
        only_on_one_m(&records);
    }
}

fn only_on_one_m(records: &[Record]) {
    let mut tied = None;
    for r in records {
        match r.event {
            Event::LockThread { g, m, on } => tied = on.then_some((g, m)),
            Event::GoStart { g, .. } => {
                if let Some((tied_g, m)) = tied {
                    assert_eq!(g == tied_g, r.actor.m == Some(m), "{r}");
                }
            }
            _ => {}
        }
    }
}

#[test]
fn r46_ties_nest_and_the_thread_of_one_that_ends_tied_ends_with_it() {
    let program = || {
        go(|| {
            lock_os_thread();
            lock_os_thread();
            unlock_os_thread();
        })
        .join()
        .expect("no panic");
        yield_now();
        go(|| {
            lock_os_thread();
            unlock_os_thread();
        })
        .join()
        .expect("no panic");
    };
    for procs in [1, 2] {
        let ((), records) = in_lab(lab(4).procs(procs), program);
        assert_eq!(records.iter().filter(|r| matches!(r.event, Event::MExit { .. })).count(), 1);
        let ((), records) = in_live(live(procs), program);
        assert_eq!(records.iter().filter(|r| matches!(r.event, Event::MExit { .. })).count(), 1);
    }
}
