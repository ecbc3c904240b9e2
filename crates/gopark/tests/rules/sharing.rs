//! R94, R97, R99: RWMutex, Cond, Once, in their exact order on one P.

use std::sync::Arc;

use gopark::sync::{Cond, GoMutex, GoRwMutex, Once};
use gopark::trace::Event;
use gopark::trace::ids::GId;
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::{LockHow, LockMode, Queue, WaitReason};
use gopark::{go, log, yield_now};

use crate::runs::{after, made, on_one_p, started};

/// Who got the lock that readers use, in order: for what, and how.
fn gets(records: &[Record]) -> Vec<(GId, LockMode, LockHow)> {
    let shared = records.iter().find_map(|r| match r.event {
        Event::LockGet { lock, mode: LockMode::Read, .. } => Some(lock),
        _ => None,
    });
    let get = |r: &Record| match r.event {
        Event::LockGet { lock, mode, how, .. } if Some(lock) == shared => {
            Some((r.actor.g.expect("a goroutine"), mode, how))
        }
        _ => None,
    };
    records.iter().filter_map(get).collect()
}

/// Whom main made ready, in order.
fn readied(records: &[Record]) -> Vec<GId> {
    let ready = |r: &Record| match r.event {
        Event::GoReady { g, to: Queue::Slot(_) } if r.actor.g == Some(GId(1)) => Some(g),
        _ => None,
    };
    records.iter().filter_map(ready).collect()
}

fn without_main(gs: Vec<GId>) -> Vec<GId> {
    gs.into_iter().filter(|g| *g != GId(1)).collect()
}

/// The first release of a lock.
fn release(records: &[Record]) -> &Record {
    let put = |r: &&Record| matches!(r.event, Event::LockPut { .. });
    records.iter().find(put).expect("a lock is released")
}

/// Goroutines that lock, one after another, for reading or for writing, while main has the lock;
/// then main says "begin" and lets go.
fn queue_up(main: LockMode, others: &'static [LockMode]) -> Vec<Record> {
    on_one_p(move || {
        let lock = Arc::new(GoRwMutex::new());
        // So that the lock is known by its readers.
        lock.r_lock();
        lock.r_unlock();
        match main {
            LockMode::Read => lock.r_lock(),
            LockMode::Write => lock.lock(),
        }
        for mode in others {
            let lock = Arc::clone(&lock);
            drop(go(move || match mode {
                LockMode::Read => {
                    lock.r_lock();
                    lock.r_unlock();
                }
                LockMode::Write => {
                    lock.lock();
                    lock.unlock();
                }
            }));
            yield_now();
        }
        log("begin");
        match main {
            LockMode::Read => lock.r_unlock(),
            LockMode::Write => lock.unlock(),
        }
        log("end");
        (0..8).for_each(|_| yield_now());
    })
}

use LockMode::{Read, Write};

#[test]
fn r94_a_pending_writer_blocks_new_readers_and_the_last_reader_wakes_it() {
    let records = queue_up(Read, &[Write, Read, Read]);
    let gs = made(&records);
    let why: Vec<WaitReason> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::GoPark { why, .. } => Some(why),
            _ => None,
        })
        .collect();
    let (read, write) = (WaitReason::RwMutexRLock, WaitReason::RwMutexLock);
    assert_eq!(why, [write, read, read]);
    let put = release(after(&records, "begin"));
    assert!(matches!(put.event, Event::LockPut { mode: Read, woke: Some(g), .. } if g == gs[0]));
    assert_eq!(put.rule, Some(Rule::LastReaderWakesWriter {}));
    assert_eq!(readied(after(&records, "begin")), [gs[0]]);
    // The writer has it before the readers that came after it.
    let got = gets(after(&records, "begin"));
    let wanted = [(gs[0], Write), (gs[2], Read), (gs[1], Read)];
    assert_eq!(got, wanted.map(|(g, mode)| (g, mode, LockHow::Woken)));
}

#[test]
fn r94_a_writer_lets_all_readers_in_in_their_order_then_the_next_writer() {
    let records = queue_up(Write, &[Read, Write, Read, Read]);
    let gs = made(&records);
    let put = release(after(&records, "begin"));
    assert_eq!(put.rule, Some(Rule::WriterLetsReadersIn { readers: 3 }));
    // First come, first let in; then the writer, from the inner mutex.
    assert_eq!(readied(after(&records, "begin")), [gs[0], gs[2], gs[3], gs[1]]);
    let order = without_main(started(after(&records, "end")));
    // It has the slot, finds three readers and waits for them; the last of them wakes it.
    assert_eq!(order, [gs[1], gs[0], gs[2], gs[3], gs[1]]);
    let got = gets(after(&records, "end"));
    let readers = [gs[0], gs[2], gs[3]].map(|g| (g, Read, LockHow::Woken));
    assert_eq!(got[..3], readers);
    assert_eq!(got[3], (gs[1], Write, LockHow::Woken));
}

