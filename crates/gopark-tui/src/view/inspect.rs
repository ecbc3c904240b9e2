//! The selected goroutine, thread, processor or object, in words.

use gopark_model::{Goroutine, MStatus, PStatus, Place, World};
use gopark_trace::{GId, MId, Obj, PId};
use ratatui::layout::Rect;

use super::pen::{Captions, Pen, cut};
use super::rich::put_rich;
use super::stage::{Stage, brief, ink_of};
use super::waiting::{buffer, named};
use crate::scene::Selected;
use crate::theme::Ink;

/// A line: what, and how it is.
type Fact = (&'static str, String);

/// Draws the selected thing.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let Some(selected) = stage.scene.selected else {
        return;
    };
    let world = stage.world;
    let (title, facts) = match selected {
        Selected::G(g) => (g.to_string(), goroutine(world, g)),
        Selected::M(m) => (m.to_string(), machine(world, m)),
        Selected::P(p) => (p.to_string(), processor(world, p)),
        Selected::Obj(obj) => (named(world, obj), object(world, obj)),
    };
    let inner = pen.frame(area, Captions { title: &title, ..Captions::default() });
    for (y, (what, how)) in (inner.y..inner.bottom()).zip(&facts) {
        pen.put(inner.x + 1, y, 9, what, pen.ink(Ink::Label));
        let mut x = inner.x + 10;
        if let ("state", Selected::G(g)) = (*what, selected)
            && let Some(g) = world.g(g)
        {
            let ink = ink_of(g.status, g.wait);
            x = pen.put(x, y, 2, pen.theme.glyph(ink), pen.ink(ink)) + 1;
        }
        let room = inner.right().saturating_sub(x);
        put_rich(pen, world, (x, y), room, &cut(how, room), Ink::Text);
    }
}

/// The selected thing in a few words.
pub(super) fn summary(world: &World, selected: Selected) -> String {
    let (title, facts) = match selected {
        Selected::G(g) => (g.to_string(), goroutine(world, g)),
        Selected::M(m) => (m.to_string(), machine(world, m)),
        Selected::P(p) => (p.to_string(), processor(world, p)),
        Selected::Obj(obj) => return named(world, obj),
    };
    let state = facts.into_iter().find(|(what, _)| *what == "state");
    format!("{title} {}", state.map_or("is not there".to_owned(), |(_, how)| how))
}

fn goroutine(world: &World, id: GId) -> Vec<Fact> {
    let Some(g) = world.g(id) else {
        return vec![("state", "has ended".to_owned())];
    };
    let mut facts = Vec::new();
    if let Some(name) = &g.name {
        facts.push(("name", name.clone()));
    }
    facts.push(("state", state(g)));
    facts.push(("since", format!("{} ago", brief(world.time().minus(g.since)))));
    if let Some(on) = g.on {
        facts.push(("for", named(world, on)));
    }
    let line = g.site.and_then(|site| world.site(site));
    let line = line.map(|(file, line)| format!("{file}:{line}"));
    match (g.parent, line) {
        (Some(parent), Some(line)) => facts.push(("made by", format!("{parent} at {line}"))),
        (Some(parent), None) => facts.push(("made by", parent.to_string())),
        (None, Some(line)) => facts.push(("made at", line)),
        (None, None) => {}
    }
    facts.push(("started", times(g.starts)));
    if let Some(work) = g.working {
        facts.push(("computes", format!("for {}", brief(work))));
    }
    facts
}

/// The state of a goroutine and where it is.
fn state(g: &Goroutine) -> String {
    let place = match g.place {
        Place::Slot(p) => format!(" in the slot of {p}"),
        Place::Ring(p) => format!(" in the ring of {p}"),
        Place::Global => " in the global queue".to_owned(),
        Place::Hand(m) => format!(", taken by {m}"),
        Place::Running(m) | Place::Syscall(m) => format!(" on {m}"),
        Place::Waiting | Place::Gone => String::new(),
    };
    match g.wait {
        Some(why) => format!("{}: {why}", g.status),
        None => format!("{}{place}", g.status),
    }
}

