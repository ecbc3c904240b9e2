//! The tokens of a step on their way from one place to another.

use std::collections::HashSet;

use gopark_model::{Goroutine, Place, World};
use gopark_trace::{Event, GId, Record};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::route::{Route, ease};
use crate::charset::TRAIL;
use crate::theme::Ink;
use crate::view::census::Key;
use crate::view::marks::{Marks, Spot};
use crate::view::pen::{Pen, width};
use crate::view::stage::{Stage, circle, ink_of, triangle};

/// A train of more tokens than this is drawn as a few of them and their number.
const TRAIN: usize = 8;
/// So many of a long train are drawn.
const ENGINE: usize = 3;
/// How long after one token the next starts, of the time all have.
const STAGGER: f32 = 0.12;
/// The least time a token takes, of the time the longest way takes.
const SHORTEST: f32 = 0.35;
/// Cells of the trail.
const TAIL: u32 = 4;

/// One token, or a long train of them, on its way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    /// What is drawn: `(7)`, `/M1\`, `(1)(2)(3) ×129`.
    text: String,
    ink: Ink,
    /// Where it was; none if it is new.
    pub(super) from: Option<Rect>,
    /// Where it goes; none if it ends.
    pub(super) to: Option<Rect>,
    /// From where to where in words, if it is a goroutine.
    spots: (Option<Spot>, Option<Spot>),
}

impl Flight {
    /// The way from where it was to where it goes; none if it ends.
    fn route(&self, pen: &Pen<'_>) -> Option<Route> {
        let w = width(&self.text);
        let centred = |rect: Rect| {
            let x = (rect.x + rect.width / 2).saturating_sub(w / 2).max(pen.buf.area.x);
            Position::new(x, rect.y)
        };
        let to = self.to?;
        let from = self.from.unwrap_or(to);
        let (from, to) = (centred(from), centred(to));
        Some(Route::new(from, to, &pen.marks.gutters, pen.marks.corridor))
    }

    /// "ring of P2 ► ring of P1"; none for a thread.
    fn way(&self) -> Option<String> {
        let place = |spot: Spot| match spot {
            Spot::Slot(p) => format!("slot of {p}"),
            Spot::Ring(p) => format!("ring of {p}"),
            Spot::Global => "global queue".to_owned(),
            Spot::On(m) | Spot::Hand(m) => m.to_string(),
            Spot::Waiting(_) | Spot::Waiters => "waiting".to_owned(),
            Spot::Threads => "threads".to_owned(),
            Spot::Processors => "processors".to_owned(),
        };
        let (from, to) = self.spots;
        let from = from.map_or("new".to_owned(), place);
        let to = to.map_or("ends".to_owned(), place);
        (self.spots != (None, None)).then(|| format!("{from} ► {to}"))
    }
}

/// "(31)(32) ring of P2 ► ring of P1", one for all that go the same way, for who wants no motion.
pub(super) fn in_words(flights: &[Flight]) -> Vec<String> {
    let ways = flights.chunk_by(|a, b| a.spots == b.spots);
    let words = ways.filter_map(|group| {
        let tokens: String = group.iter().map(|f| f.text.as_str()).collect();
        group.first()?.way().map(|way| format!("{tokens} {way}"))
    });
    words.collect()
}

/// The goroutines that records speak of, each once, in their order.
pub(super) fn touched(moving: &[Record]) -> Vec<GId> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    for record in moving {
        for g in gs_of(&record.event) {
            if seen.insert(g) {
                order.push(g);
            }
        }
    }
    order
}

/// The goroutines an event may move.
fn gs_of(event: &Event) -> Vec<GId> {
    match event {
        Event::GoCreate { g, .. }
        | Event::GoReady { g, .. }
        | Event::GoStart { g, .. }
        | Event::GoPark { g, .. }
        | Event::GoYield { g, .. }
        | Event::GoPreempt { g, .. }
        | Event::GoExit { g, .. }
        | Event::SlotKick { g, .. }
        | Event::StealSlot { g, .. }
        | Event::MHeld { g, .. }
        | Event::MResume { g, .. }
        | Event::EmergencyRun { g, .. }
        | Event::SysEnter { g, .. }
        | Event::SysExit { g, .. } => vec![*g],
        Event::CoSwitch { from, to } => vec![*from, *to],
        Event::RingOverflow { gs, .. }
        | Event::RingPut { gs, .. }
        | Event::GlobalPut { gs, .. }
        | Event::GlobalGet { gs, .. }
        | Event::Steal { gs, .. }
        | Event::PollEnd { gs } => gs.clone(),
        _ => Vec::new(),
    }
}

