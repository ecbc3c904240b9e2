//! A small run made by hand, and a program that gives it piece by piece, as one in the lab does.

use gopark_trace::protocol::Command;
use gopark_trace::{
    Actor, Certainty, Drive, EndKind, Event, ExitKind, GId, GlobalWhy, MId, Nanos, PId, Queue,
    Record, Rule, SiteId, WaitReason,
};
use gopark_tui::Theme;
use gopark_tui::app::{Action, App, Effect, News, Run, Source, Wish};
use gopark_tui::lesson::Lesson;

/// Makes records in order.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) records: Vec<Record>,
    time: u64,
}

impl Script {
    /// Time goes on.
    pub(crate) fn later(&mut self) -> &mut Self {
        self.time += 100;
        self
    }

    /// Something happens, done by `m` on `p` in `g`.
    pub(crate) fn by(
        &mut self,
        (m, p, g): (u32, u32, Option<u64>),
        event: Event,
        rule: Option<Rule>,
    ) -> &mut Self {
        let actor = Actor { m: Some(MId(m)), p: Some(PId(p)), g: g.map(GId) };
        self.push(actor, event, rule)
    }

    fn push(&mut self, actor: Actor, event: Event, rule: Option<Rule>) -> &mut Self {
        self.records.push(Record {
            seq: self.records.len() as u64,
            time: Nanos(self.time),
            actor,
            site: None,
            rule,
            certainty: Certainty::Observed,
            event,
        });
        self
    }

    /// The run begins with two Ps and main in the slot of P0.
    pub(crate) fn start(&mut self) -> &mut Self {
        let out = Actor::default();
        let program = "two".to_owned();
        let event = Event::RunStart { drive: Drive::Lab, seed: 7, procs: 2, program, step_ns: 100 };
        self.push(out, event, None);
        for p in 0..2 {
            self.push(out, Event::PNew { p: PId(p) }, None);
        }
        let site = Event::Site { site: SiteId(1), file: "two.rs".to_owned(), line: 3, column: 5 };
        self.push(out, site, None);
        self.by((0, 0, None), Event::PAcquire { p: PId(0) }, Some(Rule::RunBegins { procs: 2 }));
        let main = Event::GoCreate { g: GId(1), parent: None, to: Queue::Slot(PId(0)) };
        self.by((0, 0, None), main, None);
        self.later().run_from_slot(1)
    }

    fn run_from_slot(&mut self, g: u64) -> &mut Self {
        let event = Event::GoStart { g: GId(g), from: Queue::Slot(PId(0)), tick: 0 };
        self.by((0, 0, None), event, Some(Rule::SlotFirst { tick: 0 }))
    }

    /// Main makes goroutines; each kicks the one before out of the slot.
    pub(crate) fn make(&mut self, gs: std::ops::RangeInclusive<u64>) -> &mut Self {
        let first = *gs.start();
        for g in gs {
            self.later();
            if g > first {
                let kick = Event::SlotKick { p: PId(0), g: GId(g - 1), to: Queue::Ring(PId(0)) };
                let rule = Rule::SlotDisplaced { by: GId(g), ring: (g - first) as u32 };
                self.by((0, 0, Some(1)), kick, Some(rule));
            }
            let event =
                Event::GoCreate { g: GId(g), parent: Some(GId(1)), to: Queue::Slot(PId(0)) };
            self.by((0, 0, Some(1)), event, Some(Rule::GoToSlot { p: PId(0) }));
        }
        self
    }

    /// A thief comes and takes `gs` of the ring of P0, which holds `of`.
    pub(crate) fn steal(&mut self, gs: std::ops::RangeInclusive<u64>, of: u32) -> &mut Self {
        self.later();
        self.by((0, 0, Some(1)), Event::PGet { p: PId(1) }, None);
        let start = Event::MStart { m: MId(1), p: Some(PId(1)), spinning: true };
        self.by((0, 0, Some(1)), start, Some(Rule::WakeOne { idle: 1 }));
        self.later();
        self.by((1, 1, None), Event::PAcquire { p: PId(1) }, None);
        let gs: Vec<GId> = gs.map(GId).collect();
        let (taken, last) = (gs.len() as u32, gs.last().copied().unwrap_or_default());
        let steal = Event::Steal { thief: PId(1), victim: PId(0), attempt: 0, of, gs };
        self.later().by((1, 1, None), steal, Some(Rule::StealHalf { of, taken }));
        self.by((1, 1, None), Event::MSpin { m: MId(1), on: false, spinning: 0 }, None);
        let event = Event::GoStart { g: last, from: Queue::Hand, tick: 1 };
        self.later().by((1, 1, None), event, Some(Rule::RunsFromHand { tick: 1 }))
    }