fn times(n: u32) -> String {
    match n {
        0 => "not yet".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

fn machine(world: &World, id: MId) -> Vec<Fact> {
    let Some(m) = world.m(id) else {
        return Vec::new();
    };
    let state = match m.status {
        MStatus::Starting => "starting",
        MStatus::Running => "running",
        MStatus::Spinning => "spinning: looks for work",
        MStatus::Idle => "idle, asleep",
        MStatus::Polling => "waits in the poller",
        MStatus::Syscall => "in a system call",
        MStatus::Held => "suspended with its goroutine",
        MStatus::WaitLocked => "waits for its tied goroutine",
        MStatus::Ended => "has ended",
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let mut facts = vec![
        ("state", state.to_owned()),
        ("has P", or_none(m.p.map(|p| p.to_string()))),
        ("runs", or_none(m.g.map(|g| g.to_string()))),
    ];
    if let Some(p) = m.next_p {
        facts.push(("gets", p.to_string()));
    }
    if !m.hand.is_empty() {
        facts.push(("in hand", list(&m.hand)));
    }
    facts
}

fn processor(world: &World, id: PId) -> Vec<Fact> {
    let Some(p) = world.p(id) else {
        return Vec::new();
    };
    let state = match p.status {
        PStatus::Idle => "idle",
        PStatus::Running => "running",
        PStatus::Promised => "promised to a thread",
        PStatus::Stopped => "stopped",
        PStatus::Dead => "gone",
    };
    // A pick at a multiple of 61 looks at the global queue first.
    let next = p.tick.div_ceil(61) * 61;
    vec![
        ("state", state.to_owned()),
        ("thread", p.m.map_or("none".to_owned(), |m| m.to_string())),
        ("tick", format!("{}, global queue first at {next}", p.tick)),
        ("slice", format!("began {} ago", brief(world.time().minus(p.slice_start)))),
        ("slot", p.slot.map_or("empty".to_owned(), |g| g.to_string())),
        ("ring", format!("{} of 256", p.ring.len())),
    ]
}

fn object(world: &World, obj: Obj) -> Vec<Fact> {
    match obj {
        Obj::Chan(id) => match world.chan(id) {
            Some(c) => vec![
                ("buffer", format!("{} {} of {}", buffer(c.len, c.cap), c.len, c.cap)),
                ("closed", if c.closed { "yes" } else { "no" }.to_owned()),
                ("recvq", list(&c.recvq)),
                ("sendq", list(&c.sendq)),
            ],
            None => Vec::new(),
        },
        Obj::Lock(id) => match world.lock(id) {
            Some(l) => vec![
                ("owner", l.owner.map_or("none".to_owned(), |g| g.to_string())),
                ("readers", l.readers.to_string()),
                ("waiters", list(&l.waiters)),
                ("starving", if l.starving { "yes" } else { "no" }.to_owned()),
            ],
            None => Vec::new(),
        },
        Obj::Wg(id) => match world.wg(id) {
            Some(w) => vec![("counter", w.counter.to_string()), ("waiters", list(&w.waiters))],
            None => Vec::new(),
        },
        Obj::Timer(id) => match world.timers().find(|t| t.id == id) {
            Some(t) => vec![
                ("due in", brief(t.when.minus(world.time()))),
                ("does", t.kind.to_string()),
                ("heap of", t.p.to_string()),
            ],
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Goroutines by name; a queue can be long, a line is not.
fn list<'g>(gs: impl IntoIterator<Item = &'g GId>) -> String {
    let names: Vec<String> = gs.into_iter().take(40).map(ToString::to_string).collect();
    if names.is_empty() { "empty".to_owned() } else { names.join(" ") }
}
