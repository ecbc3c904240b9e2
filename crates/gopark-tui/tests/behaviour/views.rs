//! What a scene says: words, overlays, hints, what is selected.

use gopark_trace::GId;
use gopark_tui::app::{Action, News, Wish};
use gopark_tui::keymap::Context;
use gopark_tui::scene::{Overlay, Selected};
use gopark_tui::theme::{Motion, Palette};
use gopark_tui::{Charset, Theme};

use crate::run::{Bench, LESSON, stealing};

fn by_events() -> Bench {
    let mut bench = Bench::recording(stealing(40), Some(LESSON));
    bench.app.set_theme(Theme { motion: Motion::Off, ..Theme::default() });
    bench
}

/// What was stolen runs, and the question before it is skipped.
fn thief_runs(bench: &mut Bench) {
    bench.steps_to(22);
    for _ in 0..3 {
        bench.wish(Wish::StepForward);
    }
    assert_eq!(bench.app.at(), 26);
}

#[test]
fn words_follow_the_lesson() {
    let mut bench = by_events();
    assert_eq!(bench.words(), "Somebody has too much.");
    bench.step();
    assert_eq!(bench.words(), "Main makes goroutines on one P.");
    bench.wish(Wish::EventForward);
    assert_eq!(bench.words(), "Main makes goroutines on one P.");
    bench.wish(Wish::EventForward);
    assert_eq!(bench.words(), "G2 must go: there is one slot.");
    bench.wish(Wish::EventForward);
    bench.wish(Wish::EventForward);
    for to in [12, 14, 16, 18, 20] {
        assert_eq!(bench.words(), "G2 must go: there is one slot.", "said once, and it lingers");
        bench.wish(Wish::StepForward);
        assert_eq!(bench.app.at(), to);
    }
    assert_eq!(bench.words(), "G2 must go: there is one slot.", "said once, and it lingers");
    bench.wish(Wish::StepForward);
    assert_eq!(bench.words(), "Another M looks for work.");
}

#[test]
fn what_is_said_every_time_is_said_every_time() {
    let mut bench = by_events();
    let mut said = 0;
    for _ in 0..32 {
        bench.wish(Wish::StepForward);
        let at = bench.app.at() as usize;
        if matches!(stealing(40)[at - 1].event, gopark_trace::Event::GoPark { .. }) {
            assert_eq!(bench.words(), "G4 parks: sleep.");
            said += 1;
        }
    }
    assert!(said >= 4);
}

#[test]
fn the_event_comes_with_its_rule_and_on_demand_its_explanation() {
    let mut bench = by_events();
    bench.steps_to(22);
    for _ in 0..2 {
        bench.wish(Wish::StepForward);
    }
    let told = bench.app.scene().narration;
    let steal = &stealing(40)[23];
    assert_eq!(told.event, steal.event.to_string());
    let rule = steal.rule.as_ref().expect("a rule");
    assert_eq!(told.rule, Some((rule.to_string(), rule.spec().source)));
    assert_eq!(told.long, None);
    bench.wish(Wish::Explain);
    let long = bench.app.scene().narration.long.expect("asked for");
    assert_eq!(long, rule.spec().meaning());
    bench.wish(Wish::Explain);
    assert_eq!(bench.app.scene().narration.long, None);
}

#[test]
fn covers_open_close_and_take_the_keys() {
    let mut bench = by_events();
    for (wish, overlay) in [
        (Wish::Help, Overlay::Help),
        (Wish::Legend, Overlay::Legend),
        (Wish::Output, Overlay::Output(0)),
    ] {
        bench.wish(wish);
        assert_eq!(bench.app.scene().overlay, overlay);
        assert_eq!(bench.app.context(), Context::Overlay);
        bench.wish(wish);
        assert_eq!(bench.app.scene().overlay, Overlay::None);
        bench.wish(wish);
        bench.wish(Wish::Close);
        assert_eq!(bench.app.scene().overlay, Overlay::None);
    }
    bench.wish(Wish::Help);
    assert!(bench.app.scene().help.len() >= 4);
    bench.wish(Wish::Legend);
    assert_eq!(bench.app.scene().overlay, Overlay::Legend, "one at a time");
}

