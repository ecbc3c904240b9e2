//! Worlds and scenes to draw, made by folding records.

use gopark_model::World;
use gopark_trace::snapshot::{ChanSnap, GSnap, LockSnap, MSnap, PSnap, TimerSnap, WgSnap};
use gopark_trace::{
    Actor, Certainty, ChanId, Drive, Event, ExitKind, FdId, GId, GStatus, LockId, MId, Nanos, Obj,
    PId, Queue, Record, Rule, Snapshot, TimerId, TimerKind, WaitReason, WgId,
};
use gopark_tui::scene::{
    KeyHint, MenuCard, Narration, Overlay, PlayBar, QuestionCard, Scene, Selected,
};

/// A world on its way to be one, with the moment it is seen at.
#[derive(Debug, Default)]
pub(crate) struct Town {
    pub(crate) now: Nanos,
    pub(crate) state: Snapshot,
}

impl Town {
    pub(crate) fn at(now: u64) -> Self {
        Self { now: Nanos(now), ..Self::default() }
    }

    fn g(&mut self, g: u64, status: GStatus) -> &mut GSnap {
        self.state.gs.push(GSnap {
            g: GId(g),
            parent: (g != 1).then_some(GId(1)),
            name: None,
            site: None,
            status,
            wait: None,
            on: None,
            since: self.now.minus(Nanos(250_000)),
            locked_to: None,
            held_by: None,
        });
        self.state.gs.last_mut().expect("one was pushed")
    }

    /// A goroutine on its way from one queue to another.
    pub(crate) fn runnable(&mut self, g: u64) {
        self.g(g, GStatus::Runnable);
    }

    /// A processor with nobody in its queues.
    pub(crate) fn p(&mut self, p: u32, m: Option<u32>, ran: u64) -> &mut Self {
        self.state.ps.push(PSnap {
            p: PId(p),
            m: m.map(MId),
            slot: None,
            ring: Vec::new(),
            tick: 40 + p,
            slice_start: self.now.minus(Nanos(ran)),
        });
        self
    }

    /// The slot and the ring of the latest processor.
    pub(crate) fn queues(&mut self, slot: Option<u64>, ring: &[u64]) -> &mut Self {
        for g in slot.iter().chain(ring) {
            self.g(*g, GStatus::Runnable);
        }
        let p = self.state.ps.last_mut().expect("a processor first");
        p.slot = slot.map(GId);
        p.ring = ring.iter().copied().map(GId).collect();
        self
    }

    /// A thread, what it has and what it runs.
    pub(crate) fn m(&mut self, m: u32, p: Option<u32>, g: Option<u64>) -> &mut MSnap {
        if let Some(g) = g {
            self.g(g, GStatus::Running);
        }
        self.state.ms.push(MSnap {
            m: MId(m),
            p: p.map(PId),
            g: g.map(GId),
            hand: Vec::new(),
            spinning: false,
            polling: false,
            next_p: None,
        });
        self.state.ms.last_mut().expect("one was pushed")
    }

    pub(crate) fn idle_m(&mut self, m: u32) -> &mut Self {
        self.m(m, None, None);
        self.state.idle_ms.push(MId(m));
        self
    }

    pub(crate) fn idle_p(&mut self, p: u32) -> &mut Self {
        self.p(p, None, 0);
        self.state.idle_ps.push(PId(p));
        self
    }

    pub(crate) fn global(&mut self, gs: impl IntoIterator<Item = u64>) -> &mut Self {
        for g in gs {
            self.g(g, GStatus::Runnable);
            self.state.global.push(GId(g));
        }
        self
    }

    pub(crate) fn parked(&mut self, g: u64, why: WaitReason, on: Option<Obj>) -> &mut Self {
        let g = self.g(g, GStatus::Waiting);
        (g.wait, g.on) = (Some(why), on);
        self
    }

    pub(crate) fn chan(&mut self, id: u32, name: &str, len: u32, cap: u32) -> &mut ChanSnap {
        self.state.chans.push(ChanSnap {
            chan: ChanId(id),
            name: Some(name.to_owned()),
            cap,
            len,
            closed: false,
            recvq: Vec::new(),
            sendq: Vec::new(),
        });
        self.state.chans.last_mut().expect("one was pushed")
    }

    pub(crate) fn receivers(&mut self, chan: u32, gs: &[u64]) -> &mut Self {
        for g in gs {
            self.parked(*g, WaitReason::ChanReceive, Some(Obj::Chan(ChanId(chan))));
            let chan = self.state.chans.iter_mut().find(|c| c.chan.0 == chan);
            chan.expect("a channel first").recvq.push(GId(*g));
        }
        self
    }

