//! The latest events, the newest on top.

use gopark_trace::{Event, Record};
use ratatui::layout::Rect;

use super::pen::{Captions, Pen, cut, width};
use super::rich::put_rich;
use super::stage::Stage;
use crate::theme::Ink;

/// Draws the latest events.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let inner = pen.frame(area, Captions { title: "events", ..Captions::default() });
    let shown = stage.scene.recent.iter().rev().filter(|r| worth_a_line(r));
    let shown: Vec<&Record> = shown.take(usize::from(inner.height)).collect();
    let seqs = shown.iter().map(|r| width(&r.seq.to_string())).max().unwrap_or(0);
    for (i, record) in shown.into_iter().enumerate() {
        let y = inner.y + i as u16;
        pen.put_right(inner.x + 1 + seqs, y, &record.seq.to_string(), pen.ink(Ink::Label));
        let x = inner.x + 2 + seqs;
        let room = inner.right().saturating_sub(x);
        let text = record.event.to_string();
        let ink = match (i, record.is_decision()) {
            (0, _) => Ink::Strong,
            (_, true) => Ink::Text,
            (_, false) => Ink::Label,
        };
        put_rich(pen, stage.world, (x, y), room, &cut(&text, room), ink);
    }
}

/// Whether the viewer wants to read it.
fn worth_a_line(record: &Record) -> bool {
    !matches!(record.event, Event::Site { .. } | Event::Snapshot { .. } | Event::ObjName { .. })
}
