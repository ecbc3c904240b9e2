//! R84 and R86 to R88: who waits in a select, and which case is taken.

use std::time::Duration;

use gopark::sink::Memory;
use gopark::trace::Event;
use gopark::trace::ids::{ChanId, GId};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::WaitReason;
use gopark::{Receiver, Sender, chan, go, lab, log, select, sleep, work, yield_now};

use crate::runs::{after, made, on_one_p, started};

/// What selects were told of, from "begin" on.
fn selects(records: &[Record]) -> Vec<(Event, Option<Rule>)> {
    let told = |r: &&Record| {
        matches!(r.event, Event::SelectStart { .. } | Event::SelectPick { .. })
            || matches!(r.event, Event::GoPark { why: WaitReason::Select, .. })
    };
    let told = after(records, "begin").iter().filter(told);
    told.map(|r| (r.event.clone(), r.rule.clone())).collect()
}

fn keeps_the_rules(records: &[Record]) {
    assert_eq!(gopark_model::validate(records), []);
}

#[test]
fn r84_waiters_of_selects_stand_in_line_with_all_others_and_those_won_elsewhere_are_passed_over() {
    let records = on_one_p(|| {
        let ((a, a_rx), (b, b_rx)) = (chan(0), chan(0));
        let (told, order) = chan(9);
        // In line at a: 1 plain, 2 select, 3 plain, 4 select. At b: 2 and 4.
        for i in 1..=4 {
            let (a_rx, b_rx, told) = (a_rx.clone(), b_rx.clone(), told.clone());
            drop(go(move || {
                let got = if i % 2 == 1 {
                    a_rx.recv()
                } else {
                    select! {
                        got = recv(a_rx) => got,
                        got = recv(b_rx) => got,
                    }
                };
                told.send((i, got));
            }));
            yield_now();
        }
        // 2 is won at b. It does not run before a is used, so its waiter is still there.
        b.send("b");
        (0..3).for_each(|_| a.send("a"));
        let mut got: Vec<_> = order.iter().take(4).collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3, 4].map(|i| (i, Some(if i == 2 { "b" } else { "a" }))));
    });
    let gs = made(&records);
    let served: Vec<GId> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::ChanSend { to, .. } => to.filter(|to| gs.contains(to)),
            _ => None,
        })
        .collect();
    assert_eq!(served, [gs[1], gs[0], gs[2], gs[3]]);
    keeps_the_rules(&records);
}

#[test]
fn r85_close_lets_selects_and_others_go_in_the_same_order() {
    let records = on_one_p(|| {
        let ((tx, rx), (_never, other)) = (chan::<()>(0), chan::<()>(0));
        for i in 0..5 {
            let (rx, other) = (rx.clone(), other.clone());
            drop(go(move || {
                if i % 2 == 0 {
                    assert_eq!(rx.recv(), None);
                } else {
                    select! {
                        got = recv(rx) => assert_eq!(got, None),
                        recv(other) => panic!("nobody sends there"),
                    }
                }
            }));
            yield_now();
        }
        log("begin");
        tx.close();
        (0..3).for_each(|_| yield_now());
    });
    let gs = made(&records);
    let order = started(after(&records, "begin")).into_iter().filter(|g| *g != GId(1));
    assert_eq!(order.collect::<Vec<_>>(), [gs[0], gs[4], gs[3], gs[2], gs[1]]);
    keeps_the_rules(&records);
}

#[test]
fn r86_a_blocked_select_is_won_by_one_case_and_leaves_every_queue() {
    let records = on_one_p(|| {
        let ((a, a_rx), (b, b_rx), (c, c_rx)) = (chan(0), chan(0), chan(1));
        c.send(0);
        log("begin");
        let waits = go(move || {
            select! {
                recv(a_rx) => 0,
                recv(b_rx) => 1,
                send(c, 9) => 2,
            }
        });
        yield_now();
        b.send(7);
        // Nobody waits at the others, although the select has not run yet.
        assert_eq!(
            (a.try_send(1), c_rx.try_recv(), c_rx.try_recv().is_err()),
            (Err(1), Ok(Some(0)), true)
        );
        assert_eq!(waits.join().expect("no panic"), 1);
    });
    let told = selects(&records);
    let start = |e: &Event| match e {
        Event::SelectStart { cases, sends, order, default } => {
            Some((cases.clone(), sends.clone(), order.len(), *default))
        }
        _ => None,
    };
    let three = [ChanId(2), ChanId(3), ChanId(1)].to_vec();
    assert_eq!(start(&told[0].0), Some((three, vec![2], 3, false)));
    assert!(matches!(told[1], (Event::GoPark { on: None, .. }, Some(Rule::SelectBlocks {}))));
    let pick = (Event::SelectPick { case: 1, waited: true }, Some(Rule::SelectWonBy { case: 1 }));
    assert_eq!(told.last(), Some(&pick));
    keeps_the_rules(&records);
}

