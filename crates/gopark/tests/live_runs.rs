//! Live runs, recorded and not: whatever the threads do, the result is the same, and the records make
//! one order.

#[path = "support/live.rs"]
mod live;
#[path = "support/mixed.rs"]
mod mixed;

use std::collections::HashSet;
use std::time::Duration;

use gopark::sink::Memory;
use gopark::sync::WaitGroup;
use gopark::trace::Event;
use gopark::trace::ids::GId;
use gopark::trace::record::Record;
use gopark::trace::words::{Drive, EndKind};
use gopark::{chan, go, lab, sleep, yield_now};
use live::live;

/// Many goroutines that yield, send and sleep; what they sent, added up.
fn program(n: u64) -> u64 {
    let (tx, rx) = chan(4);
    let wg = WaitGroup::new();
    for i in 0..n {
        let tx = tx.clone();
        drop(wg.go(move || {
            yield_now();
            tx.send(i);
            if i % 16 == 0 {
                sleep(Duration::from_micros(200));
            }
        }));
    }
    drop(go(move || {
        wg.wait();
        tx.close();
    }));
    rx.iter().sum()
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    for procs in [1, 2, 3, 4, 8] {
        for _ in 0..20 {
            assert_eq!(live(procs).run(|| program(400)), 400 * 399 / 2);
        }
    }
}

#[test]
fn live_and_lab_give_the_same_results() {
    for number in 0..20 {
        let expected = lab(0).unwatched().run(move || mixed::program(number));
        for procs in [1, 2, 4] {
            let got = live(procs).run(move || mixed::program(number));
            assert_eq!(got, expected, "program {number} on {procs} Ps");
        }
    }
}

#[test]
fn more_ps_than_processors_are_no_problem() {
    assert_eq!(live(64).run(|| program(1_000)), 1_000 * 999 / 2);
}

fn recorded(procs: usize, n: u64) -> Vec<Record> {
    let memory = Memory::default();
    let sum = live(procs).record(memory.clone()).run(move || program(n));
    assert_eq!(sum, n * (n - 1) / 2);
    memory.records()
}

#[test]
fn records_are_numbered_without_holes_and_begin_with_the_start_of_the_run() {
    for procs in [1, 2, 4, 8] {
        for _ in 0..5 {
            let records = recorded(procs, 300);
            for (n, record) in records.iter().enumerate() {
                assert_eq!(record.seq, n as u64);
            }
            let first = &records[0].event;
            assert!(matches!(first, Event::RunStart { drive: Drive::Live, .. }), "{first}");
        }
    }
}

#[test]
fn the_run_ends_once_and_main_does_nothing_after_it() {
    for procs in [1, 2, 4, 8] {
        let records = recorded(procs, 300);
        let is_end = |r: &&Record| matches!(r.event, Event::RunEnd { .. });
        assert_eq!(records.iter().filter(is_end).count(), 1);
        let end = records.iter().position(|r| is_end(&r)).expect("there is one");
        assert!(matches!(records[end].event, Event::RunEnd { how: EndKind::Returned, .. }));
        // Others may have been in the middle of a step.
        let after = &records[end + 1..];
        assert!(after.iter().all(|r| r.actor.g != Some(GId(1))), "{after:?}");
    }
}

#[test]
fn time_never_goes_back() {
    for procs in [1, 2, 4, 8] {
        let records = recorded(procs, 300);
        assert!(records.is_sorted_by_key(|record| record.time));
    }
}

#[test]
fn every_line_is_told_before_it_is_named() {
    for procs in [1, 4] {
        let mut told = HashSet::new();
        for record in recorded(procs, 100) {
            if let Event::Site { site, .. } = record.event {
                assert!(told.insert(site), "it is told once");
            }
            assert!(record.site.is_none_or(|site| told.contains(&site)), "{record}");
        }
        assert!(told.len() >= 5);
    }
}

#[test]
fn every_goroutine_is_made_starts_and_ends_in_this_order() {
    for procs in [1, 2, 4, 8] {
        let (mut made, mut running) = (HashSet::new(), HashSet::new());
        let (mut ended, mut starts) = (0, 0);
        for record in recorded(procs, 300) {
            match record.event {
                Event::GoCreate { g, .. } => assert!(made.insert(g), "{record}"),
                Event::GoStart { g, .. } => {
                    assert!(made.contains(&g) && running.insert(g), "{record}");
                    starts += 1;
                }
                // A thread that is handed a P goes on with what it ran.
                Event::MResume { g, .. } => assert!(running.insert(g), "{record}"),
                Event::GoPark { g, .. } | Event::GoYield { g, .. } | Event::GoPreempt { g, .. } => {
                    assert!(running.remove(&g), "{record}");
                }
                Event::GoExit { g, .. } => {
                    assert!(running.remove(&g) && made.remove(&g), "{record}");
                    ended += 1;
                }
                _ => {}
            }
        }
        // The last ones may have been about to end when main returned.
        assert_eq!(ended + made.len(), 302);
        assert!(made.contains(&GId(1)) && starts > 600, "{starts} starts");
    }
}