#[test]
fn output_scrolls_between_its_ends() {
    let mut bench = by_events();
    for i in 0..30 {
        bench.act(Action::News { run: 1, news: News::Output(format!("line {i}")) });
    }
    bench.wish(Wish::Output);
    let up = |bench: &mut Bench, wish| {
        bench.wish(wish);
        match bench.app.scene().overlay {
            Overlay::Output(up) => up,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(up(&mut bench, Wish::Up), 1);
    assert_eq!(up(&mut bench, Wish::PageUp), 11);
    assert_eq!(up(&mut bench, Wish::Down), 10);
    assert_eq!(up(&mut bench, Wish::PageDown), 0);
    assert_eq!(up(&mut bench, Wish::Down), 0);
    for _ in 0..9 {
        up(&mut bench, Wish::PageUp);
    }
    assert_eq!(up(&mut bench, Wish::Up), 30);
}

#[test]
fn a_chatty_program_does_not_fill_the_memory() {
    let mut bench = by_events();
    for i in 0..30_000 {
        bench.act(Action::News { run: 1, news: News::Output(format!("line {i}")) });
    }
    bench.wish(Wish::End);
    let scene = bench.app.scene();
    assert!((10_000..=12_500).contains(&scene.output.len()));
    assert_eq!(scene.output.last().map(String::as_str), Some("line 29999"));
}

#[test]
fn hints_are_keys_that_do_something() {
    let mut bench = by_events();
    let shown = |bench: &mut Bench| -> Vec<String> {
        let hints = bench.app.scene().hints;
        hints.iter().map(|h| format!("{} {}", h.key, h.does)).collect()
    };
    let first = shown(&mut bench);
    assert_eq!(first.last().map(String::as_str), Some("? help"));
    assert!(first.contains(&"space play".to_owned()) && first.contains(&"→ step".to_owned()));
    assert!(first.contains(&"n chapter".to_owned()), "none is before this: {first:?}");
    bench.step();
    bench.wish(Wish::PlayPause);
    let second = shown(&mut bench);
    assert!(second.contains(&"space pause".to_owned()) && second.contains(&"←/→ step".to_owned()));
    bench.wish(Wish::PlayPause);
    bench.steps_to(22);
    bench.wish(Wish::StepForward);
    let asking = shown(&mut bench);
    assert!(asking.contains(&"1/2/3 answer".to_owned()), "{asking:?}");
    assert!(asking.contains(&"enter skip".to_owned()));
    bench.wish(Wish::End);
    let end = shown(&mut bench);
    assert!(end.contains(&"← step".to_owned()), "{end:?}");
}

#[test]
fn tab_goes_first_to_what_it_is_about_and_then_round() {
    let mut bench = by_events();
    thief_runs(&mut bench);
    assert_eq!(bench.event(), stealing(40)[25].event.to_string());
    bench.wish(Wish::SelectNext);
    assert_eq!(bench.app.scene().selected, Some(Selected::G(GId(4))));
    bench.wish(Wish::SelectNext);
    assert_eq!(bench.app.scene().selected, Some(Selected::G(GId(5))));
    bench.wish(Wish::SelectPrev);
    bench.wish(Wish::SelectPrev);
    assert_eq!(bench.app.scene().selected, Some(Selected::G(GId(3))));
    let mut seen = Vec::new();
    for _ in 0..40 {
        bench.wish(Wish::SelectNext);
        seen.extend(bench.app.scene().selected);
    }
    let kinds = |f: fn(&Selected) -> bool| seen.iter().filter(|s| f(s)).count();
    assert!(kinds(|s| matches!(s, Selected::M(_))) >= 2);
    assert!(kinds(|s| matches!(s, Selected::P(_))) >= 2);
    assert!(seen.iter().filter(|s| **s == Selected::G(GId(3))).count() >= 2, "round and round");
    bench.wish(Wish::Close);
    assert_eq!(bench.app.scene().selected, None);
}

#[test]
fn what_is_selected_outlives_its_end() {
    let mut bench = by_events();
    thief_runs(&mut bench);
    bench.wish(Wish::SelectNext);
    bench.wish(Wish::Home);
    let scene = bench.app.scene();
    assert!(scene.world.g(GId(4)).is_none());
    assert_eq!(scene.selected, Some(Selected::G(GId(4))));
}

#[test]
fn taste_goes_round() {
    let mut bench = by_events();
    let start = bench.app.theme();
    let mut palettes = Vec::new();
    for _ in 0..4 {
        bench.wish(Wish::Theme);
        palettes.push(bench.app.theme().palette);
    }
    let all = [Palette::Light, Palette::HighContrast, Palette::Mono, Palette::Dark];
    assert_eq!(palettes, all);
    bench.wish(Wish::Charset);
    assert_eq!(bench.app.theme().charset, Charset::Ascii);
    bench.wish(Wish::Charset);
    for _ in 0..3 {
        bench.wish(Wish::Motion);
    }
    assert_eq!(bench.app.theme(), start);
}

#[test]
fn what_changes_nothing_is_not_drawn() {
    let mut bench = by_events();
    let none = |bench: &mut Bench, action| bench.app.update(action).is_empty();
    assert!(none(&mut bench, Action::SlowLink(false)));
    assert!(none(&mut bench, Action::News { run: 0, news: News::Running }));
    let elapsed = std::time::Duration::from_millis(33);
    assert!(none(&mut bench, Action::Tick { elapsed }));
    assert!(!none(&mut bench, Action::SlowLink(true)));
    assert_eq!(bench.app.scene().notice, Some("slow link: fewer frames"));
}
