//! R47 to R58: system calls, in the lab and in live; every trace is checked.

#[path = "support/drives.rs"]
mod drives;
#[path = "support/traced.rs"]
mod traced;

use std::time::Duration;

use drives::{both_drives, live};
use gopark::sync::WaitGroup;
use gopark::trace::Event;
use gopark::trace::ids::Nanos;
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::{HandoffWhy, SysPath};
use gopark::{
    go, lab, since_start, syscall, syscall_blocking, syscall_blocking_for, syscall_for, work,
    yield_now,
};
use traced::{in_lab, in_live};

const MICRO: Duration = Duration::from_micros(1);
const MILLI: Duration = Duration::from_millis(1);

/// A call that blocks its thread.
#[expect(clippy::disallowed_methods, reason = "to block is what it is for")]
fn block(time: Duration) {
    std::thread::sleep(time);
}

fn paths(records: &[Record]) -> Vec<SysPath> {
    let path = |r: &Record| match r.event {
        Event::SysExit { path, .. } => Some(path),
        _ => None,
    };
    records.iter().filter_map(path).collect()
}

fn retakes(records: &[Record]) -> usize {
    records.iter().filter(|r| matches!(r.event, Event::PRetake { .. })).count()
}

#[test]
fn a_call_gives_what_it_returns_and_what_it_panics_with() {
    both_drives(
        || {
            let caught = std::panic::catch_unwind(|| syscall(|| panic!("in the call")));
            assert!(caught.is_err());
            yield_now();
            (syscall(|| 7), syscall_blocking(|| "eight"))
        },
        |got| assert_eq!(got, Ok((7, "eight"))),
    );
}

#[test]
fn a_call_into_gopark_inside_a_call_panics_and_says_so() {
    both_drives(
        || {
            let caught = std::panic::catch_unwind(|| syscall(yield_now)).expect_err("not there");
            yield_now();
            caught.downcast_ref::<&str>().map(|text| (*text).to_owned())
        },
        |got| {
            let text = got.expect("it is caught").expect("a text");
            assert!(text.contains("inside gopark::syscall"), "{text}");
        },
    );
}

#[test]
fn r47_r48_a_short_call_keeps_its_p_and_its_slice() {
    let ((), records) = in_lab(lab(1).procs(1), || {
        for _ in 0..10 {
            syscall_for("read", 5 * MICRO, || ());
        }
    });
    assert_eq!(paths(&records), [SysPath::Kept; 10]);
    assert_eq!(retakes(&records), 0);
    let starts = records.iter().filter(|r| matches!(r.event, Event::GoStart { .. })).count();
    assert_eq!(starts, 1, "main goes on where it was");
}

#[test]
fn r52_r53_with_work_waiting_sysmon_takes_the_p_at_its_second_look() {
    let (other_ran, records) = in_lab(lab(1).procs(1), || {
        let other = go(since_start);
        let before = since_start();
        syscall_for("read", 3 * MILLI, || ());
        other.join().expect("no panic") - before
    });
    assert_eq!(retakes(&records), 1);
    // Two looks, each at most 10 ms apart; here sysmon is fresh and looks every 20 µs.
    assert!(other_ran >= 20 * MICRO && other_ran < 100 * MICRO, "{other_ran:?}");
    let rule = records.iter().find(|r| matches!(r.event, Event::PRetake { .. })).unwrap();
    assert!(matches!(rule.rule, Some(Rule::RetakeWanted { queued: 1, .. })), "{rule}");
}

#[test]
fn r53_without_work_and_with_an_idle_p_the_call_keeps_its_p_for_10_ms() {
    for (took, expected) in [(9, 0), (40, 1)] {
        let ((), records) = in_lab(lab(1).procs(2), move || {
            syscall_for("read", took * MILLI, || ());
        });
        assert_eq!(retakes(&records), expected, "a call of {took} ms");
        if let Some(retake) = records.iter().find(|r| matches!(r.event, Event::PRetake { .. })) {
            let Event::PRetake { after, .. } = retake.event else { unreachable!() };
            assert!(after >= Nanos(10_000_000), "{retake}");
        }
    }
}

