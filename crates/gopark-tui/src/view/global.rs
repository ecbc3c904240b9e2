//! The global queue: a belt above the processors, its head on the left.

use ratatui::layout::Rect;

use super::big;
use super::marks::Spot;
use super::pen::{Captions, Pen, width};
use super::stage::{Flow, Stage};
use crate::theme::Ink;

/// Said of the queue where there is room.
const HEAD_FIRST: &str = "looked at every 61st tick, and when a P has nothing else";

/// Draws the global queue as high as `area` is: a line, a box, or a box of big tokens.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    if area.height < 3 {
        line(stage, area, pen);
        return;
    }
    let queue = &stage.census.global;
    let title = format!("global queue {}", queue.total);
    let captions = Captions { title: &title, note: HEAD_FIRST, ..Captions::default() };
    let inner = pen.frame(area, captions);
    let row = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    if area.height >= 5 {
        big::queue(stage, queue, row, pen);
        return;
    }
    let newest = newest_width(row.width);
    let flow = Flow::row(row.x, row.y, row.width - newest, Spot::Global);
    let (x, y) = flow.draw(stage, queue, pen);
    say_newest(queue.total, x, y, newest, pen);
}

/// Room for the arrow that says where the newest is.
fn newest_width(row: u16) -> u16 {
    if row > 40 { 12 } else { 0 }
}

/// The arrow that says where the newest is.
pub(super) fn say_newest(total: usize, x: u16, y: u16, room: u16, pen: &mut Pen<'_>) {
    if total > 1 && room > 0 {
        pen.put(x + 1, y, room, "◄── newest", pen.ink(Ink::Label));
    }
}

/// The queue in one row.
fn line(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let queue = &stage.census.global;
    let label = format!(" global {} ", queue.total);
    let style = pen.bold(Ink::Accent);
    let line = pen.ink(Ink::Line);
    let x = pen.put_all(area.x, area.y, area.width, &[(&label, style), ("├", line)]);
    let note = if area.width >= 72 { " first every 61st tick " } else { "" };
    let room = area.right().saturating_sub(x + 2 + width(note));
    let flow = Flow::row(x, area.y, room, Spot::Global);
    let (x, y) = flow.draw(stage, queue, pen);
    let end = area.right().saturating_sub(1 + width(note));
    pen.rule(x, y, end.saturating_sub(x + 1), "─", line);
    pen.put(end - 1, y, 1, "┤", line);
    pen.put(end, y, width(note), note, pen.ink(Ink::Label));
}
