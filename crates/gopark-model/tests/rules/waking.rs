//! R18–R21, R34, R35, R39, R41, R43: who is woken, who looks, who gives up.

use gopark_trace::{Event, GId, HandoffWhy, MId, PId, PollMode, Queue, Rule};

use crate::script::Script;

const P0: PId = PId(0);
const P1: PId = PId(1);

/// M1 looks on P1; nothing is in any queue; G1 runs on M0.
fn looking(procs: u32) -> Script {
    let mut s = Script::lab(procs);
    let p = s.get_p();
    s.wake(p, true);
    s.on(1).acquire();
    s.clean();
    s
}

#[test]
fn r18_new_work_wakes_one_m_that_looks() {
    let mut s = Script::lab(3);
    s.go(2);
    assert_eq!(s.world().spinning(), 1);
    // One looks: no second is woken.
    s.go(3);
    assert_eq!(s.world().ms().len(), 2);
    s.clean();
}

#[test]
fn r18_nobody_is_woken_while_one_looks() {
    let mut s = looking(3);
    let p = s.get_p();
    s.wake(p, true);
    s.breaks("R18");
}

#[test]
fn r18_new_work_wakes_somebody_if_nobody_looks() {
    let mut s = Script::lab(2);
    s.event(Event::GoCreate { g: GId(2), parent: Some(GId(1)), to: Queue::Slot(P0) });
    s.event(Event::UserLog { text: "and on".to_owned() });
    s.breaks("R18");
}

#[test]
fn r18_a_p_that_is_taken_for_work_gets_an_m() {
    let mut s = Script::lab(2);
    s.event(Event::GoCreate { g: GId(2), parent: Some(GId(1)), to: Queue::Slot(P0) });
    s.get_p();
    s.park();
    s.breaks("R18");
}

#[test]
fn r18_an_m_is_woken_with_a_p_that_was_taken_for_it() {
    let mut s = Script::lab(2);
    s.wake(P1, false);
    s.breaks("R18");
}

#[test]
fn r19_without_an_idle_p_a_note_is_left() {
    let mut s = Script::lab(1);
    s.go(2);
    assert!(s.world().needspinning());
    s.go(3);
    s.clean();
    let mut s = Script::lab(1);
    s.event(Event::GoCreate { g: GId(2), parent: Some(GId(1)), to: Queue::Slot(P0) });
    s.park();
    s.breaks("R19");
}

#[test]
fn r19_no_note_is_left_while_a_p_is_idle() {
    let mut s = Script::lab(2);
    s.event(Event::NeedSpinning { on: true });
    s.breaks("R19");
}

/// M0 has nothing to do, and there is a note that work was left.
fn noted() -> Script {
    let mut s = Script::lab(1);
    s.go(2);
    s.park();
    assert!(s.find());
    s.park();
    s.clean();
    s
}

#[test]
fn r19_who_begins_to_look_takes_the_note() {
    let mut s = noted();
    s.spin(true, Some(Rule::NeedSpinningTaken {}));
    assert!(!s.world().needspinning());
    s.clean();
    let mut s = noted();
    s.ruled(Event::MSpin { m: MId(0), on: true, spinning: 1 }, Rule::NeedSpinningTaken {});
    s.try_steal(1);
    s.breaks("R19");
}

#[test]
fn r19_nobody_else_takes_the_note() {
    let mut s = noted();
    s.event(Event::NeedSpinning { on: false });
    s.breaks("R19");
}

#[test]
fn r20_a_burst_wakes_one_m() {
    let mut s = burst();
    s.ready(2);
    s.ready(3);
    s.clean();
    let mut s = burst();
    s.ready(2);
    s.ready_now(3);
    let p = s.get_p();
    s.wake(p, true);
    s.breaks("R20");
}

/// G2 and G3 wait; G1 runs on M0; P1 and P2 are idle, and so are M1 and M2.
fn burst() -> Script {
    let mut s = Script::lab(3);
    s.go(2);
    s.go(3);
    for m in [1, 2] {
        s.on(m).acquire();
        assert!(s.find());
        s.park();
    }
    for m in [2, 1] {
        assert!(!s.on(m).find());
    }
    s.on(0).clean();
    assert_eq!(s.world().idle_ps(), [PId(2), PId(1)]);
    s
}

#[test]
fn r20_the_chain_goes_on_when_the_first_has_found_work() {
    let mut s = burst();
    s.ready(2);
    s.ready(3);
    s.on(1).acquire();
    assert!(s.find());
    // M1 found work: it wakes the next.
    assert_eq!(s.world().spinning(), 1);
    s.clean();
}

#[test]
fn r21_who_looks_has_no_work() {
    let mut s = Script::lab(2);
    s.go(2);
    s.park();
    s.clean();
    s.spin(true, Some(Rule::NeedSpinningTaken {}));
    s.breaks("R21");
}

#[test]
fn r34_a_p_is_not_given_up_with_work_in_the_global_queue() {
    let mut s = Script::live(1);
    s.gosched();
    s.give_up_p();
    s.breaks("R34");
}

#[test]
fn r34_a_p_is_not_given_up_with_a_note() {
    let mut s = noted();
    s.give_up_p();
    s.breaks("R34");
}

