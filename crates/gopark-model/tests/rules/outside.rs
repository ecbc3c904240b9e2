//! R8, R44, R45, R47–R50, R52–R54, R57, R59, R62, R64, R106: calls, slices, ties, a stop of the
//! world.

use gopark_trace::{Event, GId, HandoffWhy, MId, Nanos, PId, PreemptKind, Queue, Rule, SysPath};

use crate::script::Script;

const P0: PId = PId(0);
const M0: MId = MId(0);
const G1: GId = GId(1);
const MS: u64 = 1_000_000;

/// G1 is in a call; who acts next is an M without P, as sysmon is.
fn in_call(procs: u32, blocking: bool) -> Script {
    let mut s = Script::lab(procs);
    s.event(enter(blocking));
    s
}

fn enter(blocking: bool) -> Event {
    Event::SysEnter { g: G1, call: "read".to_owned(), blocking }
}

fn back(path: SysPath, p: Option<PId>) -> Event {
    Event::SysExit { g: G1, path, p }
}

/// sysmon takes P0 from the call.
fn retake(s: &mut Script, after: u64) {
    let after = Nanos(after);
    let event = Event::PRetake { p: P0, from: M0, g: G1, after, queued: 0 };
    s.on(99).ruled(event, Rule::RetakeLong { after });
}

fn ask(ran: u64) -> Event {
    Event::PreemptRequest { p: P0, g: G1, m: M0, ran: Nanos(ran), signal: false }
}

#[test]
fn r8_sysmon_acts_without_a_p() {
    let look = Event::SysmonLook {
        slept: Nanos(20_000),
        idle_rounds: 0,
        retook: 1,
        preempted: 0,
        polled: false,
    };
    let mut s = Script::lab(1);
    s.on(99).event(look.clone());
    s.clean();
    s.on(0).event(look);
    s.breaks("R8");
}

#[test]
fn r44_a_tied_goroutine_starts_on_its_thread_only() {
    let tied_to = |m| {
        let mut s = Script::lab(1);
        s.event(Event::LockThread { g: G1, m: M0, on: true });
        s.gosched();
        s.event(Event::LockThread { g: G1, m: MId(m), on: true });
        s.find();
        s
    };
    tied_to(0).clean();
    let broken = tied_to(7).broken();
    assert!(broken.contains(&"R44"), "{broken:?}");
}

#[test]
fn r45_the_thread_of_a_tied_goroutine_runs_nothing_else() {
    let mut s = Script::lab(1);
    s.go(2);
    s.event(Event::LockThread { g: G1, m: M0, on: true });
    s.park();
    s.find();
    s.breaks("R45");
}

#[test]
fn r47_only_a_call_that_is_known_to_block_hands_its_p_off() {
    let handed_off = |blocking| {
        let mut s = in_call(1, blocking);
        s.event(Event::PHandoff { p: P0, why: HandoffWhy::BlockingCall, to: None, g: None });
        s
    };
    handed_off(true).clean();
    handed_off(false).breaks("R47");
}

#[test]
fn r48_who_keeps_its_p_has_it() {
    let mut s = in_call(1, false);
    s.event(back(SysPath::Kept, Some(P0)));
    s.clean();
    s.event(enter(false));
    retake(&mut s, 10 * MS);
    s.on(0).event(back(SysPath::Kept, Some(P0)));
    let broken = s.broken();
    assert!(broken.contains(&"R48"), "{broken:?}");
}

#[test]
fn r49_the_p_it_is_back_with_is_acquired() {
    let lost = |acquires: bool| {
        let mut s = in_call(1, false);
        s.wait(10 * MS);
        retake(&mut s, 10 * MS);
        s.event(Event::PIdle { p: P0 });
        s.on(0);
        if acquires {
            let p = s.get_p();
            s.event(Event::PAcquire { p });
        }
        s.event(back(SysPath::IdleP, Some(P0)));
        s
    };
    lost(true).clean();
    lost(false).breaks("R49");
}

