//! What the program printed: a panel with its latest lines, or an overlay to scroll in.

use ratatui::layout::Rect;

use super::pen::{Captions, Pen};
use super::stage::Stage;
use crate::theme::{Ground, Ink};

/// Draws the latest lines.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let captions = Captions { title: "the program prints", ..Captions::default() };
    let inner = pen.frame(area, captions);
    lines(stage.scene.output, 0, inner, pen);
}

/// Draws all that is known, scrolled by `up` lines from its end.
pub(crate) fn overlay(stage: &Stage<'_>, up: usize, area: Rect, pen: &mut Pen<'_>) {
    pen.ground = Ground::Overlay;
    pen.clear(area, Ink::Text);
    let output = stage.scene.output;
    let end = output.len().saturating_sub(up);
    let note = format!("{end} of {} lines", output.len());
    let captions = Captions {
        title: "the program prints",
        note: &note,
        foot: "esc closes",
        loud: true,
        ..Captions::default()
    };
    let inner = pen.frame(area, captions);
    lines(output, up, inner, pen);
    pen.ground = Ground::Stage;
}

/// The last lines of `output` that fit into `area`.
fn lines(output: &[String], up: usize, area: Rect, pen: &mut Pen<'_>) {
    let end = output.len().saturating_sub(up);
    let start = end.saturating_sub(usize::from(area.height));
    for (y, line) in (area.y..area.bottom()).zip(&output[start..end]) {
        pen.put(area.x + 1, y, area.width.saturating_sub(2), line, pen.ink(Ink::Text));
    }
}
