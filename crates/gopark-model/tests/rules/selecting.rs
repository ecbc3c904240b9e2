//! R84–R88: who waits at channels, in selects above all.

use gopark_model::World;
use gopark_trace::{ChanId, Event, GId, Obj, RecvHow, Rule, SendHow, WaitReason};

use crate::script::Script;

const A: ChanId = ChanId(1);
const B: ChanId = ChanId(2);

/// Two channels without room; G1 runs.
fn two_channels() -> Script {
    let mut s = Script::lab(1);
    for chan in [A, B] {
        s.event(Event::ChanMake { chan, cap: 0 });
    }
    s
}

fn start(s: &mut Script, cases: &[ChanId], sends: &[u32], order: &[u32], default: bool) {
    let (cases, sends, order) = (cases.to_vec(), sends.to_vec(), order.to_vec());
    s.event(Event::SelectStart { cases, sends, order, default });
}

fn pick(s: &mut Script, case: u32, waited: bool) {
    s.event(Event::SelectPick { case, waited });
}

/// G1 makes G2, which parks in a select that receives from A and sends on B; G1 goes on.
fn one_waits() -> Script {
    let mut s = two_channels();
    s.go(2);
    s.gosched();
    s.find();
    assert_eq!(s.g(), GId(2));
    start(&mut s, &[A, B], &[1], &[1, 0], false);
    s.park();
    s.find();
    s.clean();
    s
}

fn send(s: &mut Script, chan: ChanId, to: u64) {
    s.event(Event::ChanSend { chan, len: 0, how: SendHow::Direct, to: Some(GId(to)) });
}

fn recv(s: &mut Script, chan: ChanId, from: u64) {
    s.event(Event::ChanRecv { chan, len: 0, how: RecvHow::Direct, from: Some(GId(from)) });
}

fn queues(world: &World) -> Vec<(Vec<GId>, Vec<GId>)> {
    let ends = |c: &gopark_model::Channel| {
        (c.recvq.iter().copied().collect(), c.sendq.iter().copied().collect())
    };
    world.chans().map(ends).collect()
}

#[test]
fn a_select_waits_in_the_queue_of_each_of_its_channels() {
    let s = one_waits();
    let g = vec![GId(2)];
    assert_eq!(queues(s.world()), [(g.clone(), vec![]), (vec![], g)]);
}

#[test]
fn r86_whoever_wins_a_select_takes_it_off_every_queue() {
    let mut s = one_waits();
    recv(&mut s, B, 2);
    assert_eq!(queues(s.world()), [(vec![], vec![]), (vec![], vec![])]);
    s.ready(2);
    s.park();
    s.find();
    pick(&mut s, 1, true);
    s.clean();
    assert_eq!(s.world().g(GId(2)).and_then(|g| g.select.clone()), None);
}

#[test]
fn r86_a_select_takes_the_case_that_was_won() {
    let mut s = one_waits();
    send(&mut s, A, 2);
    s.ready(2);
    s.park();
    s.find();
    s.clean();
    pick(&mut s, 1, true);
    s.breaks("R86");
}

#[test]
fn r86_a_close_wins_too() {
    let mut s = one_waits();
    s.event(Event::ChanClose { chan: A, receivers: vec![GId(2)], senders: vec![] });
    s.ready(2);
    s.park();
    s.find();
    pick(&mut s, 0, true);
    s.clean();
}

#[test]
fn r84_a_select_stands_in_line_with_all_others() {
    let mut s = one_waits();
    s.go(3);
    s.gosched();
    s.find();
    s.park_on(WaitReason::ChanReceive, Some(Obj::Chan(A)));
    s.find();
    send(&mut s, A, 2);
    send(&mut s, A, 3);
    s.clean();
}

#[test]
fn r84_a_select_that_has_not_been_won_is_not_passed_over() {
    let mut s = one_waits();
    s.go(3);
    s.gosched();
    s.find();
    s.park_on(WaitReason::ChanReceive, Some(Obj::Chan(A)));
    s.find();
    s.clean();
    send(&mut s, A, 3);
    s.breaks("R84");
}