    pub(crate) fn senders(&mut self, chan: u32, gs: &[u64]) -> &mut Self {
        for g in gs {
            self.parked(*g, WaitReason::ChanSend, Some(Obj::Chan(ChanId(chan))));
            let chan = self.state.chans.iter_mut().find(|c| c.chan.0 == chan);
            chan.expect("a channel first").sendq.push(GId(*g));
        }
        self
    }

    pub(crate) fn lock(&mut self, id: u32, name: &str, owner: u64, waiters: &[u64]) -> &mut Self {
        for g in waiters {
            self.parked(*g, WaitReason::MutexLock, Some(Obj::Lock(LockId(id))));
        }
        self.state.locks.push(LockSnap {
            lock: LockId(id),
            name: Some(name.to_owned()),
            owner: Some(GId(owner)),
            waiters: waiters.iter().copied().map(GId).collect(),
            starving: false,
        });
        self
    }

    pub(crate) fn wg(&mut self, id: u32, counter: i64, waiters: &[u64]) -> &mut Self {
        for g in waiters {
            self.parked(*g, WaitReason::WaitGroupWait, Some(Obj::Wg(WgId(id))));
        }
        self.state.wgs.push(WgSnap {
            wg: WgId(id),
            name: None,
            counter,
            waiters: waiters.iter().copied().map(GId).collect(),
        });
        self
    }

    pub(crate) fn sleeper(&mut self, g: u64, p: u32, left: u64) -> &mut Self {
        self.parked(g, WaitReason::Sleep, Some(Obj::Timer(TimerId(g))));
        self.state.timers.push(TimerSnap {
            timer: TimerId(g),
            p: PId(p),
            when: self.now.plus(Nanos(left)),
            kind: TimerKind::Sleep,
            g: Some(GId(g)),
        });
        self
    }

    pub(crate) fn named(&mut self, g: u64, name: &str) -> &mut Self {
        for known in &mut self.state.gs {
            if known.g == GId(g) {
                known.name = Some(name.to_owned());
            }
        }
        self
    }

    /// The world of a run that has come so far.
    pub(crate) fn world(&self) -> World {
        let mut world = World::new();
        let procs = self.state.ps.len() as u32;
        let program = "fanout".to_owned();
        let start = Event::RunStart { drive: Drive::Lab, seed: 7, procs, program, step_ns: 100 };
        world.apply(&record(0, Nanos(0), Actor::default(), start));
        let state = Box::new(self.state.clone());
        world.apply(&record(41, self.now, Actor::default(), Event::Snapshot { state }));
        world
    }
}

pub(crate) fn record(seq: u64, time: Nanos, actor: Actor, event: Event) -> Record {
    Record { seq, time, actor, site: None, rule: None, certainty: Certainty::Observed, event }
}

/// Four Ps: P0 and P2 busy, P1 spinning, P3 idle; things to wait for.
pub(crate) fn fanout() -> Town {
    let mut town = Town::at(23_400_000);
    town.p(0, Some(0), 6_200_000).queues(Some(8), &[9, 10, 11]).m(0, Some(0), Some(7));
    town.p(1, Some(1), 300_000).m(1, Some(1), None).spinning = true;
    town.state.spinning = 1;
    town.p(2, Some(2), 9_100_000).queues(Some(30), &[31, 32, 33, 34, 35, 36]);
    town.m(2, Some(2), Some(5));
    town.idle_p(3);
    town.m(3, None, None).polling = true;
    town.idle_m(4).idle_m(5);
    town.global(12..=16);
    town.chan(1, "jobs", 3, 3);
    town.senders(1, &[17, 18]);
    town.chan(2, "results", 0, 0);
    town.receivers(2, &[22]);
    town.lock(1, "m", 7, &[24, 25]).wg(1, 4, &[1]).sleeper(23, 0, 2_000_000);
    town.named(7, "worker 3").named(5, "producer").named(1, "main");
    town
}

/// Everything that is rare: calls with and without a P, a held thread, a promised P, full hands.
pub(crate) fn rarities() -> World {
    let mut town = Town::at(40_000_000);
    town.p(0, Some(0), 12_400_000).queues(Some(8), &[9]).m(0, Some(0), Some(7));
    town.p(1, Some(1), 20_000).m(1, Some(1), None).hand = vec![GId(40), GId(41)];
    town.runnable(40);
    town.runnable(41);
    town.p(2, None, 0).m(2, None, None).next_p = Some(PId(2));
    town.p(3, Some(3), 15_000).m(3, Some(3), Some(5));
    for (m, g) in [(4, 3), (5, 19), (6, 20)] {
        town.m(m, None, Some(g));
    }
    town.chan(3, "done", 0, 1).closed = true;
    town.parked(50, WaitReason::Select, None).parked(51, WaitReason::Select, None);
    town.parked(52, WaitReason::IoWait, Some(Obj::Fd(FdId(3))));
    town.parked(53, WaitReason::Join, Some(Obj::Go(GId(7))));
    town.parked(54, WaitReason::ChanReceiveNil, None);
    let mut world = town.world();
    let call = |g| Event::SysEnter { g: GId(g), call: "read".to_owned(), blocking: false };
    for (m, event) in [(3, call(5)), (4, call(3)), (5, Event::MHeld { m: MId(5), g: GId(19) })] {
        let actor = Actor { m: Some(MId(m)), p: None, g: None };
        world.apply(&record(42, town.now, actor, event));
    }
    world
}