    /// The goroutine on P1 parks and another is taken from the global queue, if there is one.
    pub(crate) fn park(&mut self, g: u64) -> &mut Self {
        let event = Event::GoPark { g: GId(g), why: WaitReason::Sleep, on: None };
        self.later().by((1, 1, Some(g)), event, Some(Rule::ParkUntilReady {}))
    }

    /// It is made ready again by main.
    pub(crate) fn ready(&mut self, g: u64) -> &mut Self {
        let event = Event::GoReady { g: GId(g), to: Queue::Global };
        self.later().by((0, 0, Some(1)), event, None);
        let get =
            Event::GlobalGet { p: PId(1), gs: vec![GId(g)], why: GlobalWhy::LocalEmpty, left: 0 };
        let rule = Rule::GlobalBatch { size: 1, procs: 2, taken: 1 };
        self.later().by((1, 1, None), get, Some(rule));
        let event = Event::GoStart { g: GId(g), from: Queue::Hand, tick: 2 };
        self.later().by((1, 1, None), event, Some(Rule::RunsFromHand { tick: 2 }))
    }

    /// Main returns.
    pub(crate) fn end(&mut self) -> &mut Self {
        let exit = Event::GoExit { g: GId(1), how: ExitKind::Returned };
        self.later().by((0, 0, Some(1)), exit, None);
        let end = Event::RunEnd { how: EndKind::Returned, text: String::new() };
        self.later().by((0, 0, None), end, Some(Rule::MainReturns { left: 5 }))
    }
}

/// A run in which P1 steals three of six from P0, with `rounds` of parking after it.
pub(crate) fn stealing(rounds: usize) -> Vec<Record> {
    let mut script = Script::default();
    script.start().make(2..=8).steal(2..=4, 6);
    for _ in 0..rounds {
        script.park(4).ready(4);
    }
    script.end();
    script.records
}

/// A lesson for that run.
pub(crate) const LESSON: &str = "\
---
program: stealing
procs: 2
seed: 7
---
# Work stealing
Somebody has too much.

## One P gets everything
when: GoCreate #2
Main makes goroutines on one P.
- say SlotKick: {g} must go: there is one slot.

## The thief
when: MStart
Another M looks for work.

### ask Steal
How many of the {of} of {victim} does it take?
1. one => taken == 1
2. half of them => taken == half_up
3. all => taken == of
why: It took {taken}, half of {of}.

## Parking
when: GoPark
Nobody must wait for ever.
- say* GoPark: {g} parks: {why}.
";

/// An app with the run of `records` in the lab, and the program behind it.
pub(crate) struct Bench {
    pub(crate) app: App,
    /// What the program does in the end.
    pub(crate) records: Vec<Record>,
    /// How much of that it has done.
    pub(crate) done: usize,
    /// Every command it was given.
    pub(crate) sent: Vec<Command>,
    /// Effects that are not for the program.
    pub(crate) others: Vec<Effect>,
    /// Whether it answers at once; if not, commands only pile up in `sent`.
    pub(crate) answers: bool,
    ended: bool,
}

impl Bench {
    /// The program is connected and stands at its first gate.
    pub(crate) fn lab(records: Vec<Record>, lesson: Option<&str>) -> Self {
        let mut bench = Self::begin(records, lesson, Source::Program(Drive::Lab));
        bench.news(News::Connected);
        bench.news(News::Paused { seq: 0, time: Nanos(0) });
        bench
    }

    /// A recording that is read.
    pub(crate) fn recording(records: Vec<Record>, lesson: Option<&str>) -> Self {
        let mut bench = Self::begin(Vec::new(), lesson, Source::Recording);
        bench.news(News::Records(records));
        bench.news(News::Ended { how: String::new(), well: true });
        bench
    }

