//! The play bar: where in the history the playhead is, and where its chapters begin.

use ratatui::layout::Rect;

use super::pen::{Pen, width};
use super::stage::Stage;
use crate::charset::{CHAPTER, KNOB, PAST};
use crate::theme::Ink;

/// Draws the play bar.
pub(crate) fn render(stage: &Stage<'_>, row: Rect, pen: &mut Pen<'_>) {
    let play = &stage.scene.play;
    let more = if play.complete { "" } else { CUT_OFF };
    let count = match play.per_frame {
        0 | 1 => format!(" {} / {}{more} ", play.at, play.known),
        n => format!(" {n} a frame  {} / {}{more} ", play.at, play.known),
    };
    let sign = if play.playing { " ► " } else { " || " };
    let x = pen.put(row.x, row.y, row.width, sign, pen.bold(Ink::Accent));
    let len = row.right().saturating_sub(x + width(&count));
    pen.put_right(row.right(), row.y, &count, pen.ink(Ink::Text));
    if len == 0 {
        return;
    }
    let place = |at: u64| {
        let part = at.min(play.known) as f64 / play.known.max(1) as f64;
        (f64::from(len - 1) * part).round() as u16
    };
    let knob = place(play.at);
    pen.rule(x, row.y, len, "─", pen.ink(Ink::Line));
    pen.rule(x, row.y, knob, PAST, pen.ink(Ink::Accent));
    for (at, _) in &play.chapters {
        let at_column = place(*at);
        let ink = if at_column < knob { Ink::Accent } else { Ink::Label };
        pen.put(x + at_column, row.y, 1, CHAPTER, pen.ink(ink));
    }
    pen.put(x + knob, row.y, 1, KNOB, pen.bold(Ink::Strong));
}

/// Said of a run that has not ended yet.
const CUT_OFF: &str = "…";
