//! A ring that is too small loses events: the stream says so and goes on from a snapshot.

use gopark::sink::Memory;
use std::sync::Arc;

use gopark::racy::Cell;
use gopark::sync::{Cond, GoRwMutex, Mutex, Pool, Semaphore, WaitGroup};
use gopark::trace::Event;
use gopark::{Receiver, Sender, chan, go, select, yield_now};
use gopark_model::{World, validate};

/// More events than a small ring can take, for as long as it needs to lose some and recover.
fn noisy() -> u64 {
    let (tx, rx) = chan(8);
    let wg = WaitGroup::new();
    for n in 0..200 {
        let (tx, wg2) = (tx.clone(), wg.clone());
        wg.add(1);
        drop(go(move || {
            for _ in 0..300 {
                yield_now();
                tx.send(1);
            }
            let _ = n;
            wg2.done();
        }));
    }
    let closer = tx.clone();
    drop(go(move || {
        wg.wait();
        closer.close();
    }));
    rx.iter().sum()
}

/// As [`noisy`], with what waits at things a snapshot does not hold.
fn noisy_locks() -> u64 {
    let table = Arc::new((GoRwMutex::new(), Cell::new(0_u64), Semaphore::new(3)));
    let turn = Arc::new((Mutex::new(0_u32), Cond::new()));
    let buffers = Arc::new(Pool::new(|| 0_u8));
    let wg = WaitGroup::new();
    for n in 0..40_u64 {
        let (table, turn, buffers) = (Arc::clone(&table), Arc::clone(&turn), Arc::clone(&buffers));
        drop(wg.go(move || {
            for i in 0..150 {
                if (n + i) % 5 == 0 {
                    table.0.lock();
                    table.1.update(|n| n + 1);
                    yield_now();
                    table.0.unlock();
                } else {
                    table.0.r_lock();
                    table.1.get();
                    table.0.r_unlock();
                }
                table.2.acquire(n % 3 + 1);
                buffers.put(buffers.get());
                yield_now();
                table.2.release(n % 3 + 1);
            }
            let mut ended = turn.0.lock();
            *ended += 1;
            turn.1.broadcast();
            turn.1.wait_while(&mut ended, |ended| *ended < 40);
        }));
    }
    wg.wait();
    table.1.get()
}

/// As [`noisy`], with goroutines that wait at several channels at once.
fn noisy_selects() -> u64 {
    let chans: Arc<[(Sender<u64>, Receiver<u64>)]> = [0, 0, 1].map(chan).into();
    let (results, sums) = chan(0);
    let (stop, stopped) = chan::<()>(0);
    for _ in 0..20 {
        let (chans, results, stopped) = (Arc::clone(&chans), results.clone(), stopped.clone());
        drop(go(move || {
            let mut sum = 0;
            loop {
                sum += select! {
                    n = recv(chans[0].1) => n.unwrap_or(0),
                    n = recv(chans[1].1) => n.unwrap_or(0),
                    n = recv(chans[2].1) => n.unwrap_or(0),
                    recv(stopped) => break,
                };
            }
            results.send(sum);
        }));
    }
    let wg = WaitGroup::new();
    for i in 0..20_u64 {
        let chans = Arc::clone(&chans);
        drop(wg.go(move || {
            for n in 0..300 {
                select! {
                    send(chans[(n % 3) as usize].0, 1) => {}
                    send(chans[(i % 2) as usize].0, 1) => {}
                }
            }
        }));
    }
    wg.wait();
    while !chans[2].0.is_empty() {
        yield_now();
    }
    stop.close();
    sums.iter().take(20).sum()
}

#[test]
fn selects_go_on_where_the_snapshot_left_them() {
    recovers(noisy_selects, 20 * 300);
}

#[test]
fn a_gap_is_told_and_followed_by_a_snapshot_that_fits_what_comes_after() {
    recovers(noisy, 200 * 300);
}

#[test]
fn what_a_snapshot_does_not_hold_is_believed_from_its_first_number_on() {
    recovers(noisy_locks, 40 * 30);
}

#[track_caller]
fn recovers(program: fn() -> u64, result: u64) {
    let memory = Memory::default();
    // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
    let live = unsafe { gopark::live() }.procs(2).ring_words(1 << 9).unwatched();
    let sum = live.record(memory.clone()).run(program);
    assert_eq!(sum, result);
    let records = memory.records();
    let place = |found: fn(&Event) -> bool| records.iter().position(|r| found(&r.event));
    let gap = place(|e| matches!(e, Event::Gap { .. })).expect("512 words are not enough");
    let after = records[gap..].iter().any(|r| matches!(r.event, Event::Snapshot { .. }));
    assert!(after, "the world was stopped and looked at");
    let found = validate(&records);
    assert!(
        found.is_empty(),
        "{} violations, first {:#?}",
        found.len(),
        &found[..found.len().min(3)]
    );
    let mut world = World::new();
    records.iter().for_each(|record| drop(world.apply(record)));
    world.check_places().expect("every goroutine is in one place");
}