#[test]
fn r94_a_writer_waits_for_another_at_the_inner_mutex() {
    let records = queue_up(Write, &[Write, Write]);
    let gs = made(&records);
    let parks: Vec<(GId, WaitReason)> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::GoPark { g, why, .. } => Some((g, why)),
            _ => None,
        })
        .collect();
    assert_eq!(parks, [gs[0], gs[1]].map(|g| (g, WaitReason::MutexLock)));
    let order = gets(after(&records, "begin"));
    assert!(order.is_empty(), "no reader has used it since");
    assert_eq!(without_main(started(after(&records, "end"))), gs);
}

/// Three goroutines wait; then main says "begin" and does this.
fn wait_three(wake: fn(&Cond)) -> Vec<Record> {
    on_one_p(move || {
        let shared = Arc::new((GoMutex::new(), Cond::new()));
        for _ in 0..3 {
            let shared = Arc::clone(&shared);
            drop(go(move || {
                shared.0.lock();
                shared.1.wait(&shared.0);
                shared.0.unlock();
            }));
            yield_now();
        }
        log("begin");
        wake(&shared.1);
        log("end");
        (0..6).for_each(|_| yield_now());
    })
}

fn wakes(records: &[Record]) -> Vec<Vec<GId>> {
    let wake = |r: &Record| match &r.event {
        Event::CondWake { woke, .. } => Some(woke.clone()),
        _ => None,
    };
    records.iter().filter_map(wake).collect()
}

#[test]
fn r97_the_ticket_comes_before_the_unlock() {
    let records = wait_three(Cond::broadcast);
    for g in made(&records) {
        let mine = records.iter().filter(|r| r.actor.g == Some(g));
        let steps: Vec<&str> = mine
            .filter_map(|r| match r.event {
                Event::CondTicket { .. } => Some("ticket"),
                Event::LockPut { .. } => Some("unlock"),
                Event::GoPark { why: WaitReason::CondWait, .. } => Some("wait"),
                Event::LockGet { .. } => Some("lock"),
                _ => None,
            })
            .collect();
        assert_eq!(steps, ["lock", "ticket", "unlock", "wait", "lock", "unlock"]);
    }
    let tickets: Vec<u32> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::CondTicket { ticket, .. } => Some(ticket),
            _ => None,
        })
        .collect();
    assert_eq!(tickets, [0, 1, 2]);
}

#[test]
fn r97_signal_wakes_the_oldest_ticket() {
    let records = wait_three(|cond| (0..4).for_each(|_| cond.signal()));
    let gs = made(&records);
    let woke = wakes(&records);
    assert_eq!(woke, [vec![gs[0]], vec![gs[1]], vec![gs[2]], vec![]]);
    assert_eq!(readied(after(&records, "begin")), gs);
}

#[test]
fn r97_broadcast_wakes_in_the_order_of_the_tickets_and_the_last_runs_first() {
    let records = wait_three(Cond::broadcast);
    let gs = made(&records);
    assert_eq!(wakes(&records), std::slice::from_ref(&gs));
    assert_eq!(readied(after(&records, "begin")), gs);
    let order = without_main(started(after(&records, "end")));
    assert_eq!(order, [gs[2], gs[0], gs[1]], "each took the slot from the one before");
}

#[test]
fn r99_others_wait_at_the_mutex_until_the_function_has_ended() {
    let records = on_one_p(|| {
        let once = Arc::new(Once::new());
        for _ in 0..3 {
            let once = Arc::clone(&once);
            drop(go(move || once.do_once(|| (0..3).for_each(|_| yield_now()))));
        }
        (0..12).for_each(|_| yield_now());
    });
    let uses: Vec<(GId, bool, bool)> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::OnceUse { first, done, .. } => Some((r.actor.g?, first, done)),
            _ => None,
        })
        .collect();
    let gs = made(&records);
    // The last that was made runs first, from the slot.
    let runs = [(gs[2], true, false), (gs[2], true, true)];
    assert_eq!(uses[..2], runs);
    assert_eq!(uses[2..], [(gs[0], false, true), (gs[1], false, true)]);
    let waited: Vec<GId> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::GoPark { g, why: WaitReason::MutexLock, .. } => Some(g),
            _ => None,
        })
        .collect();
    assert_eq!(waited, [gs[0], gs[1]]);
}
