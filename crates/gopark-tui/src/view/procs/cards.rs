//! Processors as cards, with the gutter in which tokens travel below them.
//!
//! ```text
//! ╭─ P1 ──── spinning ╮
//! │       /M3\        │
//! │        │          │
//! │ ►   ( 21 )        │
//! │ ███░░░░░░░░ 2.1ms │
//! │ slot (8)          │
//! ├─ ring 2/256 ──────┤
//! │ (9)(10)           │
//! ╰───────────────────╯
//! ```

use ratatui::layout::Rect;

use super::{RING, at_rest, column, doing, name_on, p_style, slice, slice_text};
use crate::charset::ROOM;
use crate::theme::Ink;
use crate::view::census::{Lane, Queue};
use crate::view::marks::Spot;
use crate::view::pen::{Captions, Pen, cut, middle, width};
use crate::view::stage::{Flow, Stage, put_m, triangle};

/// Draws one card.
pub(super) type Card = fn(&Stage<'_>, &Lane<'_>, Rect, &mut Pen<'_>);

/// Draws the processors as cards, `columns` beside each other.
pub(super) fn render(stage: &Stage<'_>, area: Rect, columns: u16, card: Card, pen: &mut Pen<'_>) {
    let lanes = &stage.census.lanes;
    let rows = (lanes.len() as u16).div_ceil(columns.max(1)).max(1);
    let height = area.height / rows;
    let gap = u16::from(area.width / columns.max(1) >= 22);
    for row in 0..rows {
        pen.marks.gutters.push(area.y + (row + 1) * height - 1);
    }
    for (i, lane) in lanes.iter().enumerate() {
        let (row, at) = (i as u16 / columns, i as u16 % columns);
        let part = column(area, at, columns, gap);
        let part = Rect { y: area.y + row * height, height: height.saturating_sub(1), ..part };
        card(stage, lane, part, pen);
    }
}

/// The frame of a card, with the name of the processor and what it does; returns what is inside.
pub(super) fn shell(stage: &Stage<'_>, lane: &Lane<'_>, area: Rect, pen: &mut Pen<'_>) -> Rect {
    let (word, ink) = doing(stage, lane);
    let captions = Captions { dashed: at_rest(lane), ..Captions::default() };
    let inner = pen.frame(area, captions);
    let name = lane.p.id.to_string();
    let title = Rect::new(area.x + 3, area.y, width(&name), 1);
    pen.put(title.x - 1, area.y, 1, " ", pen.ink(Ink::Line));
    pen.put_all(
        title.x,
        area.y,
        area.width.saturating_sub(4),
        &[(&name, p_style(stage, lane, pen)), (" ", pen.ink(Ink::Line))],
    );
    pen.marks.ps.insert(lane.p.id, title);
    let word_width = width(word) + 2;
    if title.right() + 1 + word_width <= area.right().saturating_sub(1) {
        let x = area.right() - word_width - 1 - u16::from(area.width > 16);
        pen.put_all(
            x,
            area.y,
            word_width,
            &[(" ", pen.ink(Ink::Line)), (word, pen.ink(ink)), (" ", pen.ink(Ink::Line))],
        );
    }
    inner
}

/// A line across a card with a title.
pub(super) fn divider(lane: &Lane<'_>, area: Rect, y: u16, title: &str, pen: &mut Pen<'_>) {
    let line = pen.ink(Ink::Line);
    let [left, flat, right] =
        if at_rest(lane) { ["┆", "┄", "┆"] } else { ["├", "─", "┤"] };
    pen.rule(area.x + 1, y, area.width.saturating_sub(2), flat, line);
    pen.put(area.x, y, 1, left, line);
    pen.put(area.right() - 1, y, 1, right, line);
    let label = cut(title, area.width.saturating_sub(5));
    let spans = [(" ", line), (&*label, pen.ink(Ink::Label)), (" ", line)];
    pen.put_all(area.x + 2, y, area.width.saturating_sub(3), &spans);
}

/// How long the ring is, and of how many if there is room to say so.
pub(super) fn ring_title(lane: &Lane<'_>, area: Rect) -> String {
    let long = format!("ring {}/{RING}", lane.ring.total);
    if width(&long) + 4 < area.width { long } else { format!("ring {}", lane.ring.total) }
}

/// The bar of the time slice, with how long it has been.
pub(super) fn slice_bar(
    stage: &Stage<'_>,
    lane: &Lane<'_>,
    (x, y, room): (u16, u16, u16),
    pen: &mut Pen<'_>,
) {
    let Some((part, ran)) = slice(stage, lane) else {
        if !at_rest(lane) {
            pen.bar(x, y, room.saturating_sub(7), 0.0, Ink::Running);
        }
        return;
    };
    let (text, ink) = slice_text(ran);
    let len = room.saturating_sub(7);
    pen.bar(x, y, len, part, Ink::Running);
    let end = x + room;
    pen.put_right(end, y, &text, pen.ink(ink));
}

/// The slot: its goroutine, or the sign that there is none.
pub(super) fn slot(
    stage: &Stage<'_>,
    lane: &Lane<'_>,
    (x, y, room): (u16, u16, u16),
    pen: &mut Pen<'_>,
) {
    if lane.slot.total == 0 {
        let mut sign = [0; 4];
        pen.put(x, y, 1, ROOM.encode_utf8(&mut sign), pen.ink(Ink::Line));
    }
    Flow::row(x, y, room, Spot::Slot(lane.p.id)).draw(stage, &lane.slot, pen);
}

/// What the thread of a card runs or has in hand.
fn load(stage: &Stage<'_>, lane: &Lane<'_>, row: Rect, pen: &mut Pen<'_>) {
    let Some(m) = lane.m else { return };
    let on = Queue { head: lane.load.on.clone(), total: lane.load.on.len() };
    if let [g] = lane.load.on[..]
        && lane.load.hand.is_empty()
    {
        let label = format!("( {} )", g.0);
        let x = middle(row, width(&label));
        pen.put(
            row.x,
            row.y,
            1,
            pen.theme.glyph(doing(stage, lane).1),
            pen.ink(doing(stage, lane).1),
        );
        let end = pen.put(x, row.y, row.width, &label, stage.g_style(g, pen));
        pen.marks.token(g, Rect::new(x, row.y, end - x, 1));
        pen.marks.tail(Spot::On(m.id), x, row.y);
        return;
    }
    let mut x = row.x;
    pen.marks.tail(Spot::On(m.id), middle(row, 5), row.y);
    if !lane.load.on.is_empty() {
        x = Flow::row(x, row.y, row.width / 2, Spot::On(m.id)).draw(stage, &on, pen).0;
    }
    if !lane.load.hand.is_empty() {
        let hand = Queue { head: lane.load.hand.clone(), total: lane.load.hand.len() };
        x = pen.put(x, row.y, row.width, "hand ", pen.ink(Ink::Label));
        let room = row.right().saturating_sub(x);
        Flow::row(x, row.y, room, Spot::Hand(m.id)).draw(stage, &hand, pen);
    }
}

/// One card.
pub(super) fn card(stage: &Stage<'_>, lane: &Lane<'_>, area: Rect, pen: &mut Pen<'_>) {
    let inner = shell(stage, lane, area, pen);
    let row = |i: u16| Rect {
        x: inner.x + 1,
        y: inner.y + i,
        width: inner.width.saturating_sub(2),
        height: 1,
    };
    let label = pen.ink(Ink::Label);
    match lane.m {
        Some(m) => {
            let asleep = lane.coming;
            let text = triangle(m.id);
            put_m(stage, m.id, asleep, (middle(row(0), width(&text)), inner.y), pen);
            if lane.coming {
                pen.put(middle(row(1), 5), row(1).y, 5, "comes", label);
            } else if !lane.load.on.is_empty() {
                pen.put(middle(row(1), 1), row(1).y, 1, "│", pen.ink(Ink::Line));
            }
        }
        None => {
            pen.put(middle(row(0), 4), inner.y, 4, "no M", label);
        }
    }
    load(stage, lane, row(2), pen);
    let named = u16::from(area.height >= 13);
    if let (1, Some(name)) = (named, name_on(stage, lane)) {
        let name = cut(name, row(3).width);
        pen.put(middle(row(3), width(&name)), row(3).y, row(3).width, &name, label);
    }
    let at = row(3 + named);
    slice_bar(stage, lane, (at.x, at.y, at.width), pen);
    let at = row(4 + named);
    let x = pen.put(at.x, at.y, at.width, "slot ", label);
    slot(stage, lane, (x, at.y, at.right().saturating_sub(x)), pen);
    divider(lane, area, row(5 + named).y, &ring_title(lane, area), pen);
    let top = row(6 + named);
    let rows = inner.bottom().saturating_sub(top.y);
    let flow =
        Flow { area: Rect { height: rows, ..top }, indent: 0, gap: 0, spot: Spot::Ring(lane.p.id) };
    flow.draw(stage, &lane.ring, pen);
}
