//! A program of many goroutines that do some of everything, drawn from its number.

use std::sync::Arc;
use std::time::Duration;

use gopark::sync::{Mutex, WaitGroup};
use gopark::{Receiver, Sender, chan, current_id, go, go_named, sleep, work, yield_now};

/// A small generator of its own: what a program does must not come from the scheduler under test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the goroutines of a program share.
#[derive(Clone)]
struct Shared {
    values: Sender<u64>,
    tight: Sender<u64>,
    sum: Arc<Mutex<u64>>,
    wg: WaitGroup,
}

/// One goroutine: some of everything, drawn from its own dice, and children of its own.
fn body(shared: &Shared, mut dice: Dice, depth: u32) {
    for _ in 0..dice.roll(12) {
        match dice.roll(9) {
            0 => shared.values.send(dice.roll(100)),
            1 => shared.tight.send(dice.roll(100)),
            2 => *shared.sum.lock() += 1,
            3 => {
                let mut held = shared.sum.lock();
                yield_now();
                *held += 1;
                held.unlock();
            }
            4 => sleep(Duration::from_nanos(dice.roll(20_000))),
            5 => work(Duration::from_nanos(dice.roll(20_000))),
            6 if depth > 0 => spawn(shared, Dice(dice.roll(u64::from(u32::MAX))), depth - 1),
            7 => drop(go(|| current_id()).join()),
            _ => yield_now(),
        }
    }
}

fn spawn(shared: &Shared, dice: Dice, depth: u32) {
    let copy = shared.clone();
    shared.wg.add(1);
    drop(go(move || {
        body(&copy, dice, depth);
        copy.wg.done();
    }));
}

/// The program with this number: what it adds up does not depend on the order.
pub(crate) fn program(number: u64) -> (u64, u64, u64) {
    let (values, received) = chan(4);
    let (tight, tightly) = chan(0);
    let sum = Arc::new(Mutex::new(0));
    let wg = WaitGroup::new();
    let shared = Shared { values, tight, sum, wg };
    let collect = |name, from: Receiver<u64>| go_named(name, move || from.iter().sum());
    let (values, tights) = (collect("values", received), collect("tight", tightly));
    let mut dice = Dice(number);
    (0..8 + dice.roll(8)).for_each(|_| spawn(&shared, Dice(dice.roll(u64::from(u32::MAX))), 2));
    shared.wg.wait();
    shared.values.close();
    shared.tight.close();
    let sum = *shared.sum.lock();
    (values.join().expect("no panic"), tights.join().expect("no panic"), sum)
}