#[test]
fn r50_without_a_p_it_goes_to_the_global_queue_while_none_is_idle() {
    let lost = |idle: bool| {
        let mut s = in_call(1, false);
        s.wait(10 * MS);
        retake(&mut s, 10 * MS);
        if idle {
            s.event(Event::PIdle { p: P0 });
        }
        s.on(0).event(back(SysPath::Global, None));
        s
    };
    lost(false).clean();
    lost(true).breaks("R50");
}

#[test]
fn r52_a_p_is_not_taken_from_a_call_nobody_has_looked_at() {
    let taken = |after| {
        let mut s = Script::lab(1);
        s.gosched();
        s.find();
        s.event(enter(false));
        s.wait(after);
        retake(&mut s, after);
        s
    };
    taken(20_000).clean();
    taken(19_000).breaks("R52");
}

#[test]
fn r53_a_p_without_work_stays_with_its_call_while_another_is_idle() {
    let taken = |after| {
        let mut s = in_call(2, false);
        s.wait(after);
        retake(&mut s, after);
        s
    };
    taken(10 * MS).clean();
    taken(9 * MS).breaks("R53");
}

#[test]
fn r54_a_call_that_is_known_to_block_hands_its_p_off_first() {
    let mut s = in_call(1, true);
    s.event(back(SysPath::Kept, Some(P0)));
    s.breaks("R54");
}

#[test]
fn r57_who_is_in_a_call_is_not_asked_to_stop() {
    let mut s = Script::lab(1);
    s.wait(20 * MS);
    s.event(enter(false));
    s.on(99).event(ask(10 * MS));
    s.breaks("R57");
}

#[test]
fn r59_nobody_is_asked_to_stop_before_its_slice_is_over() {
    let asked = |ran, waited| {
        let mut s = Script::lab(1);
        s.gosched();
        s.find();
        s.wait(waited);
        s.on(99).event(ask(ran));
        s
    };
    asked(10 * MS, 10 * MS).clean();
    asked(9 * MS, 10 * MS).breaks("R59");
    // It says so, but the slice is younger.
    asked(10 * MS, 9 * MS).breaks("R59");
}

#[test]
fn r62_an_m_is_asked_once_in_a_slice() {
    let mut s = Script::lab(1);
    s.wait(10 * MS);
    s.on(99).event(ask(10 * MS));
    s.on(0).event(Event::GoPreempt { g: G1, kind: PreemptKind::Cooperative, to: Queue::Global });
    s.wakep();
    s.find();
    s.wait(10 * MS);
    s.on(99).event(ask(10 * MS));
    s.clean();
    s.wait(10 * MS);
    s.event(ask(20 * MS));
    s.breaks("R62");
}

#[test]
fn r64_who_is_preempted_wakes_somebody_for_itself() {
    let mut s = Script::lab(2);
    s.event(Event::GoPreempt { g: G1, kind: PreemptKind::Cooperative, to: Queue::Global });
    s.find();
    s.breaks("R64");
}

/// The world is stopped from G1 on P0, and GOMAXPROCS changes from `procs`.
fn stopped(procs: u32, stands: u32) -> Script {
    let mut s = Script::lab(procs);
    s.event(Event::StopTheWorld { on: true, why: "GOMAXPROCS".to_owned() });
    s.event(Event::PStop { p: P0, on: true });
    for _ in 1..stands {
        let p = s.get_p();
        s.event(Event::PStop { p, on: true });
    }
    s.event(Event::Gomaxprocs { from: procs, to: procs });
    s
}

#[test]
fn r106_the_world_stands_when_all_ps_are_stopped() {
    stopped(3, 3).clean();
    stopped(3, 2).breaks("R106");
}

#[test]
fn r106_nobody_starts_where_the_world_stands() {
    let mut s = stopped(1, 1);
    s.park();
    s.event(Event::GoReady { g: G1, to: Queue::Slot(P0) });
    s.start(G1, Queue::Slot(P0));
    let broken = s.broken();
    assert!(broken.contains(&"R106"), "{broken:?}");
}
