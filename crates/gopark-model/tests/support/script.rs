//! Streams of events, made tersely.
//!
//! A [`Script`] stands on one M at a time and knows the world its records make, so an event needs
//! no actor and a verb (`go`, `ready`, `find`) no numbers. Verbs keep every rule, as the scheduler
//! does; a test breaks one by saying an event itself, with [`Script::event`].
#![allow(dead_code, reason = "each test uses its part")]

use gopark_model::{PStatus, Validator, World};
use gopark_trace::record::{Actor, Certainty, Record};
use gopark_trace::{
    Drive, Event, ExitKind, GId, GlobalWhy, MId, Nanos, Obj, PId, PollMode, Queue, Rule, TimerId,
    TimerKind, WaitReason, YieldKind,
};

/// A stream in the making.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) records: Vec<Record>,
    validator: Validator,
    m: MId,
    time: u64,
    timers: u64,
}

/// Where what is found comes from.
type Found = Option<(GId, Queue)>;

impl Script {
    /// Nothing yet.
    pub(crate) fn empty() -> Self {
        Self { records: Vec::new(), validator: Validator::new(), m: MId(0), time: 0, timers: 0 }
    }

    /// A run in the lab in which G1 runs on M0 and P0.
    pub(crate) fn lab(procs: u32) -> Self {
        Self::begun(Drive::Lab, procs)
    }

    /// The same, live.
    pub(crate) fn live(procs: u32) -> Self {
        Self::begun(Drive::Live, procs)
    }

    fn begun(drive: Drive, procs: u32) -> Self {
        let mut s = Self::empty();
        let program = "script".to_owned();
        s.event(Event::RunStart { drive, seed: 7, procs, program, step_ns: 100 });
        (0..procs).for_each(|p| s.event(Event::PNew { p: PId(p) }));
        s.event(Event::MStart { m: MId(0), p: Some(PId(0)), spinning: false });
        (1..procs).rev().for_each(|p| s.event(Event::PIdle { p: PId(p) }));
        s.event(Event::PAcquire { p: PId(0) });
        // As if a goroutine had run before: tick 0 is a multiple of 61.
        let mut state = s.world().snapshot();
        state.ps[0].tick = 1;
        s.event(Event::Snapshot { state: Box::new(state) });
        s.event(Event::GoCreate { g: GId(1), parent: None, to: Queue::Slot(PId(0)) });
        s.start(GId(1), Queue::Slot(PId(0)));
        s
    }

    // ---- one event ----

    /// What happened, on the M the script stands on.
    pub(crate) fn event(&mut self, event: Event) {
        self.record(event, None);
    }

    /// As [`Script::event`], with the rule.
    pub(crate) fn ruled(&mut self, event: Event, rule: Rule) {
        self.record(event, Some(rule));
    }

    fn record(&mut self, event: Event, rule: Option<Rule>) {
        let m = self.world().m(self.m);
        let actor = Actor { m: Some(self.m), p: m.and_then(|m| m.p), g: m.and_then(|m| m.g) };
        let record = Record {
            seq: self.records.len() as u64,
            time: Nanos(self.time),
            actor,
            site: None,
            rule,
            certainty: Certainty::Observed,
            event,
        };
        self.validator.feed(&record);
        self.records.push(record);
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, ns: u64) {
        self.time += ns;
    }

    /// Another M acts from here on.
    pub(crate) fn on(&mut self, m: u32) -> &mut Self {
        self.m = MId(m);
        self.time += 100;
        self
    }

    /// The world so far.
    pub(crate) fn world(&self) -> &World {
        self.validator.world()
    }

    /// The P of the M that acts.
    pub(crate) fn p(&self) -> PId {
        self.world().m(self.m).and_then(|m| m.p).expect("the M has a P")
    }

    /// The goroutine that acts.
    pub(crate) fn g(&self) -> GId {
        self.world().m(self.m).and_then(|m| m.g).expect("the M runs a goroutine")
    }

    // ---- what is found ----

