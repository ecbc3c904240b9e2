//! Processors as lines, in columns: `P0  ►/M1\(7)  s(8)  r3 (9)(10)+1`.

use ratatui::layout::Rect;

use super::{column, doing, longest, p_style};
use crate::theme::Ink;
use crate::view::census::{Census, Lane, Queue};
use crate::view::marks::Spot;
use crate::view::pen::{Pen, width};
use crate::view::stage::{Flow, Stage, circle, put_m, triangle};

/// Widths of the fields of every line.
#[derive(Debug, Clone, Copy)]
struct Fields {
    name: u16,
    m: u16,
    g: u16,
    slot: u16,
}

impl Fields {
    fn of(census: &Census<'_>) -> Self {
        let first = |q: &[gopark_trace::GId]| q.first().map_or(0, |g| width(&circle(*g)));
        Self {
            name: longest(census, |l| width(&l.p.id.to_string())),
            m: longest(census, |l| l.m.map_or(0, |m| width(&triangle(m.id)))).max(4),
            g: longest(census, |l| first(&l.load.on).max(first(&l.load.hand))).max(4),
            slot: longest(census, |l| first(&l.slot.head)).max(3),
        }
    }

    /// Columns of the shortest line that has room for everything, if only as numbers.
    fn width(self) -> u16 {
        self.name + 2 + self.m + self.g + 2 + self.slot + 1 + 5 + 5
    }
}

/// Columns a processor needs in a line of its own.
pub(crate) fn line_width(census: &Census<'_>) -> u16 {
    Fields::of(census).width()
}

/// Draws the processors as lines in `columns`.
pub(super) fn render(stage: &Stage<'_>, area: Rect, columns: u16, pen: &mut Pen<'_>) {
    let fields = Fields::of(&stage.census);
    let rows = (stage.census.lanes.len() as u16).div_ceil(columns.max(1)).max(1);
    for (i, lane) in stage.census.lanes.iter().enumerate() {
        let part = column(area, i as u16 / rows, columns, 1);
        let row = Rect { y: area.y + i as u16 % rows, height: 1, ..part };
        line(stage, lane, row, fields, pen);
    }
}

/// One processor.
fn line(stage: &Stage<'_>, lane: &Lane<'_>, row: Rect, at: Fields, pen: &mut Pen<'_>) {
    let (x, y) = (row.x, row.y);
    let (_, ink) = doing(stage, lane);
    let name = lane.p.id.to_string();
    let end = pen.put(x, y, at.name, &name, p_style(stage, lane, pen));
    pen.marks.ps.insert(lane.p.id, Rect::new(x, y, end.saturating_sub(x), 1));
    let x = x + at.name + 1;
    pen.put(x, y, 1, pen.theme.glyph(ink), pen.ink(ink));

    match lane.m {
        Some(m) => {
            let g_at = put_m(stage, m.id, lane.coming, (x + 1, y), pen);
            let mut gs = lane.load.on.clone();
            gs.extend(&lane.load.hand);
            let queue = Queue { total: gs.len(), head: gs };
            let room = (x + 1 + at.m + at.g).saturating_sub(g_at);
            Flow::row(g_at, y, room, Spot::On(m.id)).draw(stage, &queue, pen);
        }
        None => {
            pen.put(x + 2, y, at.m + at.g, "idle", pen.ink(Ink::Label));
        }
    }
    let x = x + 1 + at.m + at.g + 1;
    let label = pen.ink(Ink::Label);
    pen.put(x, y, 1, "s", label);
    Flow::row(x + 1, y, at.slot, Spot::Slot(lane.p.id)).draw(stage, &lane.slot, pen);
    let x = x + 1 + at.slot + 1;
    let count = format!("r{}", lane.ring.total);
    let end = pen.put(x, y, 5, &count, label) + 1;
    let room = row.right().saturating_sub(end);
    Flow::row(end, y, room, Spot::Ring(lane.p.id)).draw(stage, &lane.ring, pen);
}
