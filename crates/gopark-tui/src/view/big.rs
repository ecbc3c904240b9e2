//! Tokens of three rows, for a desk-sized screen.

use gopark_trace::{GId, MId};
use ratatui::layout::Rect;

use super::census::Queue;
use super::marks::Spot;
use super::pen::{Pen, width};
use super::stage::{Stage, put_more};

/// Columns of a big token with this label.
pub(super) fn box_width(label: &str) -> u16 {
    width(label) + 4
}

/// A goroutine as a rounded box; its token is the label within.
pub(super) fn g_box(stage: &Stage<'_>, g: GId, label: &str, (x, y): (u16, u16), pen: &mut Pen<'_>) {
    let style = stage.g_style(g, pen);
    let w = box_width(label);
    let flat = "─".repeat(usize::from(w.saturating_sub(2)));
    pen.put(x, y, w, &format!("╭{flat}╮"), style);
    pen.put(x, y + 1, w, &format!("│ {label} │"), style);
    pen.put(x, y + 2, w, &format!("╰{flat}╯"), style);
    pen.marks.token(g, Rect::new(x, y + 1, w, 1));
}

/// A thread as a triangle of three rows around the column `middle`.
pub(super) fn m_triangle(
    stage: &Stage<'_>,
    m: MId,
    asleep: bool,
    (middle, y): (u16, u16),
    pen: &mut Pen<'_>,
) {
    let label = format!("M{}", m.0);
    let half = width(&label).div_ceil(2) + 1;
    let style = stage.m_style(m, asleep, pen);
    let blank = |n: u16| " ".repeat(usize::from(n));
    let odd = width(&label) % 2;
    pen.put(middle - 1, y, 2, "╱╲", style);
    pen.put(middle - half, y + 1, half * 2, &format!("╱{label}{}╲", blank(odd)), style);
    let base = "_".repeat(usize::from(half * 2));
    pen.put(middle - half - 1, y + 2, half * 2 + 2, &format!("╱{base}╲"), style);
    let left = middle - half;
    pen.marks.ms.insert(m, Rect::new(left, y + 1, half * 2, 1));
}

/// The global queue as a row of boxes.
pub(super) fn queue(stage: &Stage<'_>, queue: &Queue, row: Rect, pen: &mut Pen<'_>) {
    let keep = 12 + 1 + width(&queue.total.to_string());
    let mut x = row.x;
    let mut shown = 0;
    for g in &queue.head {
        let label = g.0.to_string();
        if x + box_width(&label) + keep > row.right() {
            break;
        }
        g_box(stage, *g, &label, (x, row.y), pen);
        x += box_width(&label) + 1;
        shown += 1;
    }
    pen.marks.tail(Spot::Global, x, row.y + 1);
    let x = put_more(queue.total - shown, (x, row.y + 1), pen);
    super::global::say_newest(queue.total, x, row.y + 1, 12, pen);
}
