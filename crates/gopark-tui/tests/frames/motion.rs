//! What moves: nothing at the ends of a step, tokens in between, and never more than was asked for.

use gopark_model::World;
use gopark_trace::Record;
use gopark_tui::Scene;
use gopark_tui::theme::{Motion, Theme};
use ratatui::buffer::Buffer;

use crate::paint::{draw, rows};
use crate::worlds::{fanout, overflow, park, ready, scene, steal};

const SIZES: [(u16, u16); 4] = [(60, 16), (80, 24), (120, 40), (200, 60)];

fn after(world: &World, records: &[Record]) -> World {
    let mut world = world.clone();
    for record in records {
        world.apply(record);
    }
    world
}

fn at(
    world: &World,
    records: &[Record],
    fraction: f32,
    (w, h): (u16, u16),
    theme: &Theme,
) -> Buffer {
    let scene = Scene { moving: records, fraction, ..scene(world) };
    draw(&scene, w, h, theme)
}

#[test]
fn a_step_begins_and_ends_at_rest() {
    let (town, overflow) = overflow();
    for (world, records) in [(fanout().world(), steal()), (town.world(), overflow)] {
        let later = after(&world, &records);
        for motion in [Motion::Full, Motion::Reduced, Motion::Off] {
            let theme = Theme { motion, ..Theme::default() };
            for size in SIZES {
                let rest = |world: &World| draw(&scene(world), size.0, size.1, &theme);
                assert_eq!(at(&world, &records, 0.0, size, &theme), rest(&world));
                assert_eq!(at(&world, &records, 1.0, size, &theme), rest(&later));
            }
        }
    }
}

#[test]
fn the_same_fraction_gives_the_same_frame() {
    let (world, records) = (fanout().world(), steal());
    let theme = Theme::default();
    let frames = |order: &[f32]| -> Vec<Buffer> {
        order.iter().map(|f| at(&world, &records, *f, (80, 24), &theme)).collect()
    };
    let mut back = frames(&[0.9, 0.7, 0.5, 0.3, 0.1]);
    back.reverse();
    assert_eq!(frames(&[0.1, 0.3, 0.5, 0.7, 0.9]), back);
}

#[test]
fn stolen_tokens_travel_oldest_first() {
    let (world, records) = (fanout().world(), steal());
    let theme = Theme::default();
    let gutter = 5;
    let seen: Vec<String> = (15..85)
        .map(|percent| {
            let frame = at(&world, &records, percent as f32 / 100.0, (80, 24), &theme);
            rows(&frame)[gutter].clone()
        })
        .collect();
    let first = |token: &str| seen.iter().position(|row| row.contains(token));
    let (a, b, c) = (first("(31)"), first("(32)"), first("(33)"));
    assert!(a.is_some() && a < b && b < c, "{a:?} {b:?} {c:?} in {seen:#?}");
    assert!(first("(34)").is_none(), "what stays does not travel: {seen:#?}");
}

#[test]
fn a_parked_token_travels_to_what_it_waits_for_and_a_woken_thread_to_its_p() {
    let world = fanout().world();
    let last_gutter = 9;
    for (records, token) in [(park(), "(7)"), (ready(), "/M5\\")] {
        let seen = (15..85).any(|percent| {
            let fraction = percent as f32 / 100.0;
            let frame = at(&world, &records, fraction, (80, 24), &Theme::default());
            rows(&frame)[last_gutter].contains(token)
        });
        assert!(seen, "{token} in the last gutter");
    }
}

#[test]
fn a_train_says_how_many_it_carries() {
    let (town, records) = overflow();
    let frame = at(&town.world(), &records, 0.5, (120, 40), &Theme::default());
    let text = rows(&frame).join("\n");
    assert!(text.contains("(18)(19)(20) ×128"), "{text}");
}

#[test]
fn less_motion_says_it_in_words_and_none_stands_still() {
    let (world, records) = (fanout().world(), steal());
    let reduced = Theme { motion: Motion::Reduced, ..Theme::default() };
    let text = rows(&at(&world, &records, 0.5, (80, 24), &reduced)).join("\n");
    assert!(text.contains("(31)(32) ring of P2 ► ring of P1"), "{text}");
    let at_half = at(&world, &records, 0.5, (80, 24), &reduced);
    assert_eq!(at_half, at(&world, &records, 0.3, (80, 24), &reduced), "nothing travels");
    let off = Theme { motion: Motion::Off, ..Theme::default() };
    let half = at(&world, &records, 0.5, (80, 24), &off);
    assert_eq!(half, draw(&scene(&world), 80, 24, &off));
}
