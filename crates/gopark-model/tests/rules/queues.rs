//! R10–R17: where a goroutine goes that becomes runnable.

use gopark_trace::{Event, GId, PId, PreemptKind, Queue, Rule, YieldKind};

use crate::script::Script;

const P0: PId = PId(0);

/// G2 to G`n` wait, and G1 runs.
fn parked(n: u64) -> Script {
    let mut s = Script::lab(1);
    for g in 2..=n {
        s.go(g);
        s.gosched();
        assert!(s.find());
        s.park();
        assert!(s.find());
    }
    s.clean();
    s
}

#[test]
fn r10_a_new_goroutine_goes_to_the_slot_of_the_spawner() {
    let mut s = Script::lab(1);
    s.go(2);
    s.clean();
    for to in [Queue::Ring(P0), Queue::Global, Queue::Slot(PId(1))] {
        let mut s = Script::lab(1);
        s.event(Event::PNew { p: PId(1) });
        s.event(Event::GoCreate { g: GId(2), parent: Some(GId(1)), to });
        s.breaks("R10");
    }
}

#[test]
fn r11_the_newest_runs_first_and_the_others_in_order() {
    let mut s = Script::lab(1);
    (2..=6).for_each(|g| s.go(g));
    s.park();
    let mut order = Vec::new();
    while s.world().p(P0).is_some_and(|p| p.slot.is_some() || !p.ring.is_empty()) {
        s.find();
        order.push(s.g().0);
        s.exit();
    }
    s.clean();
    assert_eq!(order, [6, 2, 3, 4, 5]);
    // In any other order the slot or the oldest of the ring is passed by.
    for wrong in [2, 3, 5] {
        let mut s = Script::lab(1);
        (2..=6).for_each(|g| s.go(g));
        s.park();
        s.start(GId(wrong), Queue::Ring(P0));
        s.breaks("R25");
    }
}

#[test]
fn r12_overflow_moves_129_to_the_global_queue() {
    let mut s = Script::lab(1);
    (2..=259).for_each(|g| s.go(g));
    s.clean();
    let global: Vec<u64> = s.world().global().iter().map(|g| g.0).collect();
    let oldest_and_the_one_in_hand: Vec<u64> = (2..=129).chain([258]).collect();
    assert_eq!(global, oldest_and_the_one_in_hand);
    assert_eq!(s.world().p(P0).and_then(|p| p.slot), Some(GId(259)));
}

/// The ring is full and G258 is in hand.
fn full() -> Script {
    let mut s = Script::lab(1);
    (2..=258).for_each(|g| s.go(g));
    s.event(Event::SlotKick { p: P0, g: GId(258), to: Queue::Hand });
    s.clean();
    s
}

#[test]
fn r12_overflow_takes_half_not_less_and_the_oldest_not_others() {
    let overflow = |gs: Vec<u64>| {
        let mut s = full();
        s.event(Event::RingOverflow { p: P0, gs: gs.into_iter().map(GId).collect() });
        s
    };
    overflow((2..=129).chain([258]).collect()).clean();
    overflow((2..=128).chain([258]).collect()).breaks("R12");
    overflow((3..=130).chain([258]).collect()).breaks("R12");
}

#[test]
fn r12_only_a_full_ring_overflows() {
    let mut s = Script::lab(1);
    (2..=131).for_each(|g| s.go(g));
    s.event(Event::SlotKick { p: P0, g: GId(131), to: Queue::Ring(P0) });
    s.clean();
    s.event(Event::GoYield { g: GId(1), kind: YieldKind::Handoff, to: Queue::Hand });
    let gs = (2..=129).chain([1]).map(GId).collect();
    s.event(Event::RingOverflow { p: P0, gs });
    s.breaks("R12");
}

