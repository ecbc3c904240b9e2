//! R73, R76–R79, R105, R107: timers that are set, stopped, set anew, and moved.

use gopark_trace::{EndKind, Event, GId, Nanos, PId, Queue, Rule, TimerId, TimerKind, WaitReason};

use crate::script::Script;

const P0: PId = PId(0);
const P1: PId = PId(1);
const T: TimerId = TimerId(1);

fn add(p: PId, when: u64, kind: TimerKind) -> Event {
    Event::TimerAdd { timer: T, p, when: Nanos(when), kind, g: None }
}

fn fire() -> Event {
    Event::TimerFire { timer: T, owner: P0, late: Nanos(0) }
}

/// G1 has set an AfterFunc for 50 ns.
fn set() -> Script {
    let mut s = Script::lab(2);
    s.event(add(P0, 50, TimerKind::AfterFunc));
    s
}

#[test]
fn r73_a_timer_goes_to_the_heap_of_the_p_that_sets_it() {
    set().clean();
    let mut s = Script::lab(2);
    s.event(add(P1, 50, TimerKind::AfterFunc));
    s.breaks("R73");
}

#[test]
fn r73_a_timer_that_was_stopped_may_stay_where_it_is() {
    let mut s = set();
    s.event(Event::TimerStop { timer: T, was_set: true });
    assert_eq!(s.world().timers().count(), 0);
    s.ruled(add(P1, 70, TimerKind::AfterFunc), Rule::StaysOnHeap { p: P1 });
    assert_eq!(s.world().timer(T).map(|t| t.when), Some(Nanos(70)));
    s.clean();
}

#[test]
fn r73_a_timer_is_in_one_heap() {
    let mut s = set();
    s.event(add(P0, 70, TimerKind::AfterFunc));
    s.breaks("R73");
}

#[test]
fn r73_only_a_timer_that_is_set_gets_another_time() {
    let mut s = set();
    s.event(Event::TimerReset { timer: T, p: P0, when: Nanos(20) });
    assert_eq!(s.world().timer(T).map(|t| t.when), Some(Nanos(20)));
    s.clean();
    s.event(Event::TimerReset { timer: TimerId(9), p: P0, when: Nanos(20) });
    s.breaks("R73");
}

#[test]
fn r76_who_stops_a_timer_that_is_set_is_told_so() {
    let mut s = set();
    s.event(Event::TimerStop { timer: T, was_set: false });
    s.breaks("R76");
}

#[test]
fn r77_a_channel_timer_is_in_a_heap_for_somebody() {
    for kind in [TimerKind::Channel, TimerKind::Ticker] {
        let mut s = Script::lab(1);
        s.event(Event::TimerAdd { timer: T, p: P0, when: Nanos(9), kind, g: Some(GId(1)) });
        s.clean();
        let mut s = Script::lab(1);
        s.event(add(P0, 9, kind));
        s.breaks("R77");
    }
}

/// A ticker of 10 ns was due at 30 and fires at 55.
fn ticked() -> Script {
    let mut s = Script::lab(1);
    let (when, kind, g) = (Nanos(30), TimerKind::Ticker, Some(GId(1)));
    s.event(Event::TimerAdd { timer: T, p: P0, when, kind, g });
    s.park_on(WaitReason::ChanReceive, None);
    s.wait(55);
    s.event(fire());
    s
}

#[test]
fn r78_the_next_tick_is_a_whole_number_of_periods_later() {
    let rule = || Rule::TickerNext { period: Nanos(10), late: Nanos(25) };
    let mut s = ticked();
    s.ruled(add(P0, 60, TimerKind::Ticker), rule());
    s.clean();
    // Not in between, not one that is past already, not one too many.
    for when in [65, 30, 70] {
        let mut s = ticked();
        s.ruled(add(P0, when, TimerKind::Ticker), rule());
        s.breaks("R78");
    }
}

#[test]
fn r78_a_ticker_is_set_anew_by_its_firing() {
    let mut s = Script::lab(1);
    let rule = Rule::TickerNext { period: Nanos(10), late: Nanos(0) };
    s.ruled(add(P0, 60, TimerKind::Ticker), rule);
    s.breaks("R78");
}

#[test]
fn r79_a_function_starts_in_a_goroutine_of_its_own() {
    let mut s = set();
    s.park();
    s.wait(60);
    s.event(fire());
    s.event(Event::GoCreate { g: GId(2), parent: None, to: Queue::Slot(P0) });
    s.wakep();
    s.clean();
    let mut s = set();
    s.park();
    s.wait(60);
    s.event(fire());
    s.give_up_p();
    s.breaks("R79");
}

#[test]
fn r18_a_goroutine_made_by_a_timer_wakes_somebody_too() {
    let mut s = set();
    s.park();
    s.wait(60);
    s.event(fire());
    s.event(Event::GoCreate { g: GId(2), parent: None, to: Queue::Slot(P0) });
    s.start(GId(2), Queue::Slot(P0));
    s.breaks("R18");
}

#[test]
fn r105_a_run_with_a_timer_is_not_dead() {
    let dead = || Event::RunEnd { how: EndKind::Deadlock, text: String::new() };
    let mut s = set();
    s.event(dead());
    s.breaks("R105");
    let mut s = set();
    s.event(Event::TimerStop { timer: T, was_set: true });
    s.event(dead());
    s.clean();
}

#[test]
fn r107_the_timers_of_a_p_that_goes_away_move_all_together() {
    let mut s = set();
    s.event(Event::TimersMove { from: P0, to: P1, count: 1 });
    assert_eq!(s.world().timer(T).map(|t| t.p), Some(P1));
    s.clean();
    let mut s = set();
    s.event(Event::TimersMove { from: P0, to: P1, count: 2 });
    s.breaks("R107");
}
