//! The playhead: steps, tempo, leaps, and that only its place decides what is shown.

use std::time::Duration;

use gopark_trace::Event;
use gopark_tui::app::{Tempo, Wake, Wish, step_time};
use gopark_tui::theme::{Motion, Theme};

use crate::run::{Bench, LESSON, roll, stealing};

/// Where the first decision is in the run of [`stealing`].
const HOME: u64 = 6;
/// After each step of it.
const STEPS: [u64; 17] = [7, 8, 10, 12, 14, 16, 18, 20, 22, 25, 26, 27, 28, 29, 30, 31, 32];

fn still(bench: &mut Bench) {
    bench.app.set_theme(Theme { motion: Motion::Off, ..Theme::default() });
}

#[test]
fn a_run_begins_before_its_first_decision() {
    let mut bench = Bench::recording(stealing(1), None);
    assert_eq!((bench.app.at(), bench.app.is_playing()), (HOME, false));
    assert_eq!(bench.app.wake(), Wake::Never);
    for wish in [Wish::StepBack, Wish::EventBack, Wish::Home] {
        bench.wish(wish);
        assert_eq!(bench.app.at(), HOME, "{wish:?}");
    }
}

#[test]
fn arrows_go_by_decisions_and_points_by_events() {
    let mut bench = Bench::recording(stealing(1), None);
    for to in STEPS {
        bench.step();
        assert_eq!(bench.app.at(), to);
    }
    bench.step();
    assert_eq!(bench.app.at(), 32, "there is nothing after the end");
    assert!(bench.app.scene().notice.is_some_and(|n| n.contains("end")));
    for to in STEPS.iter().rev().skip(1) {
        bench.wish(Wish::StepBack);
        assert_eq!(bench.app.at(), *to);
    }
    bench.step();
    bench.wish(Wish::EventForward);
    bench.settle();
    assert_eq!(bench.app.at(), 9, "a step would go to 10");
    bench.wish(Wish::EventBack);
    assert_eq!(bench.app.at(), 8);
}

#[test]
fn a_step_back_from_inside_a_step_goes_to_where_it_began() {
    let mut bench = Bench::recording(stealing(1), None);
    // Before its decision and after it: the step from 22 to 25 is about the record 23.
    for inside in [23, 24] {
        bench.steps_to(22);
        while bench.app.at() < inside {
            bench.wish(Wish::EventForward);
            bench.settle();
        }
        assert_eq!(bench.app.at(), inside);
        bench.wish(Wish::StepBack);
        assert_eq!(bench.app.at(), 22);
    }
}

#[test]
fn a_step_takes_its_time_and_shows_how_far_it_is() {
    let records = stealing(1);
    let mut bench = Bench::recording(records.clone(), None);
    bench.wish(Wish::StepForward);
    assert_eq!(bench.app.wake(), Wake::Frame);
    let length = step_time(&records[6..7]);
    bench.tick(length.as_millis() as u64 / 4);
    let scene = bench.app.scene();
    assert_eq!((scene.play.at, scene.moving.len()), (HOME, 1));
    assert!((scene.fraction - 0.25).abs() < 0.01, "{}", scene.fraction);
    assert!(matches!(scene.moving[0].event, Event::GoStart { .. }));
    let shown = scene.narration.event;
    bench.settle();
    let scene = bench.app.scene();
    assert_eq!((scene.play.at, scene.moving.len(), scene.fraction), (7, 0, 0.0));
    assert_eq!(scene.narration.event, shown, "the step is told while it moves and after");
}

#[test]
fn a_long_sleep_of_the_terminal_is_no_long_step() {
    let mut bench = Bench::recording(stealing(1), None);
    bench.wish(Wish::StepForward);
    bench.tick(3_600_000);
    assert_eq!(bench.app.at(), HOME, "an hour away is no hour watched");
}

#[test]
fn a_further_key_ends_the_step_under_way_at_once() {
    let mut bench = Bench::recording(stealing(1), None);
    bench.step();
    bench.wish(Wish::StepForward);
    bench.tick(30);
    bench.wish(Wish::StepForward);
    assert_eq!(bench.app.at(), 8);
    bench.wish(Wish::EventForward);
    assert_eq!(bench.app.at(), 10);
    bench.tick(30);
    bench.wish(Wish::StepBack);
    assert_eq!((bench.app.at(), bench.app.scene().moving.len()), (10, 0));
    assert_eq!(bench.app.wake(), Wake::Never);
}

