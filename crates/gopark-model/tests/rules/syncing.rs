//! R93, R94, R97, R99: locks, condition variables, Onces.

use gopark_trace::{
    CondId, Event, GId, LockHow, LockId, LockMode, MId, Nanos, Obj, OnceId, PId, SemId, WaitReason,
};

use crate::script::Script;

const LOCK: LockId = LockId(1);
const COND: CondId = CondId(1);
const ONCE: OnceId = OnceId(1);

fn get(mode: LockMode, how: LockHow) -> Event {
    Event::LockGet { lock: LOCK, mode, how, waiters: 0 }
}

fn put(mode: LockMode, woke: Option<u64>) -> Event {
    Event::LockPut { lock: LOCK, mode, woke: woke.map(GId), handed: false }
}

fn queue(mode: LockMode) -> Event {
    Event::LockQueue { lock: LOCK, mode, front: false, waited: Nanos(0) }
}

/// The acting goroutine announces that it waits, and parks; the next one runs.
fn waits(s: &mut Script, mode: LockMode) {
    s.event(queue(mode));
    let why = match mode {
        LockMode::Read => WaitReason::RwMutexRLock,
        LockMode::Write => WaitReason::RwMutexLock,
    };
    s.park_on(why, Some(Obj::Lock(LOCK)));
    s.find();
}

/// G1 has the lock for reading; G2 runs.
fn read_by_g1() -> Script {
    let mut s = Script::lab(1);
    s.event(get(LockMode::Read, LockHow::Free));
    s.go(2);
    s.gosched();
    s.find();
    assert_eq!(s.g(), GId(2));
    s
}

// ---- R93 ----

/// G1 runs on M0 and P0, G2 on M1 and P1.
fn two_run(live: bool) -> Script {
    let mut s = if live { Script::live(2) } else { Script::lab(2) };
    s.go(2);
    s.on(1).acquire();
    s.find();
    assert_eq!(s.g(), GId(2));
    s
}

#[test]
fn r93_a_lock_is_spun_for_in_four_rounds() {
    for live in [false, true] {
        let mut s = two_run(live);
        (1..=4).for_each(|round| s.event(Event::LockSpin { lock: LOCK, round }));
        s.clean();
        s.event(Event::LockSpin { lock: LOCK, round: 5 });
        s.breaks("R93");
    }
}

#[test]
fn r93_nobody_spins_with_one_p() {
    let mut s = Script::live(1);
    s.event(Event::LockSpin { lock: LOCK, round: 1 });
    s.breaks("R93");
}

#[test]
fn r93_nobody_spins_for_a_lock_that_starves() {
    let mut s = two_run(false);
    s.event(Event::LockStarving { lock: LOCK, on: true, waited: Nanos(2_000_000) });
    s.event(Event::LockSpin { lock: LOCK, round: 1 });
    s.breaks("R93");
}

#[test]
fn r93_nobody_spins_with_work_of_its_own() {
    let mut s = two_run(false);
    s.go(3);
    s.event(Event::LockSpin { lock: LOCK, round: 1 });
    s.breaks("R93");
}

#[test]
fn r93_nobody_spins_while_all_others_are_idle() {
    let mut s = Script::lab(2);
    assert_eq!(s.world().idle_ps(), [PId(1)]);
    assert!(s.world().m(MId(1)).is_none());
    s.event(Event::LockSpin { lock: LOCK, round: 1 });
    s.breaks("R93");
}

// ---- R94 ----

#[test]
fn r94_readers_share_it_and_the_last_lets_the_writer_in() {
    let mut s = read_by_g1();
    s.event(get(LockMode::Read, LockHow::Free));
    s.go(3);
    s.gosched();
    s.find();
    assert_eq!(s.g(), GId(3));
    waits(&mut s, LockMode::Write);
    s.event(put(LockMode::Read, None));
    s.gosched();
    s.find();
    s.event(put(LockMode::Read, Some(3)));
    s.ready(3);
    s.gosched();
    s.find();
    s.event(get(LockMode::Write, LockHow::Woken));
    s.clean();
    let lock = s.world().lock(LOCK).expect("it was used");
    assert_eq!((lock.owner, lock.readers, lock.pending), (Some(GId(3)), 0, None));
}