#[test]
fn r13_who_is_woken_goes_to_the_slot_of_the_waker() {
    let mut s = parked(2);
    s.ready(2);
    s.clean();
    for to in [Queue::Ring(P0), Queue::Global, Queue::GlobalHead, Queue::Hand] {
        let mut s = parked(2);
        s.event(Event::GoReady { g: GId(2), to });
        s.breaks("R13");
    }
}

#[test]
fn r13_not_to_the_slot_of_the_p_where_it_parked() {
    let mut s = Script::live(2);
    s.go(2);
    s.on(1).acquire();
    s.tries(4);
    s.wait(3_000);
    s.steal_slot(P0, GId(2), true);
    s.run(GId(2), Queue::Hand);
    s.park();
    s.on(0).clean();
    s.event(Event::GoReady { g: GId(2), to: Queue::Slot(PId(1)) });
    s.breaks("R13");
}

#[test]
fn r13_what_a_poll_gives_may_go_elsewhere() {
    let mut s = parked(2);
    let rule = Rule::InjectList { idle: 0, n: 1 };
    s.ruled(Event::GoReady { g: GId(2), to: Queue::Ring(P0) }, rule);
    s.clean();
}

#[test]
fn r14_the_second_ready_takes_the_slot_and_the_first_goes_to_the_ring() {
    let mut s = parked(3);
    s.ready(2);
    s.ready(3);
    s.clean();
    let p = s.world().p(P0).expect("P0 is there");
    assert_eq!((p.slot, p.ring.back()), (Some(GId(3)), Some(&GId(2))));
}

#[test]
fn r14_who_is_displaced_is_who_was_in_the_slot() {
    let mut s = parked(4);
    s.ready(2);
    s.ready(3);
    s.event(Event::SlotKick { p: P0, g: GId(2), to: Queue::Ring(P0) });
    s.breaks("R14");
}

#[test]
fn r14_who_is_displaced_goes_to_the_own_ring_while_there_is_room() {
    for to in [Queue::Global, Queue::Hand, Queue::GlobalHead] {
        let mut s = parked(2);
        s.ready(2);
        s.event(Event::SlotKick { p: P0, g: GId(2), to });
        s.breaks("R14");
    }
}

#[test]
fn r15_who_yields_goes_behind_everybody() {
    let mut s = Script::lab(1);
    s.gosched();
    s.clean();
    for to in [Queue::Ring(P0), Queue::Slot(P0), Queue::GlobalHead] {
        let mut s = Script::live(1);
        s.event(Event::GoYield { g: GId(1), kind: YieldKind::Gosched, to });
        s.breaks("R15");
    }
}

#[test]
fn r16_who_is_preempted_goes_to_the_global_queue_or_back_into_the_slot() {
    let preempted = |kind, to| {
        let mut s = Script::lab(1);
        s.event(Event::GoPreempt { g: GId(1), kind, to });
        s
    };
    preempted(PreemptKind::Signal, Queue::Global).clean();
    preempted(PreemptKind::StopTheWorld, Queue::Slot(P0)).clean();
    preempted(PreemptKind::Signal, Queue::Ring(P0)).breaks("R16");
    preempted(PreemptKind::Cooperative, Queue::Slot(P0)).breaks("R16");
    preempted(PreemptKind::StopTheWorld, Queue::Global).breaks("R16");
}

#[test]
fn r17_who_hands_a_lock_over_goes_to_the_own_ring() {
    let yielded = |to| {
        let mut s = Script::lab(1);
        s.event(Event::GoYield { g: GId(1), kind: YieldKind::Handoff, to });
        s
    };
    yielded(Queue::Ring(P0)).clean();
    yielded(Queue::Global).breaks("R17");
    yielded(Queue::Slot(P0)).breaks("R17");
}

#[test]
fn r9_no_goroutine_is_made_twice() {
    let mut s = Script::lab(1);
    s.go(2);
    s.park();
    assert!(s.find());
    s.clean();
    s.event(Event::GoCreate { g: GId(1), parent: Some(GId(2)), to: Queue::Slot(P0) });
    s.breaks("R9");
}
