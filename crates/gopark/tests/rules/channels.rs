//! R82 to R85: what a channel does with those who wait.

use gopark::trace::Event;
use gopark::trace::ids::{GId, PId};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::{Queue, RecvHow, SendHow};
use gopark::{chan, go, log, yield_now};

use crate::runs::{after, events, every_record, made, on_one_p, started};

const SLOT: Queue = Queue::Slot(PId(0));

/// What main did from "begin" on, without the numbers of lines.
fn from_begin(records: &[Record]) -> Vec<Event> {
    let mut events = events(after(records, "begin"));
    events.retain(|event| !matches!(event, Event::Site { .. }));
    events
}

#[test]
fn r82_a_send_to_a_waiting_receiver_hands_the_value_over_and_the_sender_goes_on() {
    let records = on_one_p(|| {
        let (tx, rx) = chan(3);
        drop(go(move || rx.recv()));
        yield_now();
        log("begin");
        tx.send(7);
        log("the sender goes on");
        yield_now();
    });
    let [to] = made(&records)[..] else { panic!("one goroutine") };
    let events = from_begin(&records);
    assert!(
        matches!(events[0], Event::ChanSend { len: 0, how: SendHow::Direct, to: Some(g), .. } if g == to),
        "past the buffer: {:?}",
        events[0]
    );
    assert_eq!(events[1], Event::GoReady { g: to, to: SLOT });
    assert_eq!(events[2], Event::UserLog { text: "the sender goes on".to_owned() });
    assert!(matches!(events[3], Event::GoYield { g: GId(1), .. }));
    assert_eq!(started(after(&records, "begin"))[0], to);
}

#[test]
fn r82_a_receive_from_a_waiting_sender_takes_its_value_and_the_receiver_goes_on() {
    let records = on_one_p(|| {
        let (tx, rx) = chan(0);
        drop(go(move || tx.send(7)));
        yield_now();
        log("begin");
        assert_eq!(rx.recv(), Some(7));
        log("the receiver goes on");
    });
    let [from] = made(&records)[..] else { panic!("one goroutine") };
    let events = from_begin(&records);
    assert!(
        matches!(events[0], Event::ChanRecv { how: RecvHow::Direct, from: Some(g), .. } if g == from)
    );
    assert_eq!(events[1], Event::GoReady { g: from, to: SLOT });
    assert_eq!(events[2], Event::UserLog { text: "the receiver goes on".to_owned() });
}

#[test]
fn r83_a_receive_from_a_full_buffer_takes_the_head_and_lets_the_first_sender_in_at_the_tail() {
    let records = on_one_p(|| {
        let (tx, rx) = chan(2);
        (1..=2).for_each(|n| tx.send(n));
        for n in 3..=4 {
            let tx = tx.clone();
            drop(go(move || tx.send(n)));
            yield_now();
        }
        log("begin");
        assert_eq!(rx.recv(), Some(1));
        log("the receiver goes on");
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Some(2), Some(3), Some(4)));
    });
    let first = made(&records)[0];
    let events = from_begin(&records);
    let refilled = RecvHow::BufferedRefilled;
    assert!(
        matches!(events[0], Event::ChanRecv { len: 2, how, from: Some(g), .. } if g == first && how == refilled),
        "{:?}",
        events[0]
    );
    assert_eq!(events[1], Event::GoReady { g: first, to: SLOT });
    assert_eq!(events[2], Event::UserLog { text: "the receiver goes on".to_owned() });
}

#[test]
fn r85_close_lets_its_waiters_go_in_reverse_so_that_the_first_runs_first() {
    let records = on_one_p(|| {
        let (tx, rx) = chan::<()>(0);
        for _ in 0..5 {
            let rx = rx.clone();
            drop(go(move || assert_eq!(rx.recv(), None)));
            yield_now();
        }
        log("begin");
        tx.close();
        (0..3).for_each(|_| yield_now());
    });
    let gs = made(&records);
    let closed = after(&records, "begin");
    let receivers = closed.iter().find_map(|r| match &r.event {
        Event::ChanClose { receivers, senders, .. } => Some((receivers.clone(), senders.clone())),
        _ => None,
    });
    assert_eq!(receivers, Some((gs.clone(), Vec::new())), "in the order they waited");
    let readied: Vec<(GId, Option<Rule>)> = closed
        .iter()
        .filter_map(|r| match r.event {
            Event::GoReady { g, .. } => Some((g, r.rule.clone())),
            _ => None,
        })
        .collect();
    let reverse: Vec<_> = (1..=5_u32)
        .rev()
        .map(|place| {
            let rule = Rule::CloseReadiesInReverse { place, of: 5 };
            (gs[place as usize - 1], Some(rule))
        })
        .collect();
    assert_eq!(readied, reverse);
    let order: Vec<GId> = started(closed).into_iter().filter(|g| *g != GId(1)).collect();
    assert_eq!(order, [gs[0], gs[4], gs[3], gs[2], gs[1]]);
}

#[test]
fn a_waiter_is_made_ready_after_the_channel_has_told_what_it_did() {
    let mut told = 0;
    every_record(|board, record| {
        let (Event::ChanSend { to: Some(g), .. } | Event::ChanRecv { from: Some(g), .. }) =
            record.event
        else {
            return;
        };
        // It waits: it runs nowhere and stands in no queue.
        assert!(board.running.values().all(|running| *running != g));
        let queued = board.ps.iter().any(|p| p.slot == Some(g) || p.ring.contains(&g));
        assert!(!queued && !board.global.contains(&g));
        told += 1;
    });
    assert!(told > 200, "{told}");
}