/// Where a goroutine is, as a place on the stage.
fn spot_of(g: &Goroutine) -> Option<Spot> {
    Some(match g.place {
        Place::Slot(p) => Spot::Slot(p),
        Place::Ring(p) => Spot::Ring(p),
        Place::Global => Spot::Global,
        Place::Hand(m) => Spot::Hand(m),
        Place::Running(m) | Place::Syscall(m) => Spot::On(m),
        Place::Waiting => Spot::Waiting(Key::of(g)),
        Place::Gone => return None,
    })
}

/// What moves in a step, in the order it goes.
pub(super) fn flights(
    before: &Stage<'_>,
    after: &Stage<'_>,
    starts: &Marks,
    ends: &Marks,
) -> Vec<Flight> {
    let mut flights = trains(goroutines(before, after, starts, ends));
    flights.extend(machines(before.world, after.world, starts, ends));
    flights
}

/// The goroutines whose place has changed.
fn goroutines(before: &Stage<'_>, after: &Stage<'_>, starts: &Marks, ends: &Marks) -> Vec<Flight> {
    let mut flights = Vec::new();
    for g in touched(before.scene.moving) {
        let (was, is) = (before.world.g(g), after.world.g(g));
        let spots = (was.and_then(spot_of), is.and_then(spot_of));
        if spots.0 == spots.1 {
            continue;
        }
        let ink = is.map_or(Ink::Dead, |g| ink_of(g.status, g.wait));
        let from = place_of(g, spots.0, starts).or_else(|| maker(is, starts));
        let to = place_of(g, spots.1, ends);
        flights.push(Flight { text: circle(g), ink, from, to, spots });
    }
    flights
}

/// The token of `g`, or the place where it is counted.
fn place_of(g: GId, spot: Option<Spot>, marks: &Marks) -> Option<Rect> {
    let spot = spot?;
    let counted = || marks.place(spot).map(|at| Rect::new(at.x, at.y, 3, 1));
    marks.gs.get(&g).copied().or_else(counted)
}

/// The token of who made `g`.
fn maker(g: Option<&Goroutine>, marks: &Marks) -> Option<Rect> {
    marks.gs.get(&g?.parent?).copied()
}

/// The threads that got or lost a processor.
fn machines(before: &World, after: &World, starts: &Marks, ends: &Marks) -> Vec<Flight> {
    let mut flights = Vec::new();
    for m in after.ms() {
        let old = before.m(m.id);
        if old.is_some_and(|old| old.p == m.p && old.next_p == m.next_p) {
            continue;
        }
        let from = starts.ms.get(&m.id).copied();
        let from = from.or_else(|| {
            let at = starts.place(Spot::Threads)?;
            Some(Rect::new(at.x, at.y, 4, 1))
        });
        let to = ends.ms.get(&m.id).copied();
        if from != to && to.is_some() {
            flights.push(Flight {
                text: triangle(m.id),
                ink: Ink::Text,
                from,
                to,
                spots: (None, None),
            });
        }
    }
    flights
}

/// Joins those that go the same way, where they are many.
fn trains(flights: Vec<Flight>) -> Vec<Flight> {
    let mut joined: Vec<Flight> = Vec::new();
    for group in flights.chunk_by(|a, b| a.spots == b.spots) {
        if group.len() <= TRAIN {
            joined.extend_from_slice(group);
            continue;
        }
        let engine: String = group.iter().take(ENGINE).map(|f| f.text.as_str()).collect();
        let mut train = group[0].clone();
        train.text = format!("{engine} ×{}", group.len());
        joined.push(train);
    }
    joined
}

