//! Draws a scene: `view` is pure, so the same scene gives the same frame.
//!
//! In reading order: [`pen`] writes on a frame; [`census`] says who is where and [`stage`] has the
//! grammar of tokens; [`marks`] notes where each was drawn. Then one file for each panel, each with
//! one `render(stage, area, pen)`, from the top of the screen to its bottom, and what covers it.

pub(crate) mod pen;
pub(crate) mod census;
pub(crate) mod marks;
pub(crate) mod stage;
mod big;
mod rich;

mod header;
mod global;
mod procs;
mod threads;
mod waiting;
mod narration;
mod question;
mod inspect;
mod output;
mod events;
mod play;
mod hints;

mod overlay;
mod small;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

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
        line_width: procs::line_width(&stage.census),
        question: scene.question.is_some(),
        inspect: scene.selected.is_some(),
        output: !scene.output.is_empty(),
    }
}