#[test]
fn r34_a_p_is_not_given_up_while_the_world_is_being_stopped() {
    let stop = |on| Event::StopTheWorld { on, why: "a look".to_owned() };
    let mut s = Script::lab(1);
    s.event(stop(true));
    s.event(stop(false));
    s.park();
    s.give_up_p();
    s.clean();
    let mut s = Script::lab(1);
    s.park();
    s.event(stop(true));
    s.give_up_p();
    s.breaks("R34");
}

#[test]
fn r35_who_gives_up_counts_itself_out_and_looks_again() {
    let mut s = looking(2);
    s.tries(4);
    s.give_up_p();
    s.stop_looking();
    s.park_m();
    s.clean();
}

#[test]
fn r35_nobody_sleeps_that_counts_as_looking() {
    let mut s = looking(2);
    s.give_up_p();
    s.clean();
    s.park_m();
    s.breaks("R35");
    let mut s = looking(2);
    s.give_up_p();
    s.event(Event::PollStart { mode: PollMode::Blocking, until: None });
    s.breaks("R35");
}

#[test]
fn r35_the_p_is_given_up_before() {
    let mut s = looking(2);
    s.stop_looking();
    s.breaks("R35");
}

#[test]
fn r35_it_counts_itself_out() {
    let mut s = looking(2);
    s.give_up_p();
    let m = MId(1);
    s.ruled(Event::MSpin { m, on: false, spinning: 1 }, Rule::StopsSpinning { spinning: 1 });
    s.breaks("R35");
}

#[test]
fn r35_work_that_came_in_between_is_taken() {
    let between = || {
        let mut s = looking(2);
        s.give_up_p();
        s.on(0).go(2);
        s.on(1).stop_looking();
        s.clean();
        s
    };
    let mut s = between();
    let p = s.get_p();
    s.event(Event::PAcquire { p });
    s.spin(true, Some(Rule::SpinnerRechecks { found: P0 }));
    s.clean();
    let mut s = between();
    s.park_m();
    s.breaks("R35");
}

#[test]
fn r39_who_finds_work_stops_looking_and_wakes_the_next() {
    let mut s = loaded();
    let g = s.steal(P0, 1);
    s.run(g, Queue::Hand);
    assert_eq!(s.world().ms().len(), 3);
    s.clean();
}

/// M1 looks, in its first try; the ring of P0 holds two, its slot one, and P2 is idle.
fn loaded() -> Script {
    let mut s = Script::lab(3);
    (2..=4).for_each(|g| s.go(g));
    s.on(1).acquire();
    s.tries(1);
    s
}

#[test]
fn r39_nobody_runs_a_goroutine_and_counts_as_looking() {
    let mut s = loaded();
    let g = s.steal(P0, 1);
    s.start(g, Queue::Hand);
    s.breaks("R39");
}

#[test]
fn r39_nobody_keeps_what_it_found_to_itself() {
    let mut s = loaded();
    let g = s.steal(P0, 1);
    s.spin(false, Some(Rule::FoundWhileSpinning { spinning: 0 }));
    s.start(g, Queue::Hand);
    s.breaks("R39");
}

#[test]
fn r39_who_stops_looking_for_a_stop_of_the_world_has_found_nothing() {
    let mut s = looking(2);
    s.on(0).event(Event::StopTheWorld { on: true, why: "a test".to_owned() });
    s.on(1).spin(false, Some(Rule::WorldStops {}));
    s.event(Event::PStop { p: P1, on: true });
    s.clean();
}

/// G2 waits in the slot of P0, P1 is idle, and M1 sleeps instead of looking.
fn overlooked(mut s: Script) -> Script {
    let p = s.get_p();
    s.wake(p, false);
    s.on(1).acquire();
    s.give_up_p();
    s.on(0);
    s.ruled(
        Event::GoCreate { g: GId(2), parent: None, to: Queue::Slot(P0) },
        Rule::GoToSlot { p: P0 },
    );
    s.on(1).park_m();
    s
}

#[test]
fn r41_no_work_waits_while_a_p_idles_and_nobody_looks() {
    let mut s = overlooked(Script::lab(2));
    s.on(0).wait(gopark_model::validate::LAB_TIME.0 - 100);
    s.event(Event::UserLog { text: "in time".to_owned() });
    s.clean();
    s.wait(1);
    s.event(Event::UserLog { text: "too long".to_owned() });
    s.breaks("R41");
}

#[test]
fn r41_in_live_only_what_persists_counts() {
    let mut s = overlooked(Script::live(2));
    let log = || Event::UserLog { text: "on".to_owned() };
    s.on(0);
    s.wait(2 * gopark_model::validate::LIVE_TIME.0);
    (0..gopark_model::validate::LIVE_RECORDS).for_each(|_| s.event(log()));
    s.clean();
    (0..10).for_each(|_| s.event(log()));
    s.breaks("R41");
}

#[test]
fn r41_who_is_about_to_look_is_no_idler() {
    let mut s = Script::lab(3);
    s.go(2);
    // P2 is idle and G2 waits, but M1 is on its way, for long.
    s.wait(1_000_000);
    s.event(Event::UserLog { text: "still".to_owned() });
    s.clean();
}

#[test]
fn r43_who_is_woken_to_look_gets_an_empty_p() {
    let handed_off = |spinning| {
        let mut s = Script::lab(1);
        s.go(2);
        s.event(Event::PHandoff { p: P0, why: HandoffWhy::BlockingCall, to: None, g: None });
        s.wake(P0, spinning);
        s
    };
    handed_off(false).clean();
    handed_off(true).breaks("R43");
}