/// Draws the tokens after `part` (0 to 1) of the time they have.
pub(super) fn draw(flights: &[Flight], part: f32, pen: &mut Pen<'_>) {
    let n = flights.len().max(1) as f32;
    let stagger = STAGGER.min(0.6 / n);
    let most = 1.0 - stagger * (n - 1.0);
    let routes: Vec<Option<Route>> = flights.iter().map(|f| f.route(pen)).collect();
    let longest = routes.iter().flatten().map(Route::length).max().unwrap_or(1).max(1);
    // A short way takes less time, so that a token does not overtake the one before it.
    let takes = |i: usize| {
        let length = routes[i].as_ref().map_or(longest, Route::length);
        most * (length as f32 / longest as f32).clamp(SHORTEST, 1.0)
    };
    let clock = |i: usize| ((part - stagger * i as f32) / takes(i)).clamp(0.0, 1.0);
    // Grounds first, so that no ghost hides a token on its way.
    for (i, flight) in flights.iter().enumerate() {
        if clock(i) > 0.0 {
            ghost(flight, pen);
            outline(flight, pen);
        }
    }
    for (i, flight) in flights.iter().enumerate().rev() {
        let t = clock(i);
        if t > 0.0 {
            sprite(flight, routes[i].as_ref(), ease(t), pen);
        }
    }
}

/// What is left of a token where it was.
fn ghost(flight: &Flight, pen: &mut Pen<'_>) {
    let (Some(from), Some(_)) = (flight.from, flight.to) else {
        return;
    };
    // A new goroutine leaves nothing: its source is its maker.
    if flight.spots.0.is_none() && flight.ink != Ink::Text {
        return;
    }
    let style = pen.theme.faded(Ink::Label, 0.55);
    restyle(from, style, pen);
}

/// Where a token will be, if nothing stands there.
fn outline(flight: &Flight, pen: &mut Pen<'_>) {
    let Some(to) = flight.to else { return };
    let style = pen.ink(Ink::Line);
    let edges = if flight.text.starts_with('/') { ["/", "\\"] } else { ["(", ")"] };
    if blank(to, pen) && to.width >= 2 {
        pen.put(to.x, to.y, 1, edges[0], style);
        pen.put(to.right() - 1, to.y, 1, edges[1], style);
    }
}

/// The token itself, with its trail.
fn sprite(flight: &Flight, route: Option<&Route>, part: f32, pen: &mut Pen<'_>) {
    let w = width(&flight.text);
    let style = pen.bold(flight.ink);
    let Some(route) = route else {
        if let Some(from) = flight.from {
            restyle(from, pen.ink(Ink::Dead), pen);
        }
        return;
    };
    // What has arrived leaves no trail, and takes the place of what was there.
    let arrived = part >= 1.0;
    if let (true, Some(to)) = (arrived, flight.to) {
        pen.clear(to, Ink::Text);
    }
    let tail = if arrived { 0 } else { TAIL };
    for (i, at) in route.trail(part, tail).into_iter().enumerate() {
        let at = Position::new(at.x + w / 2, at.y);
        let around = Rect::new(at.x.saturating_sub(1), at.y, 3, 1);
        if blank(around, pen) {
            let style = pen.theme.faded(flight.ink, 0.25 + 0.15 * i as f32);
            pen.put(at.x, at.y, 1, TRAIL, style);
        }
    }
    let at = route.at(part);
    let x = at.x.min(pen.buf.area.right().saturating_sub(w));
    pen.put(x, at.y, w, &flight.text, style);
}

/// Whether nothing is drawn on `rect` but trails.
fn blank(rect: Rect, pen: &Pen<'_>) -> bool {
    let cells = (rect.left()..rect.right()).filter_map(|x| pen.buf.cell((x, rect.y)));
    cells.into_iter().all(|cell| cell.symbol() == " " || cell.symbol() == TRAIL)
}

/// Gives what is drawn on `rect` another style.
fn restyle(rect: Rect, style: Style, pen: &mut Pen<'_>) {
    for x in rect.left()..rect.right() {
        if let Some(cell) = pen.buf.cell_mut((x, rect.y)) {
            cell.modifier = ratatui::style::Modifier::empty();
            cell.set_style(style);
        }
    }
}
