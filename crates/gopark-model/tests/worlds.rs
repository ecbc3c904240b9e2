//! A world stands whatever it is told, and is what its snapshot says.

use gopark_model::{Goroutine, History, MStatus, Place, Validator, World};
use gopark_trace::snapshot::{ChanSnap, GSnap, MSnap, PSnap, Snapshot};
use gopark_trace::wire::Wire;
use gopark_trace::{
    ChanId, Event, FdId, GId, GStatus, LockId, LockMode, MId, Nanos, Obj, PId, Queue, Record,
    SiteId, TimerId, TimerKind, WaitReason, WgId,
};
use proptest::prelude::*;

#[path = "support/dice.rs"]
mod dice;

#[path = "support/script.rs"]
mod script;

#[path = "support/walk.rs"]
mod walk;

use dice::Dice;
use script::Script;

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) }
}

fn arbitrary<T: Wire>(dice: &mut Dice) -> T {
    T::arbitrary(&mut |n| dice.roll(n))
}

#[track_caller]
fn sound(world: &World, record: &Record) {
    if let Err(wrong) = world.check_places() {
        panic!("after {record:?}: {wrong}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_events_leave_a_sound_world(seed: u64) {
        let mut dice = Dice::new(seed);
        let (mut validator, mut history) = (Validator::new(), History::new());
        for _ in 0..300 {
            let record: Record = arbitrary(&mut dice);
            validator.feed(&record);
            sound(validator.world(), &record);
            let _ = format!("{:?}", validator.violations());
            history.push(record);
        }
        prop_assert_eq!(history.end(), validator.world());
        prop_assert_eq!(history.seek(dice.roll(300)).check_places(), Ok(()));
    }

    #[test]
    fn any_snapshot_makes_a_sound_world(seed: u64) {
        let mut dice = Dice::new(seed);
        let mut world = World::from_snapshot(&arbitrary(&mut dice));
        prop_assert_eq!(world.check_places(), Ok(()));
        for _ in 0..50 {
            let record: Record = arbitrary(&mut dice);
            world.apply(&record);
            sound(&world, &record);
        }
        // What was loaded once is loaded again as it is.
        let again = World::from_snapshot(&world.snapshot());
        prop_assert_eq!(again.check_places(), Ok(()));
    }

    #[test]
    fn a_run_that_keeps_the_rules_is_clean(seed: u64, procs in 1u32..6) {
        walk::walk(seed, procs, 1_500).clean();
    }

    #[test]
    fn a_world_is_what_its_snapshot_says(seed: u64, procs in 1u32..6) {
        let mut world = World::new();
        for (n, record) in walk::records(seed, procs, 600).iter().enumerate() {
            world.apply(record);
            if n % 7 == 0 {
                same_as_its_snapshot(&world);
            }
        }
    }
}

#[test]
fn random_runs_do_what_a_scheduler_does() {
    let records = (0..8).flat_map(|seed| walk::records(seed, 4, 3_000));
    let done: std::collections::BTreeSet<&str> = records.map(|r| r.event.name()).collect();
    let wanted = [
        "SlotKick",
        "GlobalGet",
        "StealTry",
        "Steal",
        "StealSlot",
        "MStart",
        "MPark",
        "MWake",
        "MSpin",
        "NeedSpinning",
        "PAcquire",
        "PIdle",
        "PGet",
        "PollStart",
        "PollEnd",
        "TimerAdd",
        "TimerFire",
        "GoYield",
        "GoExit",
        "GoReady",
    ];
    let missing: Vec<_> = wanted.iter().filter(|name| !done.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What a snapshot does not hold: time, drive, program, lines, names of what has no entry, how often
/// a goroutine was started, what it computes, the cases of a select beside its channels.
#[track_caller]
fn same_as_its_snapshot(world: &World) {
    let again = World::from_snapshot(&world.snapshot());
    assert_eq!(again.snapshot(), world.snapshot());
    assert_eq!(again.ps(), world.ps());
    assert_eq!(again.ms(), world.ms());
    assert_eq!(again.counts(), world.counts());
    assert_eq!(again.check_places(), Ok(()));
    let held = |g: &Goroutine| Goroutine { starts: 1, working: None, select: None, ..g.clone() };
    assert!(again.gs().map(held).eq(world.gs().map(held)));
    assert!(again.chans().eq(world.chans()));
    assert!(again.timers().eq(world.timers()));
}

// ---- numbers ----

/// Events whose numbers are as large as can be.
fn enormous() -> Vec<Event> {
    let (g, m, p) = (GId(u64::MAX), MId(u32::MAX), PId(u32::MAX));
    let (chan, lock, wg) = (ChanId(u32::MAX), LockId(u32::MAX), WgId(u32::MAX));
    let timer = TimerId(u64::MAX);
    let when = Nanos(u64::MAX);
    vec![
        Event::RunStart {
            drive: gopark_trace::Drive::Lab,
            seed: u64::MAX,
            procs: u32::MAX,
            program: String::new(),
            step_ns: u64::MAX,
        },
        Event::PNew { p },
        Event::MStart { m, p: Some(p), spinning: true },
        Event::PAcquire { p },
        Event::GoCreate { g, parent: Some(g), to: Queue::Slot(p) },
        Event::GoStart { g, from: Queue::Slot(p), tick: u32::MAX },
        Event::GoStart { g, from: Queue::Hand, tick: 0 },
        Event::MSpin { m, on: true, spinning: u32::MAX },
        Event::MWake { m, p: Some(p), spinning: true },
        Event::MSpin { m, on: false, spinning: u32::MAX },
        Event::StealTry { p, attempt: u8::MAX, order: vec![p] },
        Event::StealTry { p, attempt: u8::MAX, order: Vec::new() },
        Event::Steal { thief: p, victim: p, attempt: u8::MAX, of: u32::MAX, gs: vec![g] },
        Event::ChanMake { chan, cap: u32::MAX },
        Event::GoPark { g, why: WaitReason::ChanSend, on: Some(Obj::Chan(chan)) },
        Event::LockPut { lock, mode: LockMode::Read, woke: Some(g), handed: true },
        Event::WgAdd { wg, delta: i64::MIN, counter: i64::MIN, woke: vec![g] },
        Event::WgAdd { wg, delta: i64::MIN, counter: i64::MAX, woke: vec![] },
        Event::TimerAdd { timer, p, when, kind: TimerKind::Sleep, g: Some(g) },
        Event::TimerReset { timer, p, when: Nanos(0) },
        Event::ObjName { obj: Obj::Wg(wg), name: "far".to_owned() },
        Event::PIdle { p },
        Event::MPark { m },
        Event::GoReady { g, to: Queue::Ring(p) },
        Event::GoExit { g, how: gopark_trace::ExitKind::Returned },
    ]
}

#[test]
fn numbers_as_large_as_can_be_cost_no_memory() {
    let mut validator = Validator::new();
    for (seq, event) in enormous().into_iter().enumerate() {
        let mut record: Record = arbitrary(&mut Dice::new(seq as u64));
        record.event = event;
        record.actor.m = Some(MId(u32::MAX));
        record.actor.p = Some(PId(u32::MAX));
        record.seq = if seq % 2 == 0 { u64::MAX } else { 0 };
        record.time = Nanos(u64::MAX);
        validator.feed(&record);
        sound(validator.world(), &record);
    }
    let world = validator.world();
    assert!(world.copy_bytes() < 4096, "{} bytes", world.copy_bytes());
    assert!(world.ps().is_empty() && world.ms().is_empty(), "such numbers are not believed");
    assert_eq!(world.name_of(Obj::Wg(WgId(u32::MAX))), Some("far"));
}

#[test]
fn what_ended_can_be_as_many_as_there_are_numbers() {
    let mut s = Script::empty();
    let state = Snapshot { ended: u64::MAX, ..Snapshot::default() };
    s.event(Event::Snapshot { state: Box::new(state) });
    s.event(Event::GoCreate { g: GId(1), parent: None, to: Queue::Global });
    s.event(Event::GoExit { g: GId(1), how: gopark_trace::ExitKind::Returned });
    assert_eq!(s.world().counts().ended, u64::MAX);
}

// ---- snapshots ----

fn g_snap(g: u64, status: GStatus) -> GSnap {
    GSnap {
        g: GId(g),
        parent: None,
        name: None,
        site: Some(SiteId(3)),
        status,
        wait: None,
        on: None,
        since: Nanos(40),
        locked_to: None,
        held_by: None,
    }
}

fn m_snap(m: u32, g: Option<u64>) -> MSnap {
    MSnap {
        m: MId(m),
        p: None,
        g: g.map(GId),
        hand: Vec::new(),
        spinning: false,
        polling: false,
        next_p: None,
    }
}

#[test]
fn a_snapshot_holds_who_is_in_a_call_and_who_is_held() {
    let state = Snapshot {
        gs: vec![
            g_snap(1, GStatus::Syscall),
            GSnap { held_by: Some(MId(1)), ..g_snap(2, GStatus::Runnable) },
            g_snap(3, GStatus::Running),
        ],
        ms: vec![m_snap(0, Some(1)), m_snap(1, None), m_snap(2, Some(3))],
        global: vec![GId(2)],
        ..Snapshot::default()
    };
    let world = World::from_snapshot(&state);
    let places: Vec<Place> = world.gs().map(|g| g.place).collect();
    let there = [Place::Syscall(MId(0)), Place::Global, Place::Running(MId(2))];
    assert_eq!(places, there);
    let statuses: Vec<MStatus> = world.ms().iter().map(|m| m.status).collect();
    assert_eq!(statuses, [MStatus::Syscall, MStatus::Held, MStatus::Running]);
    assert_eq!(world.snapshot(), state);
    assert_eq!(world.check_places(), Ok(()));
}

#[test]
fn who_is_runnable_and_in_no_queue_is_kept_in_sight() {
    let state = Snapshot { gs: vec![g_snap(1, GStatus::Runnable)], ..Snapshot::default() };
    let world = World::from_snapshot(&state);
    assert_eq!(world.global(), &[GId(1)]);
    assert_eq!(world.check_places(), Ok(()));
}

fn chan_snap(name: Option<&str>) -> ChanSnap {
    ChanSnap {
        chan: ChanId(1),
        name: name.map(str::to_owned),
        cap: 0,
        len: 0,
        closed: false,
        recvq: Vec::new(),
        sendq: Vec::new(),
    }
}

#[test]
fn a_name_that_only_a_snapshot_holds_is_found() {
    let mut g = g_snap(1, GStatus::Waiting);
    g.name = Some("worker".to_owned());
    let state =
        Snapshot { gs: vec![g], chans: vec![chan_snap(Some("jobs"))], ..Snapshot::default() };
    let world = World::from_snapshot(&state);
    assert_eq!(world.name_of(Obj::Chan(ChanId(1))), Some("jobs"));
    assert_eq!(world.name_of(Obj::Go(GId(1))), Some("worker"));
    assert_eq!(world.name_of(Obj::Chan(ChanId(2))), None);
}

#[test]
fn a_name_survives_a_snapshot_without_it() {
    let name = |obj, name: &str| Event::ObjName { obj, name: name.to_owned() };
    let (chan, lock, fd) = (Obj::Chan(ChanId(1)), Obj::Lock(LockId(1)), Obj::Fd(FdId(1)));
    let mut s = Script::empty();
    s.event(name(chan, "jobs"));
    s.event(name(lock, "mu"));
    s.event(name(fd, "conn"));
    // It knows the channel and not its name, and not the lock: nobody waits for it.
    let state = Snapshot { chans: vec![chan_snap(None)], ..Snapshot::default() };
    s.event(Event::Snapshot { state: Box::new(state) });
    let names = [chan, lock, fd].map(|obj| s.world().name_of(obj).map(str::to_owned));
    assert_eq!(names, ["jobs", "mu", "conn"].map(|name| Some(name.to_owned())));
    // What comes back has its name where it is shown.
    s.event(Event::LockPut { lock: LockId(1), mode: LockMode::Write, woke: None, handed: false });
    assert_eq!(s.world().chan(ChanId(1)).and_then(|c| c.name.as_deref()), Some("jobs"));
    assert_eq!(s.world().lock(LockId(1)).and_then(|l| l.name.as_deref()), Some("mu"));
}

#[test]
fn a_snapshot_that_says_a_thing_twice_is_loaded_once() {
    let p = PSnap {
        p: PId(0),
        m: Some(MId(0)),
        slot: Some(GId(1)),
        ring: vec![GId(1)],
        tick: 0,
        slice_start: Nanos(0),
    };
    let state = Snapshot {
        gs: vec![g_snap(1, GStatus::Runnable), g_snap(1, GStatus::Runnable)],
        ms: vec![MSnap { p: Some(PId(0)), ..m_snap(0, Some(1)) }, m_snap(0, Some(1))],
        ps: vec![p.clone(), p],
        global: vec![GId(1), GId(1)],
        idle_ps: vec![PId(0), PId(0)],
        idle_ms: vec![MId(0), MId(0)],
        ..Snapshot::default()
    };
    let world = World::from_snapshot(&state);
    assert_eq!(world.check_places(), Ok(()));
    assert_eq!(world.counts().runnable, 1);
}

#[test]
fn between_a_gap_and_a_snapshot_nothing_is_known_and_nothing_is_wrong() {
    let mut s = Script::lab(2);
    s.go(2);
    s.event(Event::Gap { m: MId(0), lost: 5 });
    assert!(!s.world().known());
    // None of this can be, after what was seen.
    s.event(Event::GoExit { g: GId(2), how: gopark_trace::ExitKind::Returned });
    s.event(Event::PIdle { p: PId(0) });
    s.event(Event::StealTry { p: PId(0), attempt: 4, order: Vec::new() });
    let state = World::from_iter(Script::lab(2).records).snapshot();
    s.event(Event::Snapshot { state: Box::new(state) });
    assert!(s.world().known());
    s.go(2);
    s.on(1).acquire();
    // Nobody saw how the search began.
    s.try_steal(4);
    s.clean();
}