#[test]
fn r94_nobody_reads_what_is_written() {
    let mut s = Script::lab(1);
    s.event(get(LockMode::Write, LockHow::Free));
    s.event(get(LockMode::Read, LockHow::Woken));
    s.breaks("R94");
}

#[test]
fn r94_nobody_writes_what_is_read() {
    let mut s = read_by_g1();
    s.event(get(LockMode::Write, LockHow::Free));
    s.breaks("R94");
}

#[test]
fn r94_a_pending_writer_keeps_new_readers_out() {
    for how in [LockHow::Free, LockHow::Tried] {
        let mut s = read_by_g1();
        waits(&mut s, LockMode::Write);
        s.clean();
        s.event(get(LockMode::Read, how));
        s.breaks("R94");
    }
}

#[test]
fn r94_the_writer_is_let_in_by_the_last_reader_only() {
    let mut s = read_by_g1();
    s.event(get(LockMode::Read, LockHow::Free));
    s.go(3);
    s.gosched();
    s.find();
    waits(&mut s, LockMode::Write);
    s.clean();
    s.event(put(LockMode::Read, Some(3)));
    s.breaks("R94");
}

#[test]
fn r94_a_reader_lets_in_nobody_but_the_pending_writer() {
    let mut s = read_by_g1();
    waits(&mut s, LockMode::Write);
    s.event(put(LockMode::Read, Some(7)));
    s.breaks("R94");
}

/// G1 writes, G2 and G3 wait to read, in this order.
fn two_readers_wait() -> Script {
    let mut s = Script::lab(1);
    s.event(get(LockMode::Write, LockHow::Free));
    for g in [2, 3] {
        s.go(g);
        s.gosched();
        s.find();
        waits(&mut s, LockMode::Read);
    }
    assert_eq!(s.g(), GId(1));
    s.event(put(LockMode::Write, None));
    s
}

#[test]
fn r94_readers_are_let_in_in_the_order_they_came() {
    let mut s = two_readers_wait();
    s.ready(2);
    s.ready(3);
    s.clean();
    let mut s = two_readers_wait();
    s.ready(3);
    s.breaks("R94");
}

// ---- R97 ----

/// The acting goroutine takes a ticket and parks; the next one runs.
fn cond_waits(s: &mut Script, ticket: u32) {
    s.event(Event::CondTicket { cond: COND, ticket });
    s.park_on(WaitReason::CondWait, Some(Obj::Cond(COND)));
    s.find();
}

fn wakes(all: bool, woke: &[u64]) -> Event {
    Event::CondWake { cond: COND, all, woke: woke.iter().map(|&g| GId(g)).collect() }
}

/// G2 and G3 wait, in this order, and G1 runs.
fn two_wait() -> Script {
    let mut s = Script::lab(1);
    for (ticket, g) in [2, 3].into_iter().enumerate() {
        s.go(g);
        s.gosched();
        s.find();
        cond_waits(&mut s, ticket as u32);
    }
    assert_eq!(s.g(), GId(1));
    s
}

#[test]
fn r97_a_signal_is_for_the_oldest_ticket() {
    let mut s = two_wait();
    s.event(wakes(false, &[2]));
    s.ready(2);
    s.event(wakes(false, &[3]));
    s.ready(3);
    // Nobody waits any more.
    s.event(wakes(false, &[]));
    s.clean();
    let cond = s.world().cond(COND).expect("it was used");
    assert!(cond.tickets.is_empty() && cond.waiters.is_empty());
    for wrong in [vec![3], vec![], vec![2, 3]] {
        let mut s = two_wait();
        s.event(wakes(false, &wrong));
        s.breaks("R97");
    }
}

#[test]
fn r97_a_broadcast_is_for_all_in_their_order() {
    let mut s = two_wait();
    s.event(wakes(true, &[2, 3]));
    s.ready(2);
    s.ready(3);
    s.clean();
    for wrong in [vec![3, 2], vec![2], vec![]] {
        let mut s = two_wait();
        s.event(wakes(true, &wrong));
        s.breaks("R97");
    }
}

