//! Processors as lanes of two rows: the state, and below it the gutter in which tokens travel.
//!
//! ```text
//! ┌P0┐ /M1\─(7)  ██████░░░░ 6.2ms │ slot (8)  ring 3 (9)(10)(11)
//! └──┘ worker
//! ```

use ratatui::layout::Rect;

use super::{at_rest, doing, longest, name_on, p_style, slice, slice_text};
use crate::charset::ROOM;
use crate::theme::Ink;
use crate::view::census::{Lane, Queue};
use crate::view::marks::Spot;
use crate::view::pen::{Pen, cut, width};
use crate::view::stage::{Flow, Stage, circle, put_g, put_m, triangle};

/// Where the fields of all lanes begin.
#[derive(Debug, Clone, Copy)]
struct Fields {
    m: u16,
    bar: u16,
    bar_len: u16,
    wall: u16,
    slot: u16,
    ring: u16,
    end: u16,
}

impl Fields {
    fn of(stage: &Stage<'_>, area: Rect) -> Self {
        let census = &stage.census;
        let name = longest(census, |l| width(&l.p.id.to_string()) + 2);
        let on = longest(census, |l| {
            let m = l.m.map_or(0, |m| width(&triangle(m.id)));
            let g = l.load.on.first().map_or(0, |g| width(&circle(*g)) + 1);
            m + g.max(5)
        });
        let m = area.x + name + 1;
        let bar = m + on.clamp(10, area.width / 4) + 1;
        let bar_len = match area.width {
            0..72 => 6,
            72..100 => 10,
            _ => 16,
        };
        let wall = bar + bar_len + 8;
        let slot = wall + 2;
        let token = longest(census, |l| l.slot.head.first().map_or(1, |g| width(&circle(*g))));
        let ring = slot + 5 + token.max(4) + 1;
        Self { m, bar, bar_len, wall, slot, ring, end: area.right() }
    }
}

/// Draws the processors as lanes.
pub(super) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let fields = Fields::of(stage, area);
    pen.marks.corridor = Some(fields.wall);
    for (i, lane) in stage.census.lanes.iter().enumerate() {
        let y = area.y + 2 * i as u16;
        pen.marks.gutters.push(y + 1);
        left(stage, lane, area.x, y, fields, pen);
        right(stage, lane, y, fields, pen);
    }
}

/// The processor, its thread, what that runs, and its time slice.
fn left(stage: &Stage<'_>, lane: &Lane<'_>, x: u16, y: u16, at: Fields, pen: &mut Pen<'_>) {
    name(stage, lane, x, y, pen);
    let (word, ink) = doing(stage, lane);
    let mut end = at.m;
    if let Some(m) = lane.m {
        end = put_m(stage, m.id, lane.coming, (at.m, y), pen);
        pen.marks.tail(Spot::On(m.id), end + 1, y);
        end = load(stage, lane, m.id, (end, y), at, pen);
    }
    match slice(stage, lane) {
        Some((part, ran)) => {
            let (text, over) = slice_text(ran);
            pen.bar(at.bar, y, at.bar_len, part, Ink::Running);
            pen.put(at.bar + at.bar_len + 1, y, 7, &text, pen.ink(over));
        }
        None => {
            let x = if lane.m.is_some() { at.bar.max(end + 1) } else { at.m };
            pen.put(x, y, at.wall.saturating_sub(x), word, pen.ink(ink));
        }
    }
    let room = at.wall.saturating_sub(at.m + 1);
    let below = match (name_on(stage, lane), ink) {
        (Some(name), _) => cut(name, room),
        (None, Ink::Syscall) => cut(word, room),
        (None, _) => return,
    };
    pen.put(at.m, y + 1, room, &below, pen.ink(Ink::Label));
}

/// The rectangle of the processor.
fn name(stage: &Stage<'_>, lane: &Lane<'_>, x: u16, y: u16, pen: &mut Pen<'_>) {
    let name = lane.p.id.to_string();
    let w = width(&name);
    let line = pen.ink(Ink::Line);
    let style = p_style(stage, lane, pen);
    pen.put_all(x, y, w + 2, &[("┌", line), (&name, style), ("┐", line)]);
    let flat = if at_rest(lane) { "┄" } else { "─" }.repeat(usize::from(w));
    pen.put_all(x, y + 1, w + 2, &[("└", line), (&flat, line), ("┘", line)]);
    pen.marks.ps.insert(lane.p.id, Rect::new(x + 1, y, w, 1));
}

/// What the thread runs or has in hand, right after its token.
fn load(
    stage: &Stage<'_>,
    lane: &Lane<'_>,
    m: gopark_trace::MId,
    (x, y): (u16, u16),
    at: Fields,
    pen: &mut Pen<'_>,
) -> u16 {
    let mut x = x;
    if let [g, rest @ ..] = &lane.load.on[..] {
        x = pen.put(x, y, 1, "─", pen.ink(Ink::Line));
        x = put_g(stage, *g, (x, y), pen);
        let queue = Queue { head: rest.to_vec(), total: rest.len() };
        x = Flow::row(x, y, 8, Spot::On(m)).draw(stage, &queue, pen).0;
    }
    if !lane.load.hand.is_empty() {
        let room = at.wall.saturating_sub(x + 6);
        x = pen.put(x, y, 6, " hand ", pen.ink(Ink::Label));
        let queue = Queue { head: lane.load.hand.clone(), total: lane.load.hand.len() };
        x = Flow::row(x, y, room, Spot::Hand(m)).draw(stage, &queue, pen).0;
    }
    x
}

/// The slot and the ring.
fn right(stage: &Stage<'_>, lane: &Lane<'_>, y: u16, at: Fields, pen: &mut Pen<'_>) {
    let label = pen.ink(Ink::Label);
    pen.put(at.wall, y, 1, "│", pen.ink(Ink::Line));
    let x = pen.put(at.slot, y, 5, "slot ", label);
    if lane.slot.total == 0 {
        let mut sign = [0; 4];
        pen.put(x + 1, y, 1, ROOM.encode_utf8(&mut sign), pen.ink(Ink::Line));
    }
    let room = at.ring.saturating_sub(x);
    Flow::row(x, y, room, Spot::Slot(lane.p.id)).draw(stage, &lane.slot, pen);
    let x = pen.put(at.ring, y, 9, &format!("ring {} ", lane.ring.total), label);
    let room = at.end.saturating_sub(x + 1);
    Flow::row(x, y, room, Spot::Ring(lane.p.id)).draw(stage, &lane.ring, pen);
}