#[test]
fn r85_a_close_lets_go_who_waits_twice_there_once() {
    for (receivers, senders, right) in [
        (vec![GId(2)], vec![], true),
        (vec![GId(2)], vec![GId(2)], false),
        (vec![GId(2), GId(2)], vec![], false),
        (vec![], vec![], false),
    ] {
        let mut s = two_channels();
        s.go(2);
        s.gosched();
        s.find();
        start(&mut s, &[A, A, A], &[1], &[2, 0, 1], false);
        s.park();
        s.find();
        s.clean();
        s.event(Event::ChanClose { chan: A, receivers, senders });
        if right {
            s.clean();
        } else {
            s.breaks("R85");
        }
    }
}

#[test]
fn r87_the_first_case_that_is_ready_is_taken() {
    for (case, right) in [(0, false), (1, true), (2, false), (3, false), (4, false)] {
        let mut s = one_waits();
        // G2 sends on B and receives from A: cases 1 and 2 are ready.
        start(&mut s, &[A, A, B], &[1], &[0, 1, 2], true);
        pick(&mut s, case, false);
        if right {
            s.clean();
        } else {
            s.breaks("R87");
        }
    }
}

#[test]
fn r87_as_many_cases_are_ready_as_are_said_to_be() {
    for ready in [1, 2, 3] {
        let mut s = one_waits();
        start(&mut s, &[A, A, B], &[1], &[0, 2, 1], false);
        s.ruled(Event::SelectPick { case: 2, waited: false }, Rule::SelectUniform { ready });
        if ready == 2 {
            s.clean();
        } else {
            s.breaks("R87");
        }
    }
}

#[test]
fn r87_the_default_is_taken_only_if_no_case_is_ready_and_there_is_one() {
    let mut s = two_channels();
    start(&mut s, &[A, B], &[], &[0, 1], true);
    pick(&mut s, 2, false);
    s.clean();
    start(&mut s, &[A, B], &[], &[0, 1], false);
    pick(&mut s, 2, false);
    s.breaks("R87");
}

#[test]
fn r87_a_select_parks_only_if_no_case_is_ready_and_there_is_no_default() {
    let mut s = one_waits();
    start(&mut s, &[B], &[], &[0], false);
    s.park();
    s.breaks("R87");
    let mut s = two_channels();
    start(&mut s, &[B], &[], &[0], true);
    s.park();
    s.breaks("R87");
}

#[test]
fn r88_a_select_tries_each_case_that_is_not_nil_once() {
    let orders: [&[u32]; 5] = [&[0, 2], &[0], &[0, 1, 2], &[0, 2, 2], &[0, 3]];
    for (i, order) in orders.into_iter().enumerate() {
        let mut s = two_channels();
        start(&mut s, &[A, ChanId(0), B], &[1], order, true);
        if i == 0 {
            s.clean();
        } else {
            s.breaks("R88");
        }
    }
}

#[test]
fn a_select_that_was_joined_while_it_waits_is_followed() {
    let s = one_waits();
    let mut records = s.records;
    let world: World = records.iter().cloned().collect();
    let again = World::from_snapshot(&world.snapshot());
    assert_eq!(queues(&again), queues(&world));
    let waits = |world: &World| {
        let cases = &world.g(GId(2)).and_then(|g| g.select.as_ref()).expect("it waits").cases;
        cases.iter().map(|case| (case.chan, case.sends)).collect::<Vec<_>>()
    };
    assert_eq!(waits(&again), waits(&world));
    // From the snapshot on, whoever wins it takes it off every queue.
    let mut joined = again;
    let mut last = records.pop().expect("there are some");
    last.event = Event::ChanSend { chan: A, len: 0, how: SendHow::Direct, to: Some(GId(2)) };
    assert_eq!(joined.apply(&last), []);
    assert_eq!(queues(&joined), [(vec![], vec![]), (vec![], vec![])]);
}
