//! R1–R6: who may be where.

use gopark_trace::{
    Event, ExitKind, GId, HandoffWhy, MId, Nanos, PId, PreemptKind, Queue, SysPath, WaitReason,
    YieldKind,
};

use crate::script::Script;

#[test]
fn r1_only_a_parked_goroutine_is_made_ready() {
    let mut s = Script::lab(1);
    s.go(2);
    s.park();
    s.find();
    s.ready(1);
    s.clean();
    // It is in the slot already: it would be in two places.
    s.event(Event::SlotKick { p: PId(0), g: GId(1), to: Queue::Ring(PId(0)) });
    s.event(Event::GoReady { g: GId(1), to: Queue::Slot(PId(0)) });
    s.breaks("R1");
}

#[test]
fn r1_only_who_runs_parks_yields_or_ends() {
    type Act = fn(GId) -> Event;
    let acts: [Act; 4] = [
        |g| Event::GoPark { g, why: WaitReason::Sleep, on: None },
        |g| Event::GoExit { g, how: ExitKind::Returned },
        |g| Event::GoPreempt { g, kind: PreemptKind::Signal, to: Queue::Global },
        |g| Event::SysEnter { g, call: "read".to_owned(), blocking: false },
    ];
    for act in acts {
        let mut s = Script::lab(1);
        s.go(2);
        s.clean();
        s.event(act(GId(2)));
        s.breaks("R1");
    }
}

#[test]
fn r1_a_goroutine_comes_back_from_a_call_it_entered() {
    let back = Event::SysExit { g: GId(1), path: SysPath::Kept, p: Some(PId(0)) };
    let mut s = Script::lab(1);
    s.event(Event::SysEnter { g: GId(1), call: "read".to_owned(), blocking: false });
    s.event(back.clone());
    s.clean();
    s.event(back);
    s.breaks("R1");
}

#[test]
fn r1_time_never_goes_back() {
    let mut s = Script::lab(1);
    s.go(2);
    let mut records = s.records.clone();
    records.last_mut().expect("there are some").time = Nanos(10);
    let mut last = records.last().cloned().expect("there are some");
    (last.seq, last.time) = (last.seq + 1, Nanos(9));
    last.event = Event::UserLog { text: "earlier".to_owned() };
    assert!(gopark_model::validate(&records).is_empty());
    records.push(last);
    let broken: Vec<_> = gopark_model::validate(&records).iter().map(|v| v.rule).collect();
    assert_eq!(broken, ["R1"]);
}

#[test]
fn r1_a_p_that_is_gone_is_not_taken() {
    let mut s = Script::lab(2);
    s.get_p();
    s.event(Event::PDead { p: PId(1) });
    s.clean();
    s.wake(PId(1), false);
    s.on(1).event(Event::PAcquire { p: PId(1) });
    // Woken with a P nobody took for it, it takes what is not there.
    assert_eq!(s.broken(), ["R18", "R1"]);
}

#[test]
fn r2_a_goroutine_starts_from_where_it_is() {
    let mut s = Script::lab(1);
    s.go(2);
    s.park();
    s.clean();
    s.start(GId(2), Queue::Hand);
    s.breaks("R2");
}

#[test]
fn r2_only_what_is_in_the_hand_is_put() {
    let mut s = Script::lab(1);
    s.go(2);
    s.clean();
    s.event(Event::RingPut { p: PId(0), gs: vec![GId(2)] });
    s.breaks("R2");
    let mut s = Script::lab(1);
    s.go(2);
    s.event(Event::GlobalPut { gs: vec![GId(2)], to: Queue::Global });
    s.breaks("R2");
}

#[test]
fn r3_a_p_has_one_m() {
    let mut s = Script::lab(2);
    s.go(2);
    s.on(1).acquire();
    s.clean();
    s.on(0).event(Event::PAcquire { p: PId(1) });
    // It has P0 still, and P1 is M1's.
    s.breaks("R3");
}

#[test]
fn r3_nobody_hands_off_what_another_has() {
    let mut s = Script::lab(2);
    s.go(2);
    s.on(1).acquire();
    s.event(Event::PHandoff { p: PId(1), why: HandoffWhy::BlockingCall, to: None, g: None });
    s.clean();
    s.event(Event::PHandoff { p: PId(0), why: HandoffWhy::BlockingCall, to: None, g: None });
    s.breaks("R3");
}

