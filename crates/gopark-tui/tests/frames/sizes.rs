//! Every size of screen is drawn without a panic, and says what it must.

use gopark_model::World;
use gopark_trace::wire::Wire;
use gopark_trace::{Actor, ChanId, Event, GId, Obj, PId, Record};
use gopark_tui::Theme;
use gopark_tui::scene::{Overlay, Scene, Selected};

use crate::paint::{draw, rows};
use crate::worlds::{crowd, fanout, hints, lecture, menu, printed, rarities, record, scene, steal};

/// Sizes from nothing to a desk: every width with some heights, every height with some widths.
fn sizes(step: usize) -> Vec<(u16, u16)> {
    let wide = (1..=220).step_by(step).flat_map(|w| [1, 2, 7, 16, 24, 40].map(|h| (w, h)));
    let high = (1..=70).step_by(step).flat_map(|h| [1, 20, 60, 80, 100, 160, 220].map(|w| (w, h)));
    wide.chain(high).collect()
}

#[test]
fn every_size_is_drawn() {
    let (world, records, output) = (fanout().world(), steal(), printed());
    let mut scene = lecture(&world, &records, &output);
    (scene.moving, scene.fraction) = (&records, 0.6);
    for (w, h) in sizes(1) {
        draw(&scene, w, h, &Theme::default());
    }
}

#[test]
fn every_size_is_drawn_with_an_overlay() {
    let (world, output) = (rarities(), printed());
    for overlay in
        [Overlay::Help, Overlay::Legend, Overlay::Output(2), Overlay::Menu(menu()), Overlay::None]
    {
        let mut scene = scene(&world);
        (scene.output, scene.overlay) = (&output, overlay);
        for (w, h) in sizes(5) {
            draw(&scene, w, h, &Theme::default());
        }
    }
}

#[test]
fn every_size_is_drawn_with_many_processors_and_with_none() {
    for world in [World::new(), crowd(1).world(), crowd(20).world(), crowd(256).world()] {
        for (w, h) in sizes(9) {
            draw(&scene(&world), w, h, &Theme::default());
        }
    }
}

#[test]
fn a_buffer_that_does_not_begin_at_zero_is_drawn_inside_its_area() {
    let world = fanout().world();
    let mut buf = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(5, 7, 100, 40));
    let area = ratatui::layout::Rect::new(10, 9, 80, 24);
    gopark_tui::view(&scene(&world), area, &mut buf, &Theme::default());
    let alone = draw(&scene(&world), 80, 24, &Theme::default());
    for y in 0..24 {
        for x in 0..80 {
            assert_eq!(buf[(x + 10, y + 9)].symbol(), alone[(x, y)].symbol(), "at {x}, {y}");
        }
    }
    let outside = |x: u16, y: u16| !area.contains((x, y).into());
    for (x, y) in
        (5..105).flat_map(|x| (7..47).map(move |y| (x, y))).filter(|(x, y)| outside(*x, *y))
    {
        assert_eq!(buf[(x, y)].symbol(), " ", "at {x}, {y}");
    }
}

#[test]
fn a_world_of_nonsense_is_drawn() {
    let mut state = 1_u64;
    let mut dice = |n: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n.max(1)
    };
    for _ in 0..40 {
        let mut world = fanout().world();
        for _ in 0..60 {
            world.apply(&Record::arbitrary(&mut dice));
        }
        let moving: Vec<Record> = (0..6).map(|_| Record::arbitrary(&mut dice)).collect();
        let mut scene = scene(&world);
        (scene.moving, scene.fraction, scene.recent) = (&moving, 0.5, &moving);
        scene.selected = moving.iter().find_map(|r| r.actor.g).map(Selected::G);
        for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            draw(&scene, w, h, &Theme::default());
        }
    }
}

#[test]
fn what_is_huge_is_drawn() {
    let mut town = fanout();
    let long = "goroutine".repeat(9_000);
    town.named(7, &long).global(1_000..5_000);
    town.chan(9, &long, u32::MAX, u32::MAX);
    town.receivers(9, &(10_000..12_000).collect::<Vec<_>>());
    town.m(6, None, None).hand = (20_000..21_000).map(GId).collect();
    for g in 20_000..21_000 {
        town.runnable(g);
    }
    let mut world = town.world();
    let (time, output) = (world.time(), [long.clone()]);
    let draw_all = |world: &World| {
        let mut scene = lecture(world, &[], &output);
        (scene.title, scene.notice) = (&long, Some(long.as_str()));
        scene.narration.text.clone_from(&long);
        scene.selected = Some(Selected::Obj(Obj::Chan(ChanId(9))));
        for (w, h) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            draw(&scene, w, h, &Theme::default());
        }
    };
    draw_all(&world);
    world.apply(&record(42, time, Actor::default(), Event::PNew { p: PId(16_000) }));
    assert!(world.ps().len() > 16_000);
    draw_all(&world);
}

#[test]
fn numbers_out_of_range_are_drawn() {
    let world = fanout().world();
    let records = steal();
    for fraction in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 7.0] {
        let mut scene: Scene<'_> = scene(&world);
        (scene.moving, scene.fraction) = (&records, fraction);
        (scene.play.at, scene.play.known) = (u64::MAX, 0);
        scene.play.chapters = vec![(u64::MAX, "late".to_owned())];
        scene.overlay = Overlay::Output(usize::MAX);
        draw(&scene, 80, 24, &Theme::default());
    }
}

#[test]
fn the_key_to_all_keys_is_never_cut() {
    let world = fanout().world();
    for width in 60..=220 {
        for notice in
            [None, Some("a message that is longer than a whole line of the screen can be, truly")]
        {
            let scene = Scene { notice, ..scene(&world) };
            let rows = rows(&draw(&scene, width, 16, &Theme::default()));
            assert!(rows[15].contains("? help"), "{width}: {}", rows[15]);
        }
    }
    let all: Vec<String> = hints().into_iter().map(|h| format!("{} {}", h.key, h.does)).collect();
    let rows = rows(&draw(&scene(&world), 120, 40, &Theme::default()));
    for hint in all {
        assert!(rows[39].contains(&hint), "{hint} in {}", rows[39]);
    }
}

#[test]
fn too_small_says_what_it_needs_and_how_to_leave() {
    let world = fanout().world();
    for (w, h) in [(59, 40), (80, 15), (30, 6), (20, 5)] {
        let page = rows(&draw(&scene(&world), w, h, &Theme::default())).join("\n");
        for word in ["too small", &format!("have {w}x{h}"), "need 60x16", "23.4 ms", "q quit"] {
            assert!(page.contains(word), "{word} at {w}x{h}:\n{page}");
        }
    }
    let page = rows(&draw(&scene(&world), 10, 1, &Theme::default())).join("");
    assert!(page.contains("q quit"), "{page}");
}
