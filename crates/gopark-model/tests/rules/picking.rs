//! R22–R33, R74: which goroutine runs next, and how work is taken from others.

use gopark_trace::{Event, GId, GlobalWhy, Nanos, PId, Queue, Rule, YieldKind};

use crate::script::Script;

const P0: PId = PId(0);
const P1: PId = PId(1);

/// One P: G`n` runs, those before it yielded and wait in the global queue.
fn global(n: u64) -> Script {
    let mut s = Script::lab(1);
    for g in 2..=n {
        s.go(g);
        s.gosched();
        assert!(s.find());
    }
    s.clean();
    s
}

/// Two Ps: G1 runs on M0 with `n` goroutines in the ring of P0 and one in its slot; M1 looks.
fn looking(n: u64) -> Script {
    looking_with(Script::lab(2), n)
}

fn looking_with(mut s: Script, n: u64) -> Script {
    (2..=n + 2).for_each(|g| s.go(g));
    s.on(1).acquire();
    s.clean();
    s
}

#[test]
fn r22_a_search_in_order() {
    let mut s = global(4);
    s.go(9);
    s.go(10);
    s.park();
    let mut order = Vec::new();
    for _ in 0..5 {
        assert!(s.find());
        order.push(s.g().0);
        s.exit();
    }
    s.clean();
    // Slot, ring, then the global queue.
    assert_eq!(order, [10, 9, 1, 2, 3]);
}

#[test]
fn r22_the_ring_goes_before_the_global_queue() {
    let mut s = global(3);
    s.go(9);
    s.go(10);
    s.park();
    assert!(s.find());
    s.exit();
    s.clean();
    s.global(GlobalWhy::LocalEmpty);
    s.breaks("R22");
}

#[test]
fn r22_the_slot_goes_before_the_global_queue() {
    let mut s = global(3);
    s.go(9);
    s.park();
    s.clean();
    s.global(GlobalWhy::LocalEmpty);
    s.breaks("R22");
}

#[test]
fn r22_the_global_queue_goes_before_stealing() {
    let mut s = looking(3);
    s.on(0).gosched();
    assert!(s.find());
    s.on(1).clean();
    s.try_steal(1);
    s.breaks("R22");
}

#[test]
fn r22_own_work_goes_before_stealing() {
    let mut s = Script::lab(2);
    s.go(2);
    s.park();
    s.clean();
    s.try_steal(1);
    s.breaks("R22");
}

/// At a tick that is a multiple of 61: two wait in the global queue, one in the slot.
fn at_61() -> Script {
    let mut s = global(3);
    while !s.world().p(P0).is_some_and(|p| p.tick.is_multiple_of(61)) {
        s.gosched();
        assert!(s.find());
    }
    s.go(9);
    s.park();
    s.clean();
    s
}

#[test]
fn r23_every_61st_tick_one_is_taken_from_the_global_queue_first() {
    let mut s = at_61();
    assert!(s.find());
    assert_ne!(s.g(), GId(9), "the slot waits");
    s.clean();
}

#[test]
fn r23_at_the_61st_tick_the_slot_does_not_go_first() {
    let mut s = at_61();
    s.start(GId(9), Queue::Slot(P0));
    s.breaks("R23");
}

#[test]
fn r23_exactly_one_is_taken() {
    let mut s = at_61();
    s.take_global(GlobalWhy::Every61, 2);
    s.breaks("R23");
}

#[test]
fn r23_at_no_other_tick() {
    let mut s = global(3);
    assert!(!s.world().p(P0).is_some_and(|p| p.tick.is_multiple_of(61)));
    s.park();
    s.global(GlobalWhy::Every61);
    s.breaks("R23");
}

#[test]
fn r24_a_start_from_the_slot_inherits_the_slice_and_others_begin_one() {
    let started = |from: Queue, tick: u32| {
        let mut s = Script::lab(1);
        s.go(2);
        s.go(3);
        s.park();
        if from == Queue::Ring(P0) {
            assert!(s.find());
            s.park();
        }
        s.clean();
        let g = if from == Queue::Ring(P0) { 2 } else { 3 };
        s.event(Event::GoStart { g: GId(g), from, tick });
        s
    };
    started(Queue::Slot(P0), 1).clean();
    started(Queue::Ring(P0), 2).clean();
    started(Queue::Slot(P0), 2).breaks("R24");
    started(Queue::Ring(P0), 1).breaks("R24");
    started(Queue::Ring(P0), 3).breaks("R24");
}