#[test]
fn r49_back_from_a_call_an_idle_p_serves() {
    let ((), records) = in_lab(lab(1).procs(2), || syscall_for("read", 40 * MILLI, || ()));
    assert_eq!(paths(&records), [SysPath::IdleP]);
    let starts = records.iter().filter(|r| matches!(r.event, Event::GoStart { .. })).count();
    assert_eq!(starts, 1, "the tick does not move");
}

#[test]
fn r50_without_a_p_it_goes_to_the_global_queue() {
    let ((), records) = in_lab(lab(1).procs(1), || {
        let other = go(|| work(8 * MILLI));
        syscall_for("read", 2 * MILLI, || ());
        other.join().expect("no panic");
    });
    assert_eq!(paths(&records), [SysPath::Global]);
}

#[test]
fn r49_the_old_p_is_taken_back_from_another_call() {
    let ((), records) = in_lab(lab(1).procs(1), || {
        // The second gets the P of the first while that one is in its call. It enters a call of its
        // own just before the first comes back, too late for sysmon to look twice.
        let other = go(|| {
            work(950 * MICRO);
            syscall_for("second", 9 * MILLI, || ());
        });
        syscall_for("first", MILLI, || ());
        other.join().expect("no panic");
    });
    assert_eq!(paths(&records)[0], SysPath::OldP);
}

#[test]
fn r54_a_call_known_to_block_hands_its_p_off_before_it_starts() {
    let (other_ran, records) = in_lab(lab(1).procs(1), || {
        let other = go(since_start);
        let before = since_start();
        syscall_blocking_for("wait", 3 * MILLI, || ());
        other.join().expect("no panic") - before
    });
    assert!(other_ran < 10 * MICRO, "{other_ran:?}");
    assert_eq!(retakes(&records), 0);
    let enter = records.iter().position(|r| matches!(r.event, Event::SysEnter { .. })).unwrap();
    let handoff = records[enter..].iter().find_map(|r| match r.event {
        Event::PHandoff { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(handoff, Some(HandoffWhy::BlockingCall));
}

#[test]
fn r57_a_goroutine_in_a_call_is_asked_for_nothing() {
    let ((), records) = in_lab(lab(1).procs(1), || {
        let other = go(|| work(30 * MILLI));
        syscall_for("read", 40 * MILLI, || ());
        other.join().expect("no panic");
    });
    let mut in_call = false;
    for r in &records {
        match r.event {
            Event::SysEnter { .. } => in_call = true,
            Event::SysExit { .. } => in_call = false,
            Event::PreemptRequest { g, .. } => assert!(!in_call || g.0 != 1, "{r}"),
            _ => {}
        }
    }
}

/// Many goroutines in calls of all kinds, and others that compute.
fn mixed_calls() -> u64 {
    let wg = WaitGroup::new();
    for i in 0..40u64 {
        drop(wg.go(move || {
            for n in 0..5u64 {
                match (i + n) % 4 {
                    0 => syscall(|| block(50 * MICRO)),
                    1 => syscall_blocking(|| block(30 * MICRO)),
                    2 => work(20 * MICRO),
                    _ => yield_now(),
                }
            }
        }));
    }
    wg.wait();
    40
}

#[test]
fn calls_of_all_kinds_keep_every_rule_in_both_drives() {
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            assert_eq!(in_lab(lab(seed).procs(procs), mixed_calls).0, 40);
        }
        for _ in 0..5 {
            assert_eq!(in_live(live(procs), mixed_calls).0, 40);
        }
    }
}

#[test]
fn r58_blocked_threads_do_not_keep_others_from_running() {
    for declared in [false, true] {
        let ((), records) = in_live(live(1), move || {
            let wg = WaitGroup::new();
            for _ in 0..16 {
                drop(wg.go(move || {
                    let sleep = || block(5 * MILLI);
                    if declared { syscall_blocking(sleep) } else { syscall(sleep) }
                }));
            }
            wg.wait();
        });
        let threads = records.iter().filter(|r| matches!(r.event, Event::MStart { .. })).count();
        // A thread in a call gives its P to another.
        assert!(threads >= 2, "{threads} threads");
    }
}
