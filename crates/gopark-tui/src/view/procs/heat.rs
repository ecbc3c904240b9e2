//! Hundreds of processors: one cell each, its height the ring, its ink what it does; goroutines
//! are numbers.

use ratatui::layout::Rect;

use super::doing;
use crate::charset::LOADS;
use crate::layout::heat_cells;
use crate::theme::Ink;
use crate::view::census::Lane;
use crate::view::marks::Spot;
use crate::view::pen::{Pen, width};
use crate::view::stage::{Stage, put_more};

/// Draws the processors as cells, and below them how many goroutines they have.
pub(super) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let lanes = &stage.census.lanes;
    let label = lanes.last().map_or(2, |l| width(&l.p.id.to_string())) + 1;
    let per_row = heat_cells(area.width, label);
    let rows = area.height.saturating_sub(1).max(1);
    // Where even cells are too many, one stands for several processors.
    let each = lanes.len().div_ceil(usize::from(per_row) * usize::from(rows)).max(1);
    for (i, group) in lanes.chunks(each).enumerate() {
        let (row, at) = (i as u16 / per_row, i as u16 % per_row);
        let y = area.y + row;
        if at == 0 {
            let name = group[0].p.id.to_string();
            pen.put(area.x, y, label, &name, pen.ink(Ink::Accent));
        }
        let x = area.x + label + at + at / 8;
        cell(stage, group, (x, y), pen);
    }
    pen.marks.tail(Spot::Processors, area.x + label, area.bottom().saturating_sub(1));
    counts(stage, each, area, pen);
}

/// The processors of `group` as one cell: the fullest ring, the liveliest state.
fn cell(stage: &Stage<'_>, group: &[Lane<'_>], (x, y): (u16, u16), pen: &mut Pen<'_>) {
    let queued = group.iter().map(|l| l.ring.total + l.slot.total).max().unwrap_or(0);
    let ink = group.iter().map(|l| doing(stage, l).1).find(|ink| *ink != Ink::Label);
    let ink = ink.unwrap_or(Ink::Label);
    let glyph = match (queued, ink) {
        (0, Ink::Label) => "·",
        (0, _) => pen.theme.glyph(ink),
        // Each step is four times the last: 1, 2-4, 5-16, … up to a full ring.
        (n, _) => LOADS[((n.ilog2() as usize).div_ceil(2) + 1).min(LOADS.len() - 1)],
    };
    pen.put(x, y, 1, glyph, pen.ink(ink));
    for lane in group {
        pen.marks.ps.insert(lane.p.id, Rect::new(x, y, 1, 1));
    }
}

/// How many goroutines the processors have, by where they are.
fn counts(stage: &Stage<'_>, each: usize, area: Rect, pen: &mut Pen<'_>) {
    let lanes = &stage.census.lanes;
    let sum = |part: fn(&Lane<'_>) -> usize| lanes.iter().map(part).sum::<usize>();
    let y = area.bottom().saturating_sub(1);
    let mut x = area.x;
    for (word, n) in [
        ("on Ms", sum(|l| l.load.on.len())),
        ("in hand", sum(|l| l.load.hand.len())),
        ("in slots", sum(|l| l.slot.total)),
        ("in rings", sum(|l| l.ring.total)),
    ] {
        if n > 0 {
            x = pen.put(x, y, area.width, word, pen.ink(Ink::Label)) + 1;
            x = put_more(n, (x, y), pen) + 3;
        }
    }
    if each > 1 {
        let note = format!("1 cell = {each} Ps");
        let at = area.right().saturating_sub(width(&note));
        if at > x {
            pen.put(at, y, area.width, &note, pen.ink(Ink::Label));
        }
    }
}