#[test]
fn r25_the_slot_goes_before_the_ring() {
    let mut s = Script::lab(1);
    (2..=4).for_each(|g| s.go(g));
    s.park();
    s.clean();
    s.start(GId(2), Queue::Ring(P0));
    s.breaks("R25");
}

#[test]
fn r25_the_oldest_of_the_ring_goes_first() {
    let mut s = Script::lab(1);
    (2..=4).for_each(|g| s.go(g));
    s.park();
    assert!(s.find());
    s.park();
    s.clean();
    s.start(GId(3), Queue::Ring(P0));
    s.breaks("R25");
}

#[test]
fn r26_a_batch_is_the_share_of_the_global_queue() {
    // Six wait, for one P: 6 / 1 + 1, at most what is there.
    let mut s = global(7);
    s.park();
    assert_eq!(s.global(GlobalWhy::LocalEmpty), Some((GId(1), Queue::Hand)));
    assert_eq!(s.ring(P0), 5);
    s.clean();
    for n in [1, 5] {
        let mut s = global(7);
        s.park();
        s.take_global(GlobalWhy::LocalEmpty, n);
        s.breaks("R26");
    }
}

#[test]
fn r26_a_batch_is_taken_from_the_head() {
    let mut s = global(3);
    s.park();
    let gs = vec![GId(2), GId(1)];
    s.event(Event::GlobalGet { p: P0, gs, why: GlobalWhy::LocalEmpty, left: 0 });
    s.breaks("R26");
}

#[test]
fn r27_few_may_look() {
    let mut s = Script::lab(4);
    s.go(2);
    s.on(1).acquire();
    s.clean();
    // One of two busy Ps looks already.
    s.on(0).park();
    assert!(s.find());
    s.park();
    s.clean();
    s.may_spin();
    s.breaks("R27");
}

#[test]
fn r28_a_search_has_four_tries() {
    let mut s = looking(1);
    s.tries(4);
    s.event(Event::StealNone { p: P1, tries: 4 });
    s.clean();
    let mut s = looking(1);
    s.tries(5);
    s.breaks("R28");
    let mut s = looking(1);
    s.tries(1);
    s.try_steal(3);
    s.breaks("R28");
}

#[test]
fn r28_a_try_asks_every_other_p_once() {
    let with = |order: &[u32]| {
        let mut s = looking_with(Script::lab(3), 1);
        let order = order.iter().map(|&p| PId(p)).collect();
        s.event(Event::StealTry { p: P1, attempt: 1, order });
        s
    };
    with(&[2, 0]).clean();
    with(&[0]).breaks("R28");
    with(&[0, 0]).breaks("R28");
    with(&[0, 1, 2]).breaks("R28");
    with(&[0, 2, 0]).breaks("R28");
}

#[test]
fn r28_nobody_steals_without_a_try() {
    let mut s = looking(3);
    s.steal(P0, 1);
    s.breaks("R28");
}

#[test]
fn r29_half_of_the_ring_rounded_up() {
    let mut s = looking(5);
    s.tries(1);
    let newest = s.steal(P0, 1);
    assert_eq!(newest, GId(4), "the newest of the three oldest runs");
    assert_eq!(s.world().p(P1).map(|p| p.ring.len()), Some(2));
    s.run(newest, Queue::Hand);
    s.clean();
    for n in [1, 2, 4] {
        let mut s = looking(5);
        s.tries(1);
        s.steal_n(P0, 1, n);
        s.breaks("R29");
    }
}

#[test]
fn r29_the_oldest_are_stolen() {
    let mut s = looking(5);
    s.tries(1);
    let gs = vec![GId(3), GId(4), GId(5)];
    s.event(Event::Steal { thief: P1, victim: P0, attempt: 1, of: 5, gs });
    s.breaks("R29");
}

#[test]
fn r30_a_slot_is_robbed_in_the_last_try_only() {
    let rob = |tries| {
        let mut s = looking(0);
        s.tries(tries);
        s.wait(3_000);
        s.steal_slot(P0, GId(2), true);
        s
    };
    rob(4).clean();
    rob(3).breaks("R30");
    rob(0).breaks("R30");
}

#[test]
fn r30_a_slot_is_robbed_if_the_ring_is_empty() {
    let mut s = looking(1);
    s.tries(4);
    s.wait(3_000);
    s.steal_slot(P0, GId(3), true);
    s.breaks("R30");
}

