//! The rules of the rulebook, checked on any stream of events.
//!
//! Two classes. *Exact* rules are about structure and order and hold at every event, in both
//! drives: who is where, what leaves a queue and in which order. [`World::apply`] checks most of
//! them, this module those that need what came before, or the rule beside the event. *Eventual*
//! rules are about a global instant: who looks, what others hold, what nobody has seen yet. In the
//! lab one M acts at a time, and others only where it lets them (at its gates), so there they are
//! exact. In live the events of one instant come one after another: of these rules only R41 is
//! asked there, and only what persists counts, for more than [`LIVE_TIME`] and [`LIVE_RECORDS`]
//! events.
//!
//! | rules | exact in both drives | exact in the lab, not asked in live |
//! |---|---|---|
//! | structure | R1–R5, R6, R9 | |
//! | queues | R10, R12 (order), R13, R14 (who), R15–R17, R25 (ring), R26 | R12 (129 at 256), R14 (where to), R25 (slot first) |
//! | picking | R22 (ring before global), R23 (one), R24, R32 | R22 (the rest), R23 (not skipped), R74 |
//! | stealing | R28, R29 (half), R30 (try 4), R31 (who), R33 | R27, R29 (of what), R30 (ring, timers), R31 (pause) |
//! | waking | R18 (with a P), R34 (global), R35 (not while it looks), R39 (not while it looks), R43 | R18–R21, R34 (note), R35 (second look), R39 (the next) |
//! | sync | R90 (one owner), R93 (rounds), R94, R95, R97, R99 | R93 (the rest), R94 (last reader) |
//! | channels | R82–R86, R87 (which), R88, R89 (closed once) | R87 (how many are ready) |
//! | polling | R36, R37, R40, R67 (two waiters) | R67 (who is woken), R70 (closed), R71 |
//! | outside | R8, R44, R45, R47 (no hand-off), R48, R49, R54, R59 (ran), R106 (nobody starts) | R50 (no P is idle), R52, R53, R57, R59 (same tick), R62 (asked once), R64, R106 (all stand) |
//! | work | | R41 (in live what persists) |
//! | timers | R73 (own heap), R74 (not early), R76 (stopped), R77–R79, R105, R107 | |
//!
//! In reading order: `picking`, `polling`, `stealing`, `waking`, `outside`, `syncing`, `work`,
//! `timers`.

mod outside;

mod picking;

mod polling;

mod stealing;

mod timers;

mod waking;

mod syncing;

mod work;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, Nanos, PId, TimerId};
use gopark_trace::record::Record;
use gopark_trace::words::Drive;

use self::outside::Outside;
use self::polling::Polled;
use self::waking::Debt;
use crate::things::Processor;
use crate::world::{MAX_INDEX, Violation, World};

pub use work::{LAB_TIME, LIVE_RECORDS, LIVE_TIME};

/// Checks a whole stream.
pub fn validate<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Violation> {
    let mut validator = Validator::new();
    for record in records {
        validator.feed(record);
    }
    validator.finish()
}

/// What is known of one M beyond the world: what it is in the middle of.
#[derive(Debug, Clone, Default)]
struct Doing {
    /// Tries of its search so far; unknown if the stream was joined in the middle of it.
    tries: Option<u8>,
    /// When the last of them began.
    try_at: Nanos,
    /// What it stole and has not started.
    loot: Option<GId>,
    /// The owner of the timer that fired last, and whom that wakes.
    fired: Option<(PId, GId)>,
    /// The timer that fired by the event before, and when it was due.
    ticked: Option<(TimerId, Nanos)>,
    /// The AfterFunc that fired: a goroutine is to be made for it.
    owes_go: Option<TimerId>,
    /// The M that its present goroutine has woken.
    woke: Option<MId>,
    /// It comes from the poller and has not looked for work yet.
    polled: bool,
    /// It gave up looking and has not slept yet.
    gave_up: bool,
    /// A goroutine is tied to it.
    tied: bool,
    /// What its last poll gave.
    poll: Polled,
    /// A wake it owes.
    debt: Option<Debt>,
    /// Its call, and what it was asked.
    outside: Outside,
}