#[test]
fn keys_that_do_not_move_leave_the_step_alone() {
    let mut bench = Bench::recording(stealing(1), None);
    bench.wish(Wish::StepForward);
    bench.tick(100);
    let before = bench.app.scene().fraction;
    for wish in [Wish::Theme, Wish::Charset, Wish::Help, Wish::SelectNext, Wish::Explain] {
        bench.wish(wish);
        assert_eq!(bench.app.scene().fraction, before, "{wish:?}");
    }
}

#[test]
fn without_motion_steps_are_leaps() {
    let mut bench = Bench::recording(stealing(1), None);
    still(&mut bench);
    bench.wish(Wish::StepForward);
    assert_eq!((bench.app.at(), bench.app.wake()), (7, Wake::Never));
}

#[test]
fn switching_motion_off_ends_the_step_under_way() {
    let mut bench = Bench::recording(stealing(1), None);
    bench.wish(Wish::StepForward);
    bench.wish(Wish::Motion);
    assert_eq!(bench.app.at(), HOME, "reduced motion still takes its time");
    bench.wish(Wish::Motion);
    assert_eq!((bench.app.at(), bench.app.wake()), (7, Wake::Never));
}

#[test]
fn a_pause_freezes_and_playing_goes_on_from_there() {
    let mut bench = Bench::recording(stealing(1), None);
    bench.wish(Wish::PlayPause);
    bench.tick(1);
    bench.tick(200);
    let frozen = bench.app.scene().fraction;
    assert!(frozen > 0.1);
    bench.wish(Wish::PlayPause);
    assert_eq!(bench.app.wake(), Wake::Never);
    bench.tick(200);
    assert_eq!(bench.app.scene().fraction, frozen);
    bench.wish(Wish::PlayPause);
    bench.tick(100);
    assert!(bench.app.scene().fraction > frozen);
}

#[test]
fn playing_comes_to_the_end_and_stops_and_plays_again_from_the_start() {
    let mut bench = Bench::recording(stealing(2), None);
    bench.wish(Wish::PlayPause);
    bench.settle();
    assert_eq!((bench.app.at(), bench.app.is_playing()), (36, false));
    bench.wish(Wish::PlayPause);
    assert_eq!((bench.app.at(), bench.app.is_playing()), (HOME, true));
}

/// How long it takes to play the run, in milliseconds.
fn time_to_play(tempo: Tempo) -> u64 {
    let mut bench = Bench::recording(stealing(3), None);
    while bench.app.tempo() < tempo {
        bench.wish(Wish::Faster);
    }
    while bench.app.tempo() > tempo {
        bench.wish(Wish::Slower);
    }
    bench.wish(Wish::PlayPause);
    let mut time = 0;
    while bench.app.wake() != Wake::Never {
        bench.tick(10);
        time += 10;
        assert!(time < 1_000_000);
    }
    assert_eq!(bench.app.at(), 40);
    time
}

#[test]
fn tempo_is_what_it_says() {
    let normal = time_to_play(Tempo::NORMAL);
    for (tempo, factor) in [("x0.5", 0.5), ("x2", 2.0), ("x4", 4.0), ("x8", 8.0), ("x16", 16.0)] {
        let time = time_to_play(tempo.parse().expect("a tempo")) as f64;
        let expected = normal as f64 / factor;
        assert!((time / expected - 1.0).abs() < 0.1, "{tempo}: {time} for {expected}");
    }
    assert!(time_to_play(Tempo::MAX) < 100);
}

#[test]
fn nothing_travels_above_x4() {
    for tempo in Tempo::all() {
        let mut bench = Bench::recording(stealing(1), None);
        while bench.app.tempo() < tempo {
            bench.wish(Wish::Faster);
        }
        while bench.app.tempo() > tempo {
            bench.wish(Wish::Slower);
        }
        bench.wish(Wish::StepForward);
        let moves = !bench.app.scene().moving.is_empty();
        assert_eq!(moves, tempo.factor() <= 4.0, "{tempo}");
    }
}

