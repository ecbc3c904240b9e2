//! The select word: of two wakers on two lists one lets the goroutine go on, and none of them takes
//! the waiter of an earlier select for one of a later.

use loom::sync::Arc;
use loom::thread;

use crate::checker::{check, must_fail};
use crate::lock::Locked;
use crate::proto::gword::{DEAD, GWord, IDLE, RUNNABLE, RUNNING, WAITING};
use crate::proto::select_word::SelectWord;

/// A goroutine in a select of two channels. A channel is its queue: the select a waiter on it is of,
/// if there is one.
struct World {
    word: GWord,
    select: SelectWord,
    chans: [Locked<Option<u32>>; 2],
    /// Who let it go on in which select: the channel and its value.
    got: Locked<Vec<(u32, usize)>>,
}

impl World {
    /// The goroutine runs and begins its first select.
    fn new() -> Arc<Self> {
        let world = Self {
            word: GWord::new(),
            select: SelectWord::new(),
            chans: [Locked::new(None), Locked::new(None)],
            got: Locked::new(Vec::new()),
        };
        world.word.switch(IDLE, DEAD);
        world.word.switch(DEAD, RUNNABLE);
        world.word.switch(RUNNABLE, RUNNING);
        Arc::new(world)
    }

    /// Steps 1 to 4: from all locks taken to the commit that releases them.
    fn park(&self, select: u32) {
        self.chans.iter().for_each(Locked::lock);
        for chan in &self.chans {
            chan.held(|queue| assert_eq!(queue.replace(select), None, "it stands there once"));
        }
        self.select.open();
        self.word.switch(RUNNING, WAITING);
        self.chans.iter().for_each(Locked::unlock);
    }

    /// Steps 5 to 7.
    fn leave(&self) {
        self.chans.iter().for_each(Locked::lock);
        for chan in &self.chans {
            chan.held(|queue| *queue = None);
        }
        self.chans.iter().for_each(Locked::unlock);
    }

    /// The waking side, with this way to win. Whether it has woken the goroutine.
    fn wake(&self, chan: usize, win: impl Fn(&SelectWord) -> bool) -> bool {
        let taken = self.chans[chan].with(|queue| {
            let select = queue.take().filter(|_| win(&self.select))?;
            self.got.with(|got| got.push((select, chan)));
            Some(())
        });
        if taken.is_some() {
            self.word.switch(WAITING, RUNNABLE);
        }
        taken.is_some()
    }

    /// An M that has it in hand runs it, up to the wait of its second select.
    fn second_select(&self) {
        self.word.switch(RUNNABLE, RUNNING);
        self.leave();
        self.park(1);
    }

    /// Each select was won as often as this, by whomever.
    fn won(&self, times: [usize; 2]) {
        let count =
            |of| self.got.with(|got| got.iter().filter(|(select, _)| *select == of).count());
        assert_eq!([count(0), count(1)], times);
    }
}

fn wins(word: &SelectWord) -> bool {
    word.win().is_ok()
}

/// Two wakers, one on each channel.
fn two_wakers(world: &Arc<World>, win: fn(&SelectWord) -> bool) -> usize {
    let wakers: Vec<_> = (0..2)
        .map(|chan| {
            let world = Arc::clone(world);
            thread::spawn(move || world.wake(chan, win))
        })
        .collect();
    world.park(0);
    wakers.into_iter().filter_map(|w| w.join().ok()).filter(|woke| *woke).count()
}

#[test]
fn of_two_wakers_one_wins() {
    check(Some(3), || {
        let world = World::new();
        let woke = two_wakers(&world, wins);
        assert!(woke <= 1);
        world.won([woke, 0]);
        assert_eq!(world.select.wins(), woke as u32);
        assert_eq!(world.word.get(), if woke == 1 { RUNNABLE } else { WAITING });
        // Whoever came too early has found nobody.
        assert_eq!(world.select.is_open(), woke == 0);
    });
}

#[test]
fn a_loser_learns_which_win_it_has_seen() {
    check(Some(3), || {
        let world = World::new();
        world.park(0);
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.chans[0].with(|_| world.select.win()))
        };
        let mine = world.chans[1].with(|_| world.select.win());
        let other = other.join().expect("a model's thread");
        assert!(matches!((mine, other), (Ok(0), Err(1)) | (Err(1), Ok(0))), "{mine:?} {other:?}");
    });
}

#[test]
fn a_waiter_of_an_earlier_select_never_wins_a_later_one() {
    check(Some(3), || {
        let world = World::new();
        world.park(0);
        let other = {
            let world = Arc::clone(&world);
            // It wakes the first select, or the second, or comes too late for the one and too early
            // for the other.
            thread::spawn(move || usize::from(world.wake(1, wins)))
        };
        let mut woke = 0;
        if world.wake(0, wins) {
            woke += 1;
            world.second_select();
        }
        woke += other.join().expect("a model's thread");
        world.got.with(|got| {
            assert_eq!(got.len(), woke);
            // Each select once, and the second only after the first.
            assert!(
                got.iter().enumerate().all(|(i, (select, _))| *select as usize == i),
                "{got:?}"
            );
        });
    });
}

#[test]
fn a_win_in_two_steps_is_caught() {
    must_fail(&["bad goroutine status", "assertion"], || {
        let world = World::new();
        // It looks, and takes it then.
        let woke = two_wakers(&world, |word| {
            let open = word.is_open();
            let _ = word.win();
            open
        });
        world.won([woke, 0]);
        assert!(woke <= 1, "assertion");
    });
}

#[test]
fn a_second_select_before_the_first_has_left_its_queues_is_caught() {
    must_fail(&["it stands there once", "bad goroutine status", "of an earlier"], || {
        let world = World::new();
        world.park(0);
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.wake(1, wins))
        };
        if world.wake(0, wins) {
            world.word.switch(RUNNABLE, RUNNING);
            // Without step 5 to 7: the word is open again while a waiter of the first is there.
            world.select.open();
            world.word.switch(RUNNING, WAITING);
        }
        other.join().expect("a model's thread");
        world.got.with(|got| {
            assert!(got.iter().filter(|(select, _)| *select == 0).count() <= 1, "of an earlier");
        });
    });
}
