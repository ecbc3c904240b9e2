//! The first line: what runs, when, how fast, and how much of it there is.

use gopark_model::MStatus;
use gopark_trace::EndKind;
use ratatui::layout::Rect;

use super::pen::{Pen, cut, width};
use super::stage::Stage;
use crate::theme::{Ground, Ink};

/// Draws the header.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    pen.ground = Ground::Bar;
    pen.clear(area, Ink::Text);
    let start = right_side(stage, area, pen);
    let spans = [(" ", pen.ink(Ink::Text)), ("gopark", pen.bold(Ink::Accent))];
    let x = pen.put_all(area.x, area.y, area.width, &spans) + 2;
    let title = cut(stage.scene.title, start.saturating_sub(x + 2));
    let x = pen.put(x, area.y, area.width, &title, pen.ink(Ink::Strong));
    if let Some((n, of, _)) = &stage.scene.narration.chapter {
        let place = format!("chapter {n} of {of}");
        if x + 3 + width(&place) + 2 <= start {
            pen.put(x + 3, area.y, area.width, &place, pen.ink(Ink::Label));
        }
    }
    pen.ground = Ground::Stage;
}

/// Draws what stands on the right, as much as leaves room for a title; returns where it begins.
fn right_side(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) -> u16 {
    let parts = parts(stage);
    let mut keep = parts.len();
    let total = |n: usize| parts.iter().take(n).map(|(text, _)| width(text) + 3).sum::<u16>();
    while keep > 1 && total(keep) + 24 > area.width {
        keep -= 1;
    }
    let start = area.right().saturating_sub(total(keep));
    let mut x = start;
    // The first part matters most and stands last, where the eye looks for a clock.
    for (text, ink) in parts.iter().take(keep).rev() {
        x = pen.put(x + 1, area.y, area.right().saturating_sub(x), text, pen.ink(*ink)) + 2;
    }
    start
}

/// A tempo in words; the one without limit has no number.
fn tempo(factor: f32) -> String {
    if factor.is_finite() { format!("x{factor}") } else { "at full speed".to_owned() }
}

/// What stands on the right, the most important first.
fn parts(stage: &Stage<'_>) -> Vec<(String, Ink)> {
    let (world, play) = (stage.world, &stage.scene.play);
    let state = match (world.ended(), play.playing) {
        (Some((how, _)), _) => (ended(how).to_owned(), Ink::Waiting),
        (None, true) => (format!("► PLAYING {}", tempo(play.tempo)), Ink::Strong),
        (None, false) => (format!("|| PAUSED {}", tempo(play.tempo)), Ink::Strong),
    };
    let threads = world.ms().iter().filter(|m| m.status != MStatus::Ended).count();
    let (ps, gs) = (stage.census.lanes.len(), stage.census.total);
    let mut parts = vec![
        state,
        (world.time().to_string(), Ink::Text),
        (format!("{ps}P {threads}M {gs}G"), Ink::Text),
    ];
    if !play.drive.is_empty() {
        parts.push((play.drive.clone(), Ink::Label));
    }
    parts
}

/// How a run ended, in one or two words.
fn ended(how: EndKind) -> &'static str {
    match how {
        EndKind::Returned => "ENDED",
        EndKind::Deadlock => "DEADLOCK",
        EndKind::Panic => "PANIC",
        EndKind::Fatal => "FATAL ERROR",
        EndKind::Stopped => "STOPPED",
        EndKind::NoGoroutines => "NO GOROUTINES",
    }
}