/// P1 steals half of P2's ring and runs the newest of them.
pub(crate) fn steal() -> Vec<Record> {
    let actor = Actor { m: Some(MId(1)), p: Some(PId(1)), g: None };
    let time = Nanos(23_400_100);
    let (thief, victim) = (PId(1), PId(2));
    let gs = vec![GId(31), GId(32), GId(33)];
    let mut steal = record(42, time, actor, Event::Steal { thief, victim, attempt: 1, of: 6, gs });
    steal.rule = Some(Rule::StealHalf { of: 6, taken: 3 });
    let calm = Event::MSpin { m: MId(1), on: false, spinning: 0 };
    let start = Event::GoStart { g: GId(33), from: Queue::Hand, tick: 42 };
    vec![steal, record(43, time, actor, calm), record(44, time, actor, start)]
}

/// The latest events; in the program's own words, so that pictures stay when ours get better.
pub(crate) fn recent() -> Vec<Record> {
    let log = |text: &str| Event::UserLog { text: text.to_owned() };
    let end = Event::GoExit { g: GId(20), how: ExitKind::Returned };
    [end, log("G7 takes job 12"), log("P1 looks for work"), log("G17 waits for room in jobs")]
        .into_iter()
        .zip(38..)
        .map(|(event, seq)| record(seq, Nanos(23_400_000), Actor::default(), event))
        .collect()
}

/// G7 parks on a channel, and the goroutine in the slot of its P takes over.
pub(crate) fn park() -> Vec<Record> {
    let actor = |g| Actor { m: Some(MId(0)), p: Some(PId(0)), g };
    let time = Nanos(23_400_100);
    let on = Some(Obj::Chan(ChanId(2)));
    let park = Event::GoPark { g: GId(7), why: WaitReason::ChanReceive, on };
    let start = Event::GoStart { g: GId(8), from: Queue::Slot(PId(0)), tick: 40 };
    vec![record(42, time, actor(Some(GId(7))), park), record(43, time, actor(None), start)]
}

/// G7 readies G22, which kicks G8 out of the slot, and an idle M is woken for the idle P.
pub(crate) fn ready() -> Vec<Record> {
    let actor = Actor { m: Some(MId(0)), p: Some(PId(0)), g: Some(GId(7)) };
    let time = Nanos(23_400_100);
    let (p, slot) = (PId(0), Queue::Slot(PId(0)));
    [
        Event::SlotKick { p, g: GId(8), to: Queue::Ring(p) },
        Event::GoReady { g: GId(22), to: slot },
        Event::PGet { p: PId(3) },
        Event::MWake { m: MId(5), p: Some(PId(3)), spinning: true },
    ]
    .into_iter()
    .zip(42..)
    .map(|(event, seq)| record(seq, time, actor, event))
    .collect()
}

/// The ring of P0 is full: 129 goroutines go to the global queue.
pub(crate) fn overflow() -> (Town, Vec<Record>) {
    let mut town = Town::at(1_000_000);
    let ring: Vec<u64> = (18..274).collect();
    town.p(0, Some(0), 1_000_000).queues(Some(17), &ring).m(0, Some(0), Some(1));
    town.p(1, Some(1), 400_000).m(1, Some(1), Some(2));
    let actor = Actor { m: Some(MId(0)), p: Some(PId(0)), g: Some(GId(1)) };
    let time = Nanos(1_000_100);
    let gs: Vec<GId> = (18..146).chain([17]).map(GId).collect();
    let overflow = Event::RingOverflow { p: PId(0), gs };
    let create = Event::GoCreate { g: GId(274), parent: Some(GId(1)), to: Queue::Slot(PId(0)) };
    (town, vec![record(42, time, actor, overflow), record(43, time, actor, create)])
}