/// Checks a stream, event by event.
#[derive(Debug, Default)]
pub struct Validator {
    world: World,
    found: Vec<Violation>,
    /// Since when work waits while a P idles and nobody looks.
    starved: Option<(Nanos, u64)>,
    /// What each M is in the middle of.
    ms: Vec<Doing>,
    /// The stream was joined when Ms were in the middle of things.
    joined: bool,
    /// When the ring of each P was last empty, in the lab.
    empty_at: Vec<Nanos>,
    /// The M that has just begun to look while a note was left: it takes the note.
    takes_note: Option<MId>,
    /// Who has just handed a P off because nobody spins, and when.
    handed: Option<(Option<MId>, Nanos)>,
    /// The world is being stopped.
    stopping: bool,
    /// How many Ps stand, while it is.
    stand: Option<u32>,
    /// When the present tick of each P began.
    tick_at: Vec<Option<Nanos>>,
    /// Whether a goroutine has run: before that M0 is set up by hand.
    started: bool,
}

impl Validator {
    /// Nothing seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The world so far.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What was found so far.
    pub fn violations(&self) -> &[Violation] {
        &self.found
    }

    /// Takes the next event.
    pub fn feed(&mut self, record: &Record) {
        let joins = self.world.seq() == 0 && matches!(record.event, Event::Snapshot { .. });
        if joins || !self.world.known() {
            self.forget();
            let found = self.world.apply(record);
            self.found.extend(found);
            return;
        }
        self.note_empty_rings(record);
        self.conservation(record);
        self.picking(record);
        self.stealing(record);
        self.waking(record);
        self.outside(record);
        self.syncing(record);
        self.polling(record);
        self.timers(record);
        let loot = self.loot_that_starts(record);
        for mut violation in self.world.apply(record) {
            // What a stolen goroutine breaks by inheriting a slice has a rule of its own.
            if loot && violation.rule == "R24" {
                violation.rule = "R32";
            }
            self.found.push(violation);
        }
        self.after(record);
    }

    /// Everything that was found.
    pub fn finish(self) -> Vec<Violation> {
        self.found
    }

    /// What was before a gap says nothing about what comes after it.
    fn forget(&mut self) {
        self.starved = None;
        self.takes_note = None;
        self.ms.clear();
        self.stand = None;
        self.tick_at.clear();
        self.empty_at.clear();
        self.joined = true;
        self.started = true;
    }

    fn lab(&self) -> bool {
        self.world.drive() == Drive::Lab
    }

    fn expect(&mut self, holds: bool, rule: &'static str, seq: u64, text: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation { rule, seq, text: text() });
        }
    }

    /// What an M is in the middle of; none for a number that is not believed.
    fn doing(&mut self, m: MId) -> Option<&mut Doing> {
        if m.0 >= MAX_INDEX {
            return None;
        }
        let n = m.0 as usize;
        if self.ms.len() <= n {
            let tries = (!self.joined).then_some(0);
            self.ms.resize_with(n + 1, || Doing { tries, ..Doing::default() });
        }
        self.ms.get_mut(n)
    }

    /// As [`Validator::doing`], to look at.
    fn look(&self, m: Option<MId>) -> Option<&Doing> {
        self.ms.get(m?.0 as usize)
    }

    /// Notes what an event begins and ends, with the world after it.
    fn after(&mut self, record: &Record) {
        if let Event::StopTheWorld { on, .. } = &record.event {
            self.stopping = *on;
        }
        self.started |= matches!(record.event, Event::GoStart { .. });
        self.after_stealing(record);
        self.after_waking(record);
        self.after_outside(record);
        self.after_polling(record);
    }
}

/// Whether a P has work of its own.
fn has_work(p: Option<&Processor>) -> bool {
    p.is_some_and(|p| p.slot.is_some() || !p.ring.is_empty())
}