    /// The rules that are broken, in order.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        self.validator.violations().iter().map(|v| v.rule).collect()
    }

    /// Nothing is wrong so far.
    #[track_caller]
    pub(crate) fn clean(&self) -> &Self {
        assert!(self.validator.violations().is_empty(), "{:#?}", self.validator.violations());
        self.world().check_places().unwrap_or_else(|wrong| panic!("{wrong}"));
        self
    }

    /// This rule is broken and no other.
    #[track_caller]
    pub(crate) fn breaks(&self, rule: &str) {
        let broken = self.broken();
        let exactly = !broken.is_empty() && broken.iter().all(|&r| r == rule);
        assert!(exactly, "not {rule} alone: {:#?}", self.validator.violations());
        self.world().check_places().unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    // ---- goroutines ----

    /// `go`: a new goroutine, and a wake if there is reason.
    pub(crate) fn go(&mut self, g: u64) {
        let (g, parent, to) = (GId(g), Some(self.g()), Queue::Slot(self.p()));
        self.put(Event::GoCreate { g, parent, to });
        self.wakep();
    }

    /// Makes a parked goroutine ready.
    pub(crate) fn ready(&mut self, g: u64) {
        self.ready_now(g);
        self.wakep();
    }

    /// The same without the wake.
    pub(crate) fn ready_now(&mut self, g: u64) {
        let to = Queue::Slot(self.p());
        self.put(Event::GoReady { g: GId(g), to });
    }

    /// Kicks who is in the slot, then says `arrival`.
    fn put(&mut self, arrival: Event) {
        let p = self.p();
        let full = self.ring(p) == 256;
        let old = self.world().p(p).and_then(|p| p.slot);
        if let Some(g) = old {
            let to = if full { Queue::Hand } else { Queue::Ring(p) };
            self.event(Event::SlotKick { p, g, to });
        }
        self.event(arrival);
        if let Some(g) = old.filter(|_| full) {
            let ring = self.world().p(p).into_iter().flat_map(|p| p.ring.iter());
            let gs = ring.take(128).copied().chain([g]).collect();
            self.event(Event::RingOverflow { p, gs });
        }
    }

    /// How many are in a ring.
    pub(crate) fn ring(&self, p: PId) -> usize {
        self.world().p(p).map_or(0, |p| p.ring.len())
    }

    /// The goroutine that acts parks.
    pub(crate) fn park(&mut self) {
        self.park_on(WaitReason::Select, None);
    }

    /// The same, for something.
    pub(crate) fn park_on(&mut self, why: WaitReason, on: Option<Obj>) {
        self.event(Event::GoPark { g: self.g(), why, on });
    }

    /// The goroutine that acts sleeps.
    pub(crate) fn sleep(&mut self, ns: u64) -> TimerId {
        let (g, p) = (self.g(), self.p());
        self.timers += 1;
        let timer = TimerId(self.timers);
        self.park_on(WaitReason::Sleep, None);
        let when = Nanos(self.time + ns);
        let kind = TimerKind::Sleep;
        self.event(Event::TimerAdd { timer, p, when, kind, g: Some(g) });
        timer
    }

    /// The goroutine that acts ends.
    pub(crate) fn exit(&mut self) {
        self.event(Event::GoExit { g: self.g(), how: ExitKind::Returned });
    }

    /// The goroutine that acts gives way.
    pub(crate) fn gosched(&mut self) {
        self.event(Event::GoYield { g: self.g(), kind: YieldKind::Gosched, to: Queue::Global });
        self.wakep();
    }

    /// Starts a goroutine.
    pub(crate) fn start(&mut self, g: GId, from: Queue) {
        let tick = self.world().p(self.p()).map_or(0, |p| p.tick);
        let tick = tick + u32::from(!matches!(from, Queue::Slot(_)));
        self.event(Event::GoStart { g, from, tick });
    }

    // ---- waking ----

    /// `wakep`.
    pub(crate) fn wakep(&mut self) {
        if self.world().spinning() > 0 {
            return;
        }
        match self.world().idle_ps().last().copied() {
            Some(_) => {
                let p = self.get_p();
                self.wake(p, true);
            }
            None if self.world().needspinning() => {}
            None => self.event(Event::NeedSpinning { on: true }),
        }
    }

    /// Takes the P that went idle last.
    pub(crate) fn get_p(&mut self) -> PId {
        let p = self.world().idle_ps().last().copied().expect("a P is idle");
        self.event(Event::PGet { p });
        p
    }

    /// Wakes the M that parked last, or makes one.
    pub(crate) fn wake(&mut self, p: PId, spinning: bool) {
        let (idle, made) = (self.world().idle_ms().last().copied(), self.world().ms().len());
        let p = Some(p);
        self.event(match idle {
            Some(m) => Event::MWake { m, p, spinning },
            None => Event::MStart { m: MId(made as u32), p, spinning },
        });
    }

    /// The M that was woken takes its P.
    pub(crate) fn acquire(&mut self) {
        let p = self.world().m(self.m).and_then(|m| m.next_p).expect("a P was promised");
        self.event(Event::PAcquire { p });
    }

    /// Begins or stops to look.
    pub(crate) fn spin(&mut self, on: bool, rule: Option<Rule>) {
        let spinning = self.world().spinning();
        let spinning = if on { spinning + 1 } else { spinning - 1 };
        let note = self.world().needspinning();
        self.record(Event::MSpin { m: self.m, on, spinning }, rule);
        if on && note {
            self.event(Event::NeedSpinning { on: false });
        }
    }

    /// Begins to look, because few do.
    pub(crate) fn may_spin(&mut self) {
        self.spin(true, Some(Rule::MaySpin { spinning: 0, busy: 0 }));
    }

    /// Gives the P up.
    pub(crate) fn give_up_p(&mut self) {
        let p = self.p();
        self.ruled(Event::PIdle { p }, Rule::GiveUpP {});
    }

    /// Gives up looking.
    pub(crate) fn stop_looking(&mut self) {
        self.spin(false, Some(Rule::StopsSpinning { spinning: 0 }));
    }

    /// Sleeps.
    pub(crate) fn park_m(&mut self) {
        self.event(Event::MPark { m: self.m });
    }

    // ---- looking for work ----

    /// `schedule`: finds a goroutine and starts it, or sleeps. True if one runs.
    pub(crate) fn find(&mut self) -> bool {
        self.run_timers(self.p());
        let Some((g, from)) = self.local().or_else(|| self.look()) else { return self.rest() };
        self.run(g, from);
        true
    }

    /// Starts what was found, and wakes the next if it was found while looking.
    pub(crate) fn run(&mut self, g: GId, from: Queue) {
        if self.world().m(self.m).is_some_and(|m| m.looks) {
            self.spin(false, Some(Rule::FoundWhileSpinning { spinning: 0 }));
            self.wakep();
        }
        self.start(g, from);
    }

    fn local(&mut self) -> Found {
        let p = self.p();
        let of = self.world().p(p).expect("the P is there");
        let (slot, oldest, tick) = (of.slot, of.ring.front().copied(), of.tick);
        if tick.is_multiple_of(61) && !self.world().global().is_empty() {
            return self.global(GlobalWhy::Every61);
        }
        let own = slot.map(|g| (g, Queue::Slot(p))).or(oldest.map(|g| (g, Queue::Ring(p))));
        own.or_else(|| self.global(GlobalWhy::LocalEmpty))
    }

    /// Takes from the global queue what the rules say.
    pub(crate) fn global(&mut self, why: GlobalWhy) -> Found {
        let (size, procs) = (self.world().global().len(), self.world().procs());
        let share = size.min(128).min(size / procs + 1);
        let n = if why == GlobalWhy::Every61 { 1 } else { share };
        self.take_global(why, n)
    }

    /// Takes `n` from the global queue.
    pub(crate) fn take_global(&mut self, why: GlobalWhy, n: usize) -> Found {
        let gs: Vec<GId> = self.world().global().iter().take(n).copied().collect();
        let (first, left) = (*gs.first()?, (self.world().global().len() - n) as u32);
        self.event(Event::GlobalGet { p: self.p(), gs, why, left });
        Some((first, Queue::Hand))
    }

    fn look(&mut self) -> Found {
        if !self.world().m(self.m).is_some_and(|m| m.looks) {
            let busy = self.world().procs() - self.world().idle_ps().len();
            if 2 * self.world().spinning() as usize >= busy {
                return None;
            }
            self.may_spin();
        }
        (1..=4).find_map(|attempt| self.steal_round(attempt))
    }

    fn steal_round(&mut self, attempt: u8) -> Found {
        if self.world().procs() == 1 {
            return None;
        }
        let p = self.p();
        self.try_steal(attempt);
        let began = self.time;
        for victim in self.others(p) {
            if attempt == 4 {
                self.run_timers(victim);
                let slot = self.world().p(p).and_then(|p| p.slot);
                if let Some(g) = slot {
                    return Some((g, Queue::Slot(p)));
                }
            }
            if self.world().p(victim).is_some_and(|v| v.status == PStatus::Idle) {
                continue;
            }
            if self.ring(victim) > 0 {
                return Some((self.steal(victim, attempt), Queue::Hand));
            }
            let slot = self.world().p(victim).and_then(|v| v.slot);
            if let Some(g) = slot.filter(|_| attempt == 4) {
                self.time = self.time.max(began + 3_000);
                self.steal_slot(victim, g, true);
                return Some((g, Queue::Hand));
            }
        }
        None
    }

    fn others(&self, p: PId) -> Vec<PId> {
        self.world().ps().iter().map(|x| x.id).filter(|&x| x != p).collect()
    }

    /// A try to steal begins.
    pub(crate) fn try_steal(&mut self, attempt: u8) {
        let p = self.p();
        let order = self.others(p);
        self.event(Event::StealTry { p, attempt, order });
    }

    /// Tries up to this one, in vain.
    pub(crate) fn tries(&mut self, attempts: u8) {
        (1..=attempts).for_each(|attempt| self.try_steal(attempt));
    }

    /// Half of a ring, rounded up.
    pub(crate) fn steal(&mut self, victim: PId, attempt: u8) -> GId {
        let of = self.ring(victim);
        self.steal_n(victim, attempt, of.div_ceil(2))
    }

    /// So many of a ring.
    pub(crate) fn steal_n(&mut self, victim: PId, attempt: u8, n: usize) -> GId {
        let of = self.ring(victim) as u32;
        let ring = self.world().p(victim).into_iter().flat_map(|p| p.ring.iter());
        let gs: Vec<GId> = ring.take(n).copied().collect();
        let last = *gs.last().expect("the ring holds something");
        self.event(Event::Steal { thief: self.p(), victim, attempt, of, gs });
        last
    }

    /// A slot.
    pub(crate) fn steal_slot(&mut self, victim: PId, g: GId, waited: bool) {
        let event = Event::StealSlot { thief: self.p(), victim, g };
        self.ruled(event, Rule::StealSlotLast { attempt: 4, waited });
    }

    /// Fires the due timers of a P; the sleepers go to the own slot.
    pub(crate) fn run_timers(&mut self, owner: PId) {
        loop {
            let now = Nanos(self.time);
            let mut due = self.world().timers().take_while(|t| t.when <= now);
            let Some(timer) = due.find(|t| t.p == owner).copied() else { return };
            drop(due);
            self.fire(timer.id, owner);
            timer.g.into_iter().for_each(|g| self.ready(g.0));
        }
    }

    /// Fires a timer.
    pub(crate) fn fire(&mut self, timer: TimerId, owner: PId) {
        self.event(Event::TimerFire { timer, owner, late: Nanos(0) });
    }

    /// Gives up: the P, the search, then sleeps. True if a last look found something after all.
    fn rest(&mut self) -> bool {
        let looks = self.world().m(self.m).is_some_and(|m| m.looks);
        if let Some((g, from)) = self.global(GlobalWhy::BeforeRelease) {
            self.run(g, from);
            return true;
        }
        if !looks && self.world().needspinning() {
            self.spin(true, Some(Rule::NeedSpinningTaken {}));
            return false;
        }
        self.give_up_p();
        if looks {
            self.stop_looking();
            let world = self.world();
            let busy = world
                .ps()
                .iter()
                .find(|p| p.status != PStatus::Idle && (p.slot.is_some() || !p.ring.is_empty()));
            if let Some(found) = busy.map(|p| p.id) {
                let p = self.get_p();
                self.event(Event::PAcquire { p });
                self.spin(true, Some(Rule::SpinnerRechecks { found }));
                return false;
            }
        }
        let until = self.world().timers().next().map(|t| t.when);
        let polls = self.world().ms().iter().any(|m| m.status == gopark_model::MStatus::Polling);
        if until.is_some() && !polls {
            self.event(Event::PollStart { mode: PollMode::Blocking, until });
        } else {
            self.park_m();
        }
        false
    }

    /// The poller comes back; with a P if one is idle.
    pub(crate) fn poll_ends(&mut self) -> bool {
        self.event(Event::PollEnd { gs: Vec::new() });
        if self.world().idle_ps().is_empty() {
            self.park_m();
            return false;
        }
        let p = self.get_p();
        self.event(Event::PAcquire { p });
        true
    }
}