#[test]
fn r87_of_several_ready_cases_one_is_taken_by_chance_and_the_default_only_if_none_is() {
    let records = on_one_p(|| {
        let ((a, a_rx), (b, b_rx)) = (chan(1), chan(1));
        a.send(1);
        log("begin");
        let taken = select! {
            recv(a_rx) => 0,
            recv(b_rx) => 1,
            send(b, 2) => 2,
            default => 3,
        };
        assert!(taken == 0 || taken == 2);
        let (_tx, empty) = chan::<()>(0);
        select! {
            recv(empty) => {}
            default => {}
        }
    });
    let told = selects(&records);
    let (Event::SelectPick { case: first @ (0 | 2), waited: false }, Some(rule)) = &told[1] else {
        panic!("{:?}", told[1]);
    };
    assert_eq!(*rule, Rule::SelectUniform { ready: 2 }, "case {first}");
    let default = (Event::SelectPick { case: 1, waited: false }, Some(Rule::SelectDefault {}));
    assert_eq!(told[3], default);
    keeps_the_rules(&records);
}

#[test]
fn r87_the_seed_decides_which_case_is_taken() {
    let taken = |seed| {
        let (tx, rx) = (chan(9), chan(9));
        let picks = move || {
            let mut picks = Vec::new();
            for n in 0..6 {
                tx.0.send(n);
                rx.0.send(n);
                picks.push(select! { recv(tx.1) => 0, recv(rx.1) => 1 });
            }
            picks
        };
        lab(seed).procs(1).unwatched().run(picks)
    };
    let all: Vec<Vec<u32>> = (0..20).map(taken).collect();
    assert_eq!(all, (0..20).map(taken).collect::<Vec<_>>(), "the same seed, the same choices");
    assert!(all.iter().any(|picks| picks != &all[0]), "another seed, other choices");
}

#[test]
fn r88_cases_of_nil_channels_are_in_no_order() {
    let records = on_one_p(|| {
        let (tx, rx) = chan(1);
        tx.send(1);
        log("begin");
        select! {
            recv(Receiver::<u32>::nil()) => unreachable!("nil"),
            recv(rx) => {}
            send(Sender::nil(), 1) => unreachable!("nil"),
        }
    });
    let told = selects(&records);
    let start = Event::SelectStart {
        cases: vec![ChanId(0), ChanId(1), ChanId(0)],
        sends: vec![2],
        order: vec![1],
        default: false,
    };
    assert_eq!(told[0].0, start);
    assert_eq!(told[1].0, Event::SelectPick { case: 1, waited: false });
    keeps_the_rules(&records);
}

/// Many goroutines and few channels, by select, by plain operations and with defaults; at the end
/// everything is closed.
fn mixed(seed: u64) -> u64 {
    let chans: Vec<(Sender<u64>, Receiver<u64>)> = [0, 0, 1, 3].map(chan).into();
    let (stop, stopped) = chan::<()>(0);
    let mut workers = Vec::new();
    for g in 0..8_u64 {
        let (chans, stopped) = (chans.clone(), stopped.clone());
        workers.push(go(move || {
            let mut sum = 0;
            for n in 0..25_u64 {
                let at = |i: u64| &chans[((g ^ seed ^ n) + i) as usize % 4];
                sum += select! {
                    send(at(0).0, g) => 1,
                    got = recv(at(1).1) => got.unwrap_or(0),
                    got = recv(at(0).1) => got.unwrap_or(0),
                    send(at(2).0, n) => 1,
                    recv(stopped) => break,
                };
                match n % 5 {
                    0 => drop(at(3).0.try_send(n)),
                    1 => drop(at(3).1.try_recv()),
                    2 => work(Duration::from_nanos(300 * g)),
                    3 => yield_now(),
                    _ => {}
                }
            }
            sum
        }));
    }
    sleep(Duration::from_micros(200));
    stop.close();
    workers.into_iter().map(|w| w.join().expect("no panic")).sum()
}

#[test]
fn every_run_of_a_mixed_program_with_selects_keeps_the_rules() {
    let (mut waited, mut picks) = (0, 0);
    for procs in [1, 2, 3, 4, 8] {
        for seed in 0..25 {
            let memory = Memory::default();
            lab(seed).procs(procs).unwatched().record(memory.clone()).run(move || mixed(seed));
            let records = memory.records();
            keeps_the_rules(&records);
            let pick = |r: &Record| match r.event {
                Event::SelectPick { waited, .. } => Some(waited),
                _ => None,
            };
            picks += records.iter().filter_map(pick).count();
            waited += records.iter().filter_map(pick).filter(|w| *w).count();
        }
    }
    assert!(waited > 2000 && picks - waited > 2000, "{waited} of {picks}");
}