#[test]
fn r3_an_m_runs_one_goroutine_with_its_p() {
    let mut s = Script::lab(1);
    s.go(2);
    s.clean();
    // G1 still runs.
    s.start(GId(2), Queue::Slot(PId(0)));
    s.breaks("R3");
}

#[test]
fn r3_who_sleeps_holds_nothing() {
    let mut s = Script::lab(1);
    s.park();
    s.give_up_p();
    s.park_m();
    s.clean();
    let mut s = Script::lab(1);
    s.park();
    s.park_m();
    s.breaks("R3");
}

#[test]
fn r4_a_slot_holds_one() {
    let mut s = Script::lab(1);
    s.go(2);
    s.go(3);
    s.clean();
    // Nobody kicked G3 out.
    s.event(Event::GoCreate { g: GId(4), parent: Some(GId(1)), to: Queue::Slot(PId(0)) });
    s.breaks("R4");
}

#[test]
fn r4_a_ring_holds_256() {
    let mut s = Script::lab(1);
    (2..=258).for_each(|g| s.go(g));
    s.clean();
    assert_eq!(s.ring(PId(0)), 256);
    s.event(Event::GoYield { g: GId(1), kind: YieldKind::Handoff, to: Queue::Ring(PId(0)) });
    s.breaks("R4");
}

#[test]
fn r4_only_the_owner_puts_work_into_a_p() {
    let mut s = Script::lab(2);
    s.go(2);
    s.on(1).acquire();
    s.clean();
    s.event(Event::SlotKick { p: PId(0), g: GId(2), to: Queue::Ring(PId(0)) });
    s.breaks("R4");
}

#[test]
fn r5_an_idle_p_has_no_work() {
    let mut s = Script::lab(2);
    s.go(2);
    s.on(1).acquire();
    s.give_up_p();
    s.clean();
    let mut s = Script::live(1);
    s.go(2);
    s.park();
    s.give_up_p();
    s.breaks("R5");
}

#[test]
fn r6_no_m_is_made_while_one_is_idle() {
    let mut s = idle_m();
    let p = s.get_p();
    s.event(Event::MWake { m: MId(1), p: Some(p), spinning: true });
    s.clean();
    let mut s = idle_m();
    let p = s.get_p();
    s.event(Event::MStart { m: MId(2), p: Some(p), spinning: true });
    s.breaks("R6");
}

/// M1 sleeps; G1 has taken the P that M1 gave up.
fn idle_m() -> Script {
    let mut s = Script::lab(2);
    let p = s.get_p();
    s.wake(p, false);
    s.on(1).acquire();
    s.give_up_p();
    s.park_m();
    s.on(0);
    s
}

#[test]
fn r6_the_m_that_parked_last_is_woken_first() {
    let ms = |order: [u32; 2]| {
        let mut s = Script::lab(3);
        for m in order {
            let p = s.on(0).get_p();
            s.wake(p, false);
            s.on(m).acquire();
        }
        for m in order {
            s.on(m).give_up_p();
            s.park_m();
        }
        s.on(0).get_p();
        s
    };
    let mut s = ms([1, 2]);
    s.event(Event::MWake { m: MId(2), p: Some(PId(2)), spinning: false });
    s.clean();
    let mut s = ms([1, 2]);
    s.event(Event::MWake { m: MId(1), p: Some(PId(2)), spinning: false });
    s.breaks("R6");
}

#[test]
fn r6_the_p_that_went_idle_last_is_taken_first() {
    let mut s = Script::lab(4);
    assert_eq!(s.get_p(), PId(1));
    s.clean();
    s.event(Event::PGet { p: PId(3) });
    s.breaks("R6");
}

#[test]
fn r6_an_m_ends_only_with_a_goroutine_that_is_tied_to_it() {
    let mut s = Script::lab(1);
    s.event(Event::LockThread { g: GId(1), m: MId(0), on: true });
    s.exit();
    s.event(Event::MExit { m: MId(0) });
    s.clean();
    let mut s = Script::lab(1);
    s.exit();
    s.event(Event::MExit { m: MId(0) });
    s.breaks("R6");
}

#[test]
fn r6_no_m_is_woken_without_a_p() {
    let mut s = Script::lab(2);
    s.event(Event::MStart { m: MId(1), p: None, spinning: false });
    s.breaks("R6");
}