#[test]
fn r97_whose_ticket_was_called_before_it_parked_goes_on() {
    let called = || {
        let mut s = Script::lab(1);
        s.go(2);
        s.event(Event::CondTicket { cond: COND, ticket: 0 });
        s.gosched();
        s.find();
        // It has not parked: nobody is to be woken, and the signal is not lost.
        s.event(wakes(false, &[]));
        s.gosched();
        s.find();
        assert_eq!(s.g(), GId(1));
        s
    };
    let mut s = called();
    s.park_on(WaitReason::MutexLock, Some(Obj::Lock(LOCK)));
    s.clean();
    let mut s = called();
    s.park_on(WaitReason::CondWait, Some(Obj::Cond(COND)));
    s.breaks("R97");
    // The next ticket is another one.
    let mut s = called();
    s.event(Event::CondTicket { cond: COND, ticket: 1 });
    s.park_on(WaitReason::CondWait, Some(Obj::Cond(COND)));
    s.clean();
}

// ---- R99 ----

fn once(first: bool, done: bool) -> Event {
    Event::OnceUse { once: ONCE, first, done }
}

#[test]
fn r99_nobody_goes_on_before_the_function_has_ended() {
    let mut s = Script::lab(1);
    s.event(once(true, false));
    s.go(2);
    s.gosched();
    s.find();
    s.clean();
    s.event(once(false, true));
    s.breaks("R99");
}

#[test]
fn r99_a_function_runs_once() {
    let mut s = Script::lab(1);
    s.event(once(true, false));
    s.event(once(true, true));
    s.event(once(false, true));
    s.clean();
    assert!(s.world().once(ONCE).is_some_and(|o| o.done && o.runner.is_none()));
    s.event(once(true, false));
    s.breaks("R99");
}

#[test]
fn r99_who_runs_the_function_ends_it() {
    let mut s = Script::lab(1);
    s.event(once(true, false));
    s.go(2);
    s.gosched();
    s.find();
    s.event(once(true, true));
    s.breaks("R99");
}

#[test]
fn r99_what_was_done_before_the_run_is_done() {
    let mut s = Script::lab(1);
    s.event(once(false, true));
    s.clean();
}

// ---- what has no rule ----

#[test]
fn the_rest_of_sync_is_there_to_be_seen() {
    use gopark_trace::{CellId, PoolId};
    let (sem, pool, cell) = (SemId(1), PoolId(1), CellId(1));
    let mut s = Script::lab(1);
    s.event(Event::SemChange { sem, delta: -2, count: 1, woke: None });
    s.go(2);
    s.gosched();
    s.find();
    s.park_on(WaitReason::SemAcquire, Some(Obj::Sem(sem)));
    assert_eq!(s.world().sem(sem).map(|x| (x.free, x.waiters.len())), Some((1, 1)));
    s.find();
    s.event(Event::SemChange { sem, delta: 2, count: 3, woke: None });
    s.event(Event::SemChange { sem, delta: -3, count: 0, woke: Some(GId(2)) });
    s.ready(2);
    assert_eq!(s.world().sem(sem).map(|x| (x.free, x.waiters.len())), Some((0, 0)));
    s.event(Event::PoolPut { pool });
    s.event(Event::PoolPut { pool });
    s.event(Event::PoolGet { pool, hit: true, stolen_from: None });
    s.event(Event::PoolGet { pool, hit: false, stolen_from: None });
    assert_eq!(s.world().pool(pool).map(|x| x.kept), Some(1));
    s.event(Event::CellWrite { cell, value: 7 });
    s.event(Event::CellRead { cell, value: 7 });
    let seen = s.world().cell(cell).map(|x| (x.value, x.writer));
    assert_eq!(seen, Some((7, Some(GId(1)))));
    for (obj, name) in [(Obj::Sem(sem), "slots"), (Obj::Pool(pool), "buffers")] {
        s.event(Event::ObjName { obj, name: name.to_owned() });
        assert_eq!(s.world().name_of(obj), Some(name));
    }
    s.clean();
}
