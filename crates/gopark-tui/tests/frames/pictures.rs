//! Frames to look at, and to compare with those that were looked at.

use gopark_trace::{Actor, EndKind, Event, MId, Record};
use gopark_tui::scene::{Overlay, Scene};
use gopark_tui::theme::{Depth, Motion, Palette, Theme};
use gopark_tui::{Charset, export};

use crate::paint::{draw, picture};
use crate::worlds::{
    crowd, fanout, lecture, menu, overflow, park, printed, question, rarities, ready, recent,
    record, scene, steal,
};

const SIZES: [(u16, u16); 4] = [(60, 16), (80, 24), (120, 40), (200, 60)];

#[track_caller]
fn check(name: &str, scene: &Scene<'_>, (w, h): (u16, u16), theme: &Theme) {
    let charset = match theme.charset {
        Charset::Unicode => "",
        Charset::Ascii => "-ascii",
    };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!(
            format!("{name}-{w}x{h}{charset}"),
            picture(&draw(scene, w, h, theme))
        );
    });
}

/// At every size of the study, in both charsets.
fn check_all(name: &str, scene: &Scene<'_>) {
    for size in SIZES {
        for charset in [Charset::Unicode, Charset::Ascii] {
            check(name, scene, size, &Theme { charset, ..Theme::default() });
        }
    }
}

fn moving<'w>(scene: Scene<'w>, records: &'w [Record], fraction: f32) -> Scene<'w> {
    Scene { moving: records, fraction, ..scene }
}

#[test]
fn a_stage_at_rest() {
    let world = fanout().world();
    check_all("rest", &scene(&world));
}

#[test]
fn half_of_a_ring_on_its_way_to_the_thief() {
    let world = fanout().world();
    check_all("steal", &moving(scene(&world), &steal(), 0.5));
}

#[test]
fn a_lesson_with_everything_open() {
    let (world, recent, output) = (fanout().world(), recent(), printed());
    let scene = lecture(&world, &recent, &output);
    for size in SIZES {
        check("lesson", &scene, size, &Theme::default());
    }
    let mut answered = lecture(&world, &recent, &output);
    let mut card = question();
    (card.chosen, card.right) = (Some(0), Some(1));
    answered.question = Some(card);
    check("answered", &answered, (80, 24), &Theme::default());
}

#[test]
fn what_is_rare() {
    let world = rarities();
    for size in SIZES {
        check("rare", &scene(&world), size, &Theme::default());
    }
}

#[test]
fn the_cause_of_a_step_and_its_result() {
    let (world, steal) = (fanout().world(), steal());
    for (name, fraction) in [("cause", 0.1), ("settled", 0.9)] {
        check(name, &moving(scene(&world), &steal, fraction), (80, 24), &Theme::default());
    }
    let theme = Theme { motion: Motion::Reduced, ..Theme::default() };
    check("reduced", &moving(scene(&world), &steal, 0.5), (80, 24), &theme);
}

#[test]
fn a_full_ring_sends_a_train_to_the_global_queue() {
    let (town, records) = overflow();
    let world = town.world();
    check("overflow", &moving(scene(&world), &records, 0.5), (120, 40), &Theme::default());
}

#[test]
fn parking_readying_and_waking() {
    let world = fanout().world();
    for (name, records) in [("park", park()), ("ready", ready())] {
        for size in [(80, 24), (120, 40)] {
            check(name, &moving(scene(&world), &records, 0.5), size, &Theme::default());
        }
    }
}

#[test]
fn too_much_to_follow_lights_who_acts() {
    let (world, records) = (crowd(16).world(), steal());
    let mut scene = moving(scene(&world), &records, 0.5);
    scene.play.per_frame = 1200;
    check("flood", &scene, (80, 24), &Theme::default());
}

#[test]
fn many_processors() {
    for (ps, size) in [
        (8, (120, 40)),
        (16, (80, 24)),
        (16, (120, 40)),
        (64, (120, 40)),
        (256, (80, 24)),
        (256, (200, 60)),
    ] {
        let world = crowd(ps).world();
        check(&format!("crowd{ps}"), &scene(&world), size, &Theme::default());
    }
}

#[test]
fn what_covers_the_stage() {
    let (world, output) = (fanout().world(), printed());
    let mut scene = scene(&world);
    scene.output = &output;
    for (name, overlay) in [
        ("help", Overlay::Help),
        ("legend", Overlay::Legend),
        ("output", Overlay::Output(1)),
        ("menu", Overlay::Menu(menu())),
    ] {
        scene.overlay = overlay;
        for size in [(60, 16), (80, 24)] {
            check(name, &scene, size, &Theme::default());
        }
    }
    scene.overlay = Overlay::None;
    scene.notice = Some("cannot write the recording: no space left on the device");
    check("notice", &scene, (60, 16), &Theme::default());
    check("small", &scene, (40, 10), &Theme::default());
}

#[test]
fn a_hole_in_the_recording_and_the_end_of_a_run() {
    let mut world = fanout().world();
    let time = world.time();
    world.apply(&record(42, time, Actor::default(), Event::Gap { m: MId(1), lost: 12 }));
    check("hole", &scene(&world), (80, 24), &Theme::default());
    let mut world = fanout().world();
    let how = EndKind::Deadlock;
    let text = "all goroutines are asleep - deadlock!".to_owned();
    world.apply(&record(42, time, Actor::default(), Event::RunEnd { how, text }));
    check("end", &scene(&world), (80, 24), &Theme::default());
}

#[test]
fn every_palette_at_every_depth() {
    let world = fanout().world();
    for palette in [Palette::Dark, Palette::Light, Palette::HighContrast, Palette::Mono] {
        for depth in [Depth::True, Depth::C256, Depth::C16] {
            if palette == Palette::Mono && depth != Depth::True {
                continue;
            }
            let theme = Theme { palette, depth, ..Theme::default() };
            let name = format!("theme-{palette:?}-{depth:?}").to_lowercase();
            check(&name, &scene(&world), (80, 24), &theme);
        }
    }
}

#[test]
fn a_picture_for_the_readme() {
    let world = fanout().world();
    let theme = Theme::default();
    let buf = draw(&scene(&world), 80, 24, &theme);
    let svg = export::svg(&buf, &theme);
    assert_eq!(svg, export::svg(&buf, &theme), "the same frame gives the same bytes");
    for word in ["gopark", "(7)", "worker", "threads", "proc.go"] {
        assert!(svg.contains(&format!(">{word}</text>")), "{word}");
    }
    let lines: Vec<String> = export::text(&buf).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 24);
    assert!(lines[2].starts_with("┌P0┐ /M0\\─(7)"), "{}", lines[2]);
}
