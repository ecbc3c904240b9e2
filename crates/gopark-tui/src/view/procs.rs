//! The processors, each with its thread, what that runs, the slot and the ring; in one of five
//! forms, from a big card to one cell.

mod big;
mod cards;
mod heat;
mod lanes;
mod lines;

use gopark_model::{MStatus, PStatus};
use gopark_trace::{GStatus, Nanos};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::census::{Census, Lane};
use super::pen::{Pen, width};
use super::stage::{Stage, brief, circle};
use crate::layout::{Form, Plan};
use crate::scene::Selected;
use crate::theme::Ink;

pub(crate) use lines::line_width;

/// How long a goroutine may run before it is asked to stop.
const SLICE: Nanos = Nanos(10 * Nanos::MILLI.0);
/// Room of a ring.
const RING: usize = 256;

/// Draws the processors in the form of `plan`.
pub(crate) fn render(stage: &Stage<'_>, plan: &Plan, pen: &mut Pen<'_>) {
    let area = plan.procs;
    match plan.form {
        Form::Big => cards::render(stage, area, plan.columns, big::card, pen),
        Form::Cards => cards::render(stage, area, plan.columns, cards::card, pen),
        Form::Lanes => lanes::render(stage, area, pen),
        Form::Lines => lines::render(stage, area, plan.columns, pen),
        Form::Heat => heat::render(stage, area, pen),
    }
}

/// What a processor is doing, in a word or two, and its ink.
fn doing(stage: &Stage<'_>, lane: &Lane<'_>) -> (&'static str, Ink) {
    match lane.p.status {
        PStatus::Idle => return ("idle", Ink::Label),
        PStatus::Promised => return ("promised", Ink::Label),
        PStatus::Stopped => return ("stopped", Ink::Waiting),
        PStatus::Dead => return ("gone", Ink::Label),
        PStatus::Running => {}
    }
    if let Some(g) = lane.load.on.first() {
        return match stage.world.g(*g).map(|g| g.status) {
            Some(GStatus::Syscall) => ("in a call", Ink::Syscall),
            _ => ("running", Ink::Running),
        };
    }
    match lane.m.map(|m| m.status) {
        _ if !lane.load.hand.is_empty() => ("choosing", Ink::Runnable),
        Some(MStatus::Spinning) => ("spinning", Ink::Accent),
        Some(MStatus::Starting) => ("starting", Ink::Label),
        Some(_) => ("scheduler", Ink::Label),
        None => ("no M", Ink::Label),
    }
}

/// Whether nothing happens on a processor.
fn at_rest(lane: &Lane<'_>) -> bool {
    matches!(lane.p.status, PStatus::Idle | PStatus::Promised)
}

/// How much of its time slice the goroutine on a processor has used, and for how long it has run.
fn slice(stage: &Stage<'_>, lane: &Lane<'_>) -> Option<(f64, Nanos)> {
    let running = lane.p.status == PStatus::Running && !lane.load.on.is_empty();
    running.then(|| {
        let ran = stage.world.time().minus(lane.p.slice_start);
        (ran.0 as f64 / SLICE.0 as f64, ran)
    })
}

/// A slice as it is written, and its ink: one that is over stands out.
fn slice_text(ran: Nanos) -> (String, Ink) {
    let over = ran >= SLICE;
    let text = if over { format!("{}!", brief(ran)) } else { brief(ran) };
    (text, if over { Ink::Waiting } else { Ink::Label })
}

/// The style of a processor's name.
fn p_style(stage: &Stage<'_>, lane: &Lane<'_>, pen: &Pen<'_>) -> Style {
    let style = if at_rest(lane) { pen.ink(Ink::Label) } else { pen.bold(Ink::Accent) };
    if stage.scene.selected == Some(Selected::P(lane.p.id)) {
        pen.theme.selected(style)
    } else {
        style
    }
}

/// The name of the goroutine on a processor, if it has one.
fn name_on<'s>(stage: &'s Stage<'_>, lane: &Lane<'_>) -> Option<&'s str> {
    let g = lane.load.on.first().or(lane.load.hand.first())?;
    stage.world.g(*g)?.name.as_deref()
}

/// Columns of the widest token that runs or stands in a slot.
pub(crate) fn token_width(census: &Census<'_>) -> u16 {
    longest(census, |lane| {
        let gs = lane.load.on.iter().chain(&lane.slot.head);
        gs.map(|g| width(&circle(*g))).max().unwrap_or(0)
    })
}

/// The longest of the labels `label` makes of the lanes.
fn longest(census: &Census<'_>, label: impl Fn(&Lane<'_>) -> u16) -> u16 {
    census.lanes.iter().map(label).max().unwrap_or(0)
}

/// Part `i` of `area` divided into `n` columns with `gap` between them; the last ends where `area`
/// ends.
fn column(area: Rect, i: u16, n: u16, gap: u16) -> Rect {
    let edge = |i: u16| {
        let wide = u32::from(area.width) + u32::from(gap);
        area.x + (u32::from(i) * wide / u32::from(n.max(1))) as u16
    };
    let (x, end) = (edge(i), edge(i + 1).saturating_sub(gap));
    Rect { x, width: end.saturating_sub(x), ..area }
}
