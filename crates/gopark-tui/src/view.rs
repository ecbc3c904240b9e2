//! Draws a scene: `view` is pure, so the same scene gives the same frame.
//!
//! In reading order: `pen` writes on a frame; `census` says who is where and `stage` has the
//! grammar of tokens; `marks` notes where each was drawn. Then one file for each panel, each with
//! one `render(stage, area, pen)`, from the top of the screen to its bottom, and what covers it.

mod big;
pub(crate) mod census;
pub(crate) mod marks;
pub(crate) mod pen;
mod rich;
pub(crate) mod stage;

mod events;
mod global;
mod header;
mod hints;
mod inspect;
mod narration;
mod output;
mod play;
mod procs;
mod question;
mod threads;
mod waiting;

mod overlay;
mod small;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};

use crate::layout::{Plan, Wants};
use crate::motion;
use crate::scene::{Overlay, Scene};
use crate::theme::{Ink, Theme};

use marks::Marks;
use pen::Pen;
use stage::Stage;

/// Draws `scene` into `area` of `buf`, whatever its size.
pub fn view(scene: &Scene<'_>, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let area = area.intersection(buf.area);
    let mut pen = Pen::new(buf, theme);
    pen.clear(area, Ink::Text);
    if let Overlay::Menu(_) = &scene.overlay {
        let stage = Stage::new(scene, scene.world);
        overlay::render(&stage, area, &mut pen);
    } else {
        motion::draw(scene, area, &mut pen);
    }
    theme.finish(area, buf);
}

/// Draws `stage` at rest.
pub(crate) fn still(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let Some(plan) = Plan::of(area, wants(stage)) else {
        small::render(stage.scene, area, pen);
        return;
    };
    pen.marks = Marks::default();
    if plan.global.height >= 3 {
        pen.marks.gutters.push(plan.global.bottom());
    }
    header::render(stage, plan.header, pen);
    global::render(stage, plan.global, pen);
    procs::render(stage, &plan, pen);
    threads::render(stage, plan.threads, pen);
    waiting::render(stage, plan.waiting, pen);
    for (area, render) in [
        (plan.narration, narration::render as fn(&Stage<'_>, Rect, &mut Pen<'_>)),
        (plan.question, question::render),
        (plan.inspect, inspect::render),
        (plan.output, output::render),
        (plan.events, events::render),
        (plan.play, play::render),
        (plan.hints, hints::render),
    ] {
        if !area.is_empty() {
            render(stage, area, pen);
        }
    }
    if !stage.world.known() {
        for part in [plan.global, plan.procs, plan.threads, plan.waiting] {
            overlay::dim(part, pen);
        }
        unknown(plan.procs, pen);
    }
}

/// Draws over the stage that the state is not known: what was recorded has a hole.
fn unknown(area: Rect, pen: &mut Pen<'_>) {
    let text = "events are missing here: the state is not known until the next snapshot";
    let lines = pen::wrap(text, area.width.saturating_sub(8).min(44));
    let wide = lines.iter().map(|line| pen::width(line)).max().unwrap_or(0);
    let card =
        area.centered(Constraint::Length(wide + 4), Constraint::Length(lines.len() as u16 + 2));
    pen.clear(card, Ink::Text);
    let captions = pen::Captions { loud: true, ..pen::Captions::default() };
    let inner = pen.frame(card, captions);
    for (y, line) in (inner.y..inner.bottom()).zip(&lines) {
        pen.put(inner.x + 1, y, wide, line, pen.ink(Ink::Waiting));
    }
}

/// Draws what covers the stage.
pub(crate) fn cover(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    overlay::render(stage, area, pen);
}

/// What the layout must know of a stage.
fn wants(stage: &Stage<'_>) -> Wants {
    let scene = stage.scene;
    Wants {
        ps: u16::try_from(stage.census.lanes.len()).unwrap_or(u16::MAX),
        token: procs::token_width(&stage.census),
        line_width: procs::line_width(&stage.census),
        question: scene.question.is_some(),
        inspect: scene.selected.is_some(),
        output: !scene.output.is_empty(),
    }
}