#[test]
fn as_fast_as_it_goes_many_records_go_by_in_a_frame() {
    let mut bench = Bench::recording(stealing(4_000), None);
    while bench.app.tempo() < Tempo::MAX {
        bench.wish(Wish::Faster);
    }
    bench.wish(Wish::PlayPause);
    bench.tick(10);
    let play = bench.app.scene().play;
    assert_eq!(play.per_frame, 2000);
    assert_eq!(play.at, HOME + 2000);
    assert!(play.tempo.is_infinite());
    bench.wish(Wish::PlayPause);
    assert_eq!(bench.app.scene().play.per_frame, 0);
    bench.wish(Wish::PlayPause);
    bench.settle();
    assert_eq!(bench.app.at(), bench.app.history().len());
    assert_eq!(bench.app.scene().play.per_frame, 0, "nothing goes by at the end");
}

#[test]
fn words_that_are_new_are_given_time_to_be_read() {
    let mut quiet = Bench::recording(stealing(1), None);
    let mut taught = Bench::recording(stealing(1), Some(LESSON));
    let rest = |bench: &mut Bench| {
        bench.wish(Wish::PlayPause);
        bench.tick(1);
        while bench.app.wake() == Wake::Frame {
            bench.tick(10);
        }
        match bench.app.wake() {
            Wake::After(time) => time,
            other => panic!("{other:?}"),
        }
    };
    let (quiet, taught) = (rest(&mut quiet), rest(&mut taught));
    assert!(taught > quiet + Duration::from_secs(1), "{taught:?} {quiet:?}");
}

#[test]
fn steps_forward_and_back_come_to_the_same_scene() {
    for lesson in [None, Some(LESSON)] {
        let mut bench = Bench::recording(stealing(20), lesson);
        still(&mut bench);
        // Questions are asked once; here they are out of the way.
        bench.wish(Wish::PlayPause);
        while bench.app.at() < bench.app.history().len() {
            bench.wish(Wish::StepForward);
        }
        bench.wish(Wish::Home);
        let mut pictures = vec![bench.picture()];
        for _ in 0..40 {
            bench.wish(Wish::StepForward);
            pictures.push(bench.picture());
        }
        let mut seed = 1;
        let mut at: usize = 40;
        for _ in 0..300 {
            let n = roll(&mut seed, 6) as usize;
            if roll(&mut seed, 2) == 0 {
                let n = n.min(at);
                (0..n).for_each(|_| bench.wish(Wish::StepBack));
                at -= n;
            } else {
                let n = n.min(40 - at);
                (0..n).for_each(|_| bench.wish(Wish::StepForward));
                at += n;
            }
            assert_eq!(bench.picture(), pictures[at]);
        }
    }
}

#[test]
fn playing_to_a_place_and_leaping_to_it_are_the_same() {
    let mut leaping = Bench::recording(stealing(10), None);
    still(&mut leaping);
    let mut places = vec![(leaping.app.at(), leaping.picture())];
    for _ in 0..30 {
        leaping.wish(Wish::StepForward);
        places.push((leaping.app.at(), leaping.picture()));
    }
    let mut playing = Bench::recording(stealing(10), None);
    playing.wish(Wish::PlayPause);
    let mut seen = 0;
    while playing.app.at() < places[30].0 {
        playing.tick(40);
        let at = playing.app.at();
        let at_rest = playing.app.scene().moving.is_empty();
        if let Some((_, picture)) = places.iter().find(|(p, _)| *p == at && at_rest) {
            assert_eq!(&playing.picture(), picture, "at {at}");
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn whatever_the_keys_the_playhead_stays_inside_what_is_known() {
    for seed in 0..60 {
        let lesson = (seed % 2 == 0).then_some(LESSON);
        let mut bench = if seed % 3 == 0 {
            Bench::recording(stealing(3), lesson)
        } else {
            Bench::lab(stealing(3), lesson)
        };
        let mut dice = seed;
        for _ in 0..300 {
            if roll(&mut dice, 3) == 0 {
                bench.tick(roll(&mut dice, 400));
            } else {
                let wish = Wish::ALL[roll(&mut dice, Wish::ALL.len() as u64) as usize];
                bench.wish(wish);
            }
            let known = bench.app.history().len();
            let at = bench.app.at();
            assert!((HOME.min(known)..=known).contains(&at), "{at} of {known}");
            let scene = bench.app.scene();
            assert_eq!(scene.world.seq(), at);
            assert!((0.0..=1.0).contains(&scene.fraction));
            assert!(scene.recent.len() as u64 <= at && scene.recent.len() <= 64);
            assert_eq!(scene.recent.last().map_or(0, |r| r.seq + 1), at);
            if let Some(first) = scene.moving.first() {
                assert_eq!(first.seq, at);
            }
        }
    }
}