#[test]
fn r30_what_comes_into_the_ring_during_the_pause_does_not_save_the_slot() {
    let robbed_after = |ns| {
        let mut s = looking(0);
        s.tries(4);
        s.wait(1_000);
        // Its goroutine hands a lock over: it goes to the ring, the slot stays.
        s.on(0);
        let (g, kind, to) = (s.g(), YieldKind::Handoff, Queue::Ring(P0));
        s.event(Event::GoYield { g, kind, to });
        s.on(1);
        s.wait(ns);
        s.steal_slot(P0, GId(2), true);
        s
    };
    robbed_after(2_000).clean();
    robbed_after(3_000).breaks("R30");
}

/// G1 sleeps on P0 and its timer is due; G3 runs there with G2 in the slot; M1 is in its try `n`.
fn due(s: Script, n: u8) -> (Script, gopark_trace::TimerId) {
    let mut s = looking_with(s, 1);
    s.on(0);
    let timer = s.sleep(50);
    s.start(GId(3), Queue::Slot(P0));
    s.on(1).tries(n);
    s.clean();
    (s, timer)
}

#[test]
fn r30_the_timers_of_a_victim_are_run_in_the_last_try() {
    let (mut s, timer) = due(Script::lab(2), 4);
    s.fire(timer, P0);
    s.ready(1);
    s.clean();
    let (mut s, timer) = due(Script::lab(2), 3);
    s.fire(timer, P0);
    s.breaks("R30");
}

#[test]
fn r30_the_timers_of_a_victim_go_before_its_slot() {
    let mut s = Script::lab(2);
    s.go(2);
    let timer = s.sleep(50);
    s.start(GId(2), Queue::Slot(P0));
    s.go(3);
    s.on(1).acquire();
    s.tries(4);
    s.clean();
    s.wait(3_000);
    s.steal_slot(P0, GId(3), true);
    s.breaks("R30");
    assert!(s.world().timer(timer).is_some());
}

#[test]
fn r31_a_running_victim_is_given_3_us() {
    let rob = |time, waited| {
        let mut s = looking(0);
        s.tries(4);
        s.wait(time);
        s.steal_slot(P0, GId(2), waited);
        s
    };
    rob(3_000, true).clean();
    rob(2_999, true).breaks("R31");
    rob(0, false).breaks("R31");
}

#[test]
fn r31_a_victim_in_a_system_call_is_not_waited_for() {
    let mut s = looking(0);
    s.on(0).event(Event::SysEnter { g: GId(1), call: "read".to_owned(), blocking: false });
    s.on(1).tries(4);
    s.steal_slot(P0, GId(2), false);
    s.clean();
}

#[test]
fn r31_what_is_robbed_was_in_the_slot() {
    let mut s = looking(0);
    s.tries(4);
    s.wait(3_000);
    s.steal_slot(P0, GId(1), true);
    // G1 runs: it is put aside, and M0 is left with nothing.
    s.breaks("R31");
}

#[test]
fn r32_what_is_stolen_begins_a_slice() {
    let stolen = |from_slot: bool, tick| {
        let mut s = looking(if from_slot { 0 } else { 3 });
        let g = if from_slot {
            s.tries(4);
            s.wait(3_000);
            s.steal_slot(P0, GId(2), true);
            GId(2)
        } else {
            s.tries(1);
            s.steal(P0, 1)
        };
        s.spin(false, Some(Rule::FoundWhileSpinning { spinning: 0 }));
        s.wakep();
        s.event(Event::GoStart { g, from: Queue::Hand, tick });
        s
    };
    for from_slot in [true, false] {
        stolen(from_slot, 1).clean();
        stolen(from_slot, 0).breaks("R32");
    }
}

#[test]
fn r33_who_a_stolen_timer_wakes_lands_on_the_thief() {
    let (mut s, timer) = due(Script::lab(2), 4);
    s.fire(timer, P0);
    s.ready(1);
    assert_eq!(s.world().p(P1).and_then(|p| p.slot), Some(GId(1)));
    s.clean();
    let (mut s, timer) = due(Script::live(2), 4);
    s.fire(timer, P0);
    s.event(Event::GoReady { g: GId(1), to: Queue::Slot(P0) });
    s.breaks("R33");
}

#[test]
fn r74_due_timers_run_before_a_goroutine_is_picked() {
    let mut s = Script::lab(1);
    s.go(2);
    s.go(3);
    s.sleep(50);
    assert!(s.find());
    s.wait(100);
    s.park();
    s.clean();
    s.start(GId(2), Queue::Ring(P0));
    s.breaks("R74");
}

#[test]
fn r74_no_timer_fires_early() {
    let mut s = Script::lab(1);
    let timer = s.sleep(50);
    s.wait(49);
    s.clean();
    s.fire(timer, P0);
    s.breaks("R74");
    assert_eq!(s.world().time(), Nanos(49));
}
