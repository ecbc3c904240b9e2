//! Processors as big cards: the thread a triangle, the running goroutine a box.

use ratatui::layout::Rect;

use super::cards::{divider, ring_title, shell, slice_bar, slot};
use super::{doing, name_on};
use crate::theme::Ink;
use crate::view::big::{box_width, g_box, m_triangle};
use crate::view::census::{Lane, Queue};
use crate::view::marks::Spot;
use crate::view::pen::{Pen, cut, middle, width};
use crate::view::stage::{Flow, Stage, circle};

/// Rows from the top of a big card to the bar of its time slice.
const BAR_ROW: u16 = 7;

/// One big card.
pub(super) fn card(stage: &Stage<'_>, lane: &Lane<'_>, area: Rect, pen: &mut Pen<'_>) {
    let inner = shell(stage, lane, area, pen);
    let row = |i: u16| Rect {
        x: inner.x + 1,
        y: inner.y + i,
        width: inner.width.saturating_sub(2),
        height: 1,
    };
    let label = pen.ink(Ink::Label);
    thread(stage, lane, row(0), pen);
    load(stage, lane, row(4), pen);
    let named = u16::from(area.height >= 19);
    if let (1, Some(name)) = (named, name_on(stage, lane)) {
        let name = cut(name, row(0).width);
        pen.put(middle(row(0), width(&name)), row(BAR_ROW).y, row(0).width, &name, label);
    }
    let at = row(BAR_ROW + named);
    slice_bar(stage, lane, (at.x, at.y, at.width), pen);
    divider(lane, area, row(BAR_ROW + 1 + named).y, "slot", pen);
    let at = row(BAR_ROW + 2 + named);
    let token = lane.slot.head.first().map_or(1, |g| width(&circle(*g)));
    let x = middle(at, token);
    slot(stage, lane, (x, at.y, at.right().saturating_sub(x)), pen);
    divider(lane, area, row(BAR_ROW + 3 + named).y, &ring_title(lane, area), pen);
    let top = row(BAR_ROW + 4 + named);
    let rows = inner.bottom().saturating_sub(top.y);
    let flow =
        Flow { area: Rect { height: rows, ..top }, indent: 0, gap: 1, spot: Spot::Ring(lane.p.id) };
    flow.draw(stage, &lane.ring, pen);
}

/// The thread of a card.
fn thread(stage: &Stage<'_>, lane: &Lane<'_>, row: Rect, pen: &mut Pen<'_>) {
    let label = pen.ink(Ink::Label);
    let Some(m) = lane.m else {
        pen.put(middle(row, 13), row.y + 2, row.width, "no M attached", label);
        return;
    };
    let centre = row.x + row.width / 2;
    m_triangle(stage, m.id, lane.coming, (centre, row.y), pen);
    if lane.coming {
        pen.put(middle(row, 5), row.y + 3, 5, "comes", label);
    } else if !lane.load.on.is_empty() {
        pen.put(centre - 1, row.y + 3, 2, "││", pen.ink(Ink::Line));
    }
}

/// What the thread of a card runs or has in hand, in three rows.
fn load(stage: &Stage<'_>, lane: &Lane<'_>, row: Rect, pen: &mut Pen<'_>) {
    let Some(m) = lane.m else { return };
    let centre = row.x + row.width / 2;
    if let [g] = lane.load.on[..]
        && lane.load.hand.is_empty()
    {
        let name = g.to_string();
        // An even width stands right below the triangle.
        let name = if name.len() % 2 == 0 { format!(" {name} ") } else { format!(" {name}  ") };
        let w = box_width(&name);
        let ink = doing(stage, lane).1;
        pen.put(row.x, row.y + 1, 1, pen.theme.glyph(ink), pen.ink(ink));
        g_box(stage, g, &name, (centre.saturating_sub(w / 2).max(row.x), row.y), pen);
        pen.marks.tail(Spot::On(m.id), centre.saturating_sub(2), row.y + 1);
        return;
    }
    pen.marks.tail(Spot::On(m.id), centre.saturating_sub(2), row.y + 1);
    let flow = |y, spot| Flow::row(row.x + 5, y, row.width.saturating_sub(5), spot);
    for (i, word, gs, spot) in
        [(0, "runs", &lane.load.on, Spot::On(m.id)), (1, "hand", &lane.load.hand, Spot::Hand(m.id))]
    {
        if gs.is_empty() {
            continue;
        }
        let y = row.y + i;
        pen.put(row.x, y, 4, word, pen.ink(Ink::Label));
        let queue = Queue { head: gs.clone(), total: gs.len() };
        flow(y, spot).draw(stage, &queue, pen);
    }
}
