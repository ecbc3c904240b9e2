//! What moves between two states of the world, as a function of the step and of how far it has gone.
//!
//! A step is staged: first its cause is lit, then tokens travel one after another, then the new
//! state settles. Where a token starts and ends comes from drawing both states with the present
//! layout, so a change of size in mid-flight just works, and the same fraction gives the same
//! frame, forwards and backwards. Invariant: at 0 the frame is the state before at rest, at 1 the
//! state after at rest.

mod flight;
mod route;

use gopark_model::World;
use gopark_trace::{GId, Record};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::layout::NEEDED;
use crate::scene::Scene;
use crate::theme::{Ink, Motion};
use crate::view::marks::Marks;
use crate::view::pen::Pen;
use crate::view::stage::Stage;
use crate::view::{cover, still};

use flight::Flight;

/// Until here the cause is lit.
const CAUSE: f32 = 0.15;
/// From here on the state after is shown.
const SETTLE: f32 = 0.85;
/// Until here what has arrived is lit.
const LIT: f32 = 0.93;
/// More tokens than this in one step are not followed singly.
const TOKENS: usize = 40;
/// A world of more goroutines is not drawn twice for a frame.
const FOLLOWED: u64 = 2_000;
/// More records than this in one frame are too fast to move.
const TOO_FAST: u32 = 4;

/// Draws the stage with what moves on it, and what covers it.
pub(crate) fn draw(scene: &Scene<'_>, area: Rect, pen: &mut Pen<'_>) {
    let before = Stage::new(scene, scene.world);
    if area.width < NEEDED.width || area.height < NEEDED.height {
        still(&before, area, pen);
        return;
    }
    let fraction = if scene.fraction.is_finite() { scene.fraction } else { 0.0 };
    if scene.moving.is_empty() || fraction <= 0.0 {
        still(&before, area, pen);
    } else if crowded(scene) {
        still(&before, area, pen);
        light_actors(scene.moving, pen);
    } else {
        let after = world_after(scene);
        between(&before, &Stage::new(scene, &after), fraction, area, pen);
    }
    cover(&before, area, pen);
}

/// Whether too much happens to follow it token by token.
fn crowded(scene: &Scene<'_>) -> bool {
    let counts = scene.world.counts();
    let gs = counts.runnable + counts.running + counts.syscall + counts.waiting;
    gs > FOLLOWED || scene.play.per_frame > TOO_FAST
}

/// The world once the step is done.
fn world_after(scene: &Scene<'_>) -> World {
    let mut world = scene.world.clone();
    for record in scene.moving {
        world.apply(record);
    }
    world
}

/// Draws a step that is under way.
fn between(before: &Stage<'_>, after: &Stage<'_>, fraction: f32, area: Rect, pen: &mut Pen<'_>) {
    let motion = pen.theme.motion;
    if fraction >= 1.0 || (fraction >= SETTLE && motion != Motion::Off) {
        still(after, area, pen);
        if fraction < LIT {
            light_arrived(before, after, pen);
        }
        return;
    }
    let ends = marks_of(after, area, pen);
    still(before, area, pen);
    if motion == Motion::Off {
        return;
    }
    let flights = flight::flights(before, after, &pen.marks, &ends);
    if flights.len() > TOKENS {
        light_actors(before.scene.moving, pen);
        say(&format!("{} tokens move", flights.len()), pen);
    } else if motion == Motion::Reduced {
        flash(&flights, pen);
    } else if fraction < CAUSE {
        light_cause(before.scene.moving, pen);
    } else {
        let part = (fraction - CAUSE) / (SETTLE - CAUSE);
        flight::draw(&flights, part, pen);
    }
}

/// Where things stand in `stage`, found by drawing it aside.
fn marks_of(stage: &Stage<'_>, area: Rect, pen: &Pen<'_>) -> Marks {
    let mut aside = Buffer::empty(area);
    let mut pen = Pen::new(&mut aside, pen.theme);
    still(stage, area, &mut pen);
    pen.marks
}

/// The places of the thread and the processor that act first.
fn light_cause(moving: &[Record], pen: &mut Pen<'_>) {
    let Some(actor) = moving.iter().map(|r| r.actor).find(|a| a.m.is_some()) else {
        return;
    };
    let m = actor.m.and_then(|m| pen.marks.ms.get(&m).copied());
    let p = actor.p.and_then(|p| pen.marks.ps.get(&p).copied());
    for rect in m.into_iter().chain(p) {
        light(rect, pen);
    }
}

/// The places of all who act.
fn light_actors(moving: &[Record], pen: &mut Pen<'_>) {
    let mut places: Vec<Rect> = Vec::new();
    for record in moving {
        let p = record.actor.p.and_then(|p| pen.marks.ps.get(&p).copied());
        places.extend(p.filter(|p| !places.contains(p)));
    }
    for rect in places {
        light(rect, pen);
    }
}

/// The goroutines that the step has moved, in their new places.
fn light_arrived(before: &Stage<'_>, after: &Stage<'_>, pen: &mut Pen<'_>) {
    let moved = |g: &GId| {
        let place = |world: &World| world.g(*g).map(|g| g.place);
        place(before.world) != place(after.world)
    };
    for g in flight::touched(before.scene.moving).iter().filter(|g| moved(g)) {
        if let Some(rect) = pen.marks.gs.get(g).copied() {
            light(rect, pen);
        }
    }
}

/// Source and target at once, and an arrow in words between them.
fn flash(flights: &[Flight], pen: &mut Pen<'_>) {
    for flight in flights {
        for rect in [flight.from, flight.to].into_iter().flatten() {
            light(rect, pen);
        }
    }
    let words = flight::in_words(flights);
    if !words.is_empty() {
        say(&words.join("   "), pen);
    }
}

/// Shows a cell the other way round for a moment.
fn light(rect: Rect, pen: &mut Pen<'_>) {
    let rect = rect.intersection(pen.buf.area);
    for y in rect.top()..rect.bottom() {
        for x in rect.left()..rect.right() {
            if let Some(cell) = pen.buf.cell_mut((x, y)) {
                cell.modifier |= Modifier::REVERSED | Modifier::BOLD;
            }
        }
    }
}

/// Words in the gutter that is the freest.
fn say(words: &str, pen: &mut Pen<'_>) {
    let Some(&y) = pen.marks.gutters.last() else {
        return;
    };
    let area = pen.buf.area;
    let x = pen.marks.corridor.map_or(area.x + 2, |x| x + 2);
    let room = area.right().saturating_sub(x + 1);
    let words = crate::view::pen::cut(words, room).into_owned();
    pen.put(x, y, room, &words, pen.ink(Ink::Strong));
}