    /// Launched, but with nobody there yet.
    pub(crate) fn begin(records: Vec<Record>, lesson: Option<&str>, source: Source) -> Self {
        let lesson = lesson.map(|text| Lesson::parse(text).expect("the lesson is right"));
        let mut bench = Self {
            app: App::new(Theme::default(), Vec::new()),
            records,
            done: 0,
            sent: Vec::new(),
            others: Vec::new(),
            answers: source == Source::Program(Drive::Lab),
            ended: false,
        };
        let run = Run {
            id: 1,
            name: "stealing".to_owned(),
            title: "Work stealing".to_owned(),
            source,
            seed: Some(7),
            lesson,
            tempo: None,
        };
        bench.act(Action::Launched(Box::new(run)));
        bench
    }

    pub(crate) fn wish(&mut self, wish: Wish) {
        self.act(Action::Wish(wish));
    }

    pub(crate) fn news(&mut self, news: News) {
        self.act(Action::News { run: 1, news });
    }

    pub(crate) fn tick(&mut self, ms: u64) {
        self.act(Action::Tick { elapsed: std::time::Duration::from_millis(ms) });
    }

    /// Lets something happen, and lets the program answer.
    pub(crate) fn act(&mut self, action: Action) {
        let effects = self.app.update(action);
        for effect in effects {
            match effect {
                Effect::Send(command) => {
                    self.sent.push(command.clone());
                    if self.answers {
                        self.obey(&command);
                    }
                }
                Effect::Redraw => {}
                other => self.others.push(other),
            }
        }
    }

    /// Does what a program in the lab does.
    fn obey(&mut self, command: &Command) {
        let from = self.done;
        match command {
            Command::Step { .. } => {
                while let Some(record) = self.records.get(self.done) {
                    self.done += 1;
                    if record.is_decision() {
                        break;
                    }
                }
                // What belongs to the same moment comes before the next gate.
                while let (Some(now), Some(next)) =
                    (self.records.get(self.done - 1), self.records.get(self.done))
                {
                    if now.time != next.time || next.is_decision() {
                        break;
                    }
                    self.done += 1;
                }
            }
            Command::RunToSeq { seq } => {
                self.done = (*seq as usize).clamp(from, self.records.len());
            }
            _ => return,
        }
        self.news(News::Running);
        if self.done > from {
            self.news(News::Records(self.records[from..self.done].to_vec()));
        }
        if self.done == self.records.len() && !self.ended {
            self.ended = true;
            self.news(News::Ended { how: "main returned".to_owned(), well: true });
        } else if !self.ended {
            let seq = self.done as u64;
            self.news(News::Paused { seq, time: self.records[self.done - 1].time });
        }
    }

    /// Ticks like a stage until nothing moves or a thousand frames have gone by.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            match self.app.wake() {
                gopark_tui::app::Wake::Never => return,
                gopark_tui::app::Wake::Frame => self.tick(33),
                gopark_tui::app::Wake::After(time) => {
                    self.act(Action::Tick { elapsed: time });
                }
            }
        }
        panic!("it never comes to rest");
    }

    /// One decision forward, to its end.
    pub(crate) fn step(&mut self) {
        self.wish(Wish::StepForward);
        self.settle();
    }

    /// Decisions forward to the end of the step that ends at `to`.
    pub(crate) fn steps_to(&mut self, to: u64) {
        while self.app.at() < to {
            let from = self.app.at();
            self.step();
            assert!(self.app.at() > from, "it stands at {from}");
        }
        assert_eq!(self.app.at(), to);
    }

    /// What the lesson says now.
    pub(crate) fn words(&mut self) -> String {
        self.app.scene().narration.text
    }

    /// What the event was.
    pub(crate) fn event(&mut self) -> String {
        self.app.scene().narration.event
    }

    /// Everything at rest that must be the same whichever way one came here.
    pub(crate) fn picture(&mut self) -> String {
        let scene = self.app.scene();
        format!("{:?}\n{:?}\n{:?}", scene.world, scene.narration, scene.recent)
    }
}

/// A number below `n`, from a seed that goes on.
pub(crate) fn roll(seed: &mut u64, n: u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % n.max(1)
}