/// Many Ps, most of them busy, with rings of all lengths.
pub(crate) fn crowd(ps: u32) -> Town {
    let mut town = Town::at(5_000_000);
    let (mut next, mut m) = (1, 0);
    for p in 0..ps {
        if p % 7 == 6 {
            town.idle_p(p);
            continue;
        }
        town.p(p, Some(m), u64::from(p % 12) * 1_000_000);
        let len = [0, 1, 3, 9, 40, 180, 2][p as usize % 7];
        let ring: Vec<u64> = (next + 1..=next + len).collect();
        let slot = (p % 3 == 0).then_some(next + len + 1);
        town.queues(slot, &ring).m(m, Some(p), Some(next));
        next += len + 2;
        m += 1;
    }
    town.global(next..next + 60);
    town.chan(1, "jobs", 130, 256);
    town.receivers(1, &(next + 60..next + 100).collect::<Vec<_>>());
    for i in 0..20u64 {
        town.sleeper(next + 100 + i, 0, 1_000_000 * (i + 1));
    }
    town
}

/// The scene at `world`, with nothing moving.
pub(crate) fn scene(world: &World) -> Scene<'_> {
    Scene {
        title: "work stealing",
        world,
        moving: &[],
        fraction: 0.0,
        recent: &[],
        narration: narration(),
        question: None,
        play: PlayBar {
            playing: false,
            tempo: 0.25,
            at: 42,
            known: 97,
            complete: true,
            chapters: [(0, "start"), (20, "fan out"), (60, "steal")]
                .map(|(at, title)| (at, title.to_owned()))
                .to_vec(),
            drive: "lab, seed 7".to_owned(),
            per_frame: 0,
        },
        selected: None,
        overlay: Overlay::None,
        output: &[],
        hints: hints(),
        help: help(),
        notice: None,
    }
}

pub(crate) fn narration() -> Narration {
    Narration {
        chapter: Some((3, 9, "A thief takes half".to_owned())),
        text: "P1 ran out of work. It looked at its own queue, the global queue and the poller, \
               in this order, and found nothing. Now it picks a victim by chance."
            .to_owned(),
        event: "P1 steals G31, G32, G33 of 6 from P2".to_owned(),
        rule: Some((
            "half of 6, rounded up: the 3 oldest go, the newest of them runs now".to_owned(),
            "proc.go runqgrab",
        )),
        long: None,
    }
}

pub(crate) fn question() -> QuestionCard {
    QuestionCard {
        text: "Which goroutine does P1 run now?".to_owned(),
        choices: [
            "G31, the oldest it took",
            "G33, the newest it took",
            "G12, from the global queue",
        ]
        .map(str::to_owned)
        .to_vec(),
        chosen: None,
        right: None,
        why: "A thief keeps the others for its ring and runs the last one it took.".to_owned(),
    }
}

/// The scene of a lesson with everything open: question, selection, output, events.
pub(crate) fn lecture<'w>(
    world: &'w World,
    recent: &'w [Record],
    output: &'w [String],
) -> Scene<'w> {
    let mut scene = scene(world);
    scene.question = Some(question());
    scene.selected = Some(Selected::G(GId(7)));
    scene.recent = recent;
    scene.output = output;
    scene.play.playing = true;
    scene
}

pub(crate) fn printed() -> Vec<String> {
    ["0 squared is 0", "1 squared is 1", "2 squared is 4"].map(str::to_owned).to_vec()
}

fn hint(key: &str, does: &str) -> KeyHint {
    KeyHint { key: key.to_owned(), does: does.to_owned() }
}

pub(crate) fn hints() -> Vec<KeyHint> {
    [
        ("t", "theme"),
        ("m", "motion"),
        ("tab", "select"),
        ("n/p", "chapter"),
        ("↑/↓", "tempo"),
        ("q", "quit"),
        ("←/→", "step"),
        ("space", "play"),
        ("?", "help"),
    ]
    .map(|(key, does)| hint(key, does))
    .to_vec()
}

fn help() -> Vec<(String, Vec<KeyHint>)> {
    let section = |title: &str, keys: &[(&str, &str)]| {
        (title.to_owned(), keys.iter().map(|(key, does)| hint(key, does)).collect())
    };
    vec![
        section(
            "time",
            &[
                ("space", "play or pause"),
                ("←/→", "one decision back or forth"),
                (", .", "one event back or forth"),
                ("n p", "next or previous chapter"),
                ("↑/↓", "faster or slower"),
            ],
        ),
        section(
            "look",
            &[
                ("tab", "select the next goroutine"),
                ("o", "what the program prints"),
                ("L", "what the glyphs mean"),
                ("t", "theme"),
                ("m", "motion"),
            ],
        ),
        section("answer", &[("1-9", "answer the question"), ("enter", "why, at length")]),
        section("leave", &[("esc", "back"), ("q", "quit")]),
    ]
}

pub(crate) fn menu() -> MenuCard {
    let items = [
        ("fanout", "one P gets all the work, the others steal it"),
        ("pingpong", "two goroutines wake each other through the slot"),
        ("tick61", "why the global queue goes first every 61st tick"),
        ("mutex", "barging, starving and handing over"),
        ("deadlock", "all goroutines are asleep"),
    ];
    MenuCard { items: items.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec(), at: 2 }
}
