//! The program behind the stage: what it is asked, and what happens when it does not answer.

use gopark_trace::protocol::Command;
use gopark_trace::{Drive, Nanos};
use gopark_tui::app::{Action, Effect, Launch, MenuItem, News, Source, Tempo, Wake, Wish};
use gopark_tui::keymap::Context;
use gopark_tui::scene::Overlay;
use gopark_tui::{App, Theme};

use crate::run::{Bench, LESSON, stealing};

const STEP: Command = Command::Step { decisions: 1 };

#[test]
fn in_the_lab_the_first_moment_is_fetched_and_then_nothing() {
    let bench = Bench::lab(stealing(9), None);
    assert_eq!(bench.sent, [STEP]);
    assert_eq!((bench.app.at(), bench.app.history().len()), (6, 7));
    assert_eq!(bench.app.wake(), Wake::Never);
}

#[test]
fn a_step_past_what_is_known_fetches_one_decision() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.step();
    assert_eq!((bench.app.at(), bench.sent.len()), (7, 1), "this one is known");
    for (to, sent) in [8, 10, 12, 14, 16, 18, 20, 22, 25].into_iter().zip(2..) {
        bench.step();
        assert_eq!((bench.app.at(), bench.sent.len()), (to, sent));
    }
    assert!(bench.sent.iter().all(|c| *c == STEP));
    bench.wish(Wish::StepBack);
    bench.step();
    assert_eq!(bench.sent.len(), 10, "the past is known");
}

#[test]
fn a_step_waits_for_all_of_its_records() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.steps_to(22);
    bench.answers = false;
    bench.wish(Wish::StepForward);
    assert_eq!((bench.app.at(), bench.sent.last()), (22, Some(&STEP)));
    let records = stealing(9);
    bench.news(News::Running);
    bench.news(News::Records(records[22..24].to_vec()));
    assert!(bench.app.scene().moving.is_empty(), "more may belong to the step");
    bench.news(News::Records(records[24..25].to_vec()));
    assert!(bench.app.scene().moving.is_empty());
    bench.news(News::Paused { seq: 25, time: Nanos(0) });
    assert_eq!(bench.app.scene().moving.len(), 3);
    assert_eq!(bench.sent.len(), 10, "nothing more is asked");
}

#[test]
fn playing_keeps_a_little_ahead() {
    let mut bench = Bench::lab(stealing(5_000), None);
    bench.wish(Wish::PlayPause);
    for _ in 0..400 {
        bench.tick(33);
        let ahead = bench.app.history().len() - bench.app.at();
        assert!((16..=130).contains(&ahead), "{ahead}");
    }
    assert!(bench.app.at() > 20);
    let more = bench.sent.iter().filter(|c| matches!(c, Command::RunToSeq { .. })).count();
    assert!((1..10).contains(&more), "{more}");
    bench.wish(Wish::PlayPause);
    let sent = bench.sent.len();
    bench.settle();
    assert_eq!(bench.sent.len(), sent, "a paused stage asks for nothing");
}

#[test]
fn faster_play_keeps_further_ahead_and_comes_to_the_end() {
    let mut bench = Bench::lab(stealing(5_000), None);
    while bench.app.tempo() < Tempo::MAX {
        bench.wish(Wish::Faster);
    }
    bench.wish(Wish::PlayPause);
    bench.settle();
    assert_eq!(bench.app.at(), stealing(5_000).len() as u64);
    assert!(bench.sent.len() < 20, "{}", bench.sent.len());
    assert!(!bench.app.is_playing());
}

#[test]
fn a_program_that_does_not_move_is_not_asked_for_ever() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.step();
    bench.answers = false;
    bench.wish(Wish::StepForward);
    assert_eq!(bench.sent.len(), 2);
    for _ in 0..5 {
        bench.news(News::Paused { seq: 7, time: Nanos(0) });
    }
    assert_eq!(bench.sent.len(), 2);
    assert!(bench.app.scene().notice.is_some_and(|n| n.contains("nothing moves")));
    bench.wish(Wish::StepForward);
    assert_eq!(bench.sent.len(), 3, "but another key tries again");
}

#[test]
fn a_key_pressed_before_the_program_is_there_is_done_when_it_comes() {
    let mut bench = Bench::begin(stealing(9), None, Source::Program(Drive::Lab));
    bench.wish(Wish::StepForward);
    assert_eq!((bench.app.at(), bench.sent.len()), (0, 0));
    bench.news(News::Connected);
    bench.news(News::Paused { seq: 0, time: Nanos(0) });
    bench.settle();
    assert_eq!(bench.app.at(), 7);
}

#[test]
fn the_next_chapter_is_looked_for_in_the_program() {
    let mut bench = Bench::lab(stealing(9), Some(LESSON));
    let mut places = Vec::new();
    for _ in 0..4 {
        bench.wish(Wish::NextChapter);
        places.push(bench.app.at());
    }
    assert_eq!(places, [7, 21, 26, 26]);
    assert!(bench.app.scene().notice.is_some_and(|n| n.contains("last chapter")));
    let mut back = Vec::new();
    for _ in 0..4 {
        bench.wish(Wish::PrevChapter);
        back.push(bench.app.at());
    }
    assert_eq!(back, [21, 7, 6, 6]);
}

#[test]
fn a_chapter_that_never_begins_is_given_up_at_the_end() {
    let never = LESSON.replace("when: GoPark\n", "when: GoPanic\n");
    let mut bench = Bench::lab(stealing(9), Some(&never));
    for _ in 0..3 {
        bench.wish(Wish::NextChapter);
    }
    assert_eq!(bench.app.at(), 21);
    assert!(bench.app.scene().notice.is_some_and(|n| n.contains("no further chapter")));
}

#[test]
fn the_bar_shows_chapters_that_are_known() {
    let mut bench = Bench::recording(stealing(1), Some(LESSON));
    bench.wish(Wish::NextChapter);
    let scene = bench.app.scene();
    let marks: Vec<u64> = scene.play.chapters.iter().map(|(at, _)| *at).collect();
    assert_eq!(marks, [7, 21, 26]);
    assert_eq!(scene.narration.chapter, Some((1, 3, "One P gets everything".to_owned())));
    assert_eq!(scene.play.drive, "recording");
    assert!(scene.play.complete);
}

#[test]
fn when_the_program_dies_the_history_stays() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.steps_to(22);
    bench.answers = false;
    bench.wish(Wish::StepForward);
    bench.news(News::Ended { how: "killed by SIGSEGV".to_owned(), well: false });
    assert_eq!(bench.app.scene().notice, Some("killed by SIGSEGV"));
    assert_eq!((bench.app.at(), bench.app.wake()), (22, Wake::Never));
    bench.wish(Wish::StepBack);
    assert_eq!((bench.app.at(), bench.app.scene().notice), (20, None));
    bench.step();
    assert_eq!(bench.app.at(), 22);
    assert_eq!(bench.app.scene().notice, Some("killed by SIGSEGV"), "said again at the end");
    let sent = bench.sent.len();
    bench.wish(Wish::StepForward);
    bench.wish(Wish::PlayPause);
    bench.settle();
    assert_eq!(bench.sent.len(), sent, "the dead are not asked");
}

#[test]
fn a_good_end_is_told_only_where_it_is() {
    let mut bench = Bench::lab(stealing(0), None);
    bench.wish(Wish::PlayPause);
    bench.tick(1);
    assert!(bench.app.history().complete(), "the program is far ahead");
    assert_eq!(bench.app.scene().notice, None);
    bench.settle();
    assert_eq!(bench.app.scene().notice, Some("main returned"));
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let mut bench = Bench::begin(Vec::new(), None, Source::Program(Drive::Lab));
    bench.news(News::Failed("no such program".to_owned()));
    assert_eq!(bench.app.scene().notice, Some("no such program"));
    bench.step();
    assert_eq!(bench.app.at(), 0);
}

#[test]
fn news_of_an_earlier_run_are_dropped() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.act(Action::News { run: 0, news: News::Records(stealing(1)) });
    bench.act(Action::News { run: 0, news: News::Failed("x".to_owned()) });
    assert_eq!(bench.app.history().len(), 7);
    assert_eq!(bench.app.scene().notice, None);
}

#[test]
fn news_of_a_later_run_wait_for_its_launch() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.act(Action::News { run: 3, news: News::Records(stealing(1)) });
    bench.act(Action::News { run: 2, news: News::Failed("x".to_owned()) });
    assert_eq!(bench.app.history().len(), 7);
    let mut run = bench.app.run().clone();
    run.id = 3;
    bench.act(Action::Launched(Box::new(run)));
    assert_eq!((bench.app.history().len(), bench.app.at()), (32, 6));
    assert_eq!(bench.app.scene().notice, None, "the run that failed is forgotten");
}

#[test]
fn output_is_shown_up_to_the_playhead() {
    let mut bench = Bench::lab(stealing(9), None);
    bench.news(News::Output("first".to_owned()));
    bench.step();
    bench.step();
    bench.news(News::Output("second".to_owned()));
    assert_eq!(bench.app.scene().output, ["first", "second"]);
    bench.wish(Wish::StepBack);
    assert_eq!(bench.app.scene().output, ["first"]);
}

#[test]
fn output_of_a_program_that_runs_ahead_is_no_result_before_its_cause() {
    let records = stealing(9);
    let mut bench = Bench::lab(records.clone(), None);
    bench.answers = false;
    bench.wish(Wish::PlayPause);
    assert!(matches!(bench.sent.last(), Some(Command::RunToSeq { .. })));
    bench.news(News::Running);
    bench.news(News::Output("the result".to_owned()));
    bench.news(News::Records(records[7..40].to_vec()));
    bench.wish(Wish::End);
    assert_eq!(bench.app.at(), 40);
    assert!(bench.app.scene().output.is_empty());
    bench.news(News::Records(records[40..60].to_vec()));
    bench.news(News::Paused { seq: 60, time: Nanos(0) });
    assert!(bench.app.scene().output.is_empty(), "it may belong to the last of these");
    bench.wish(Wish::End);
    assert_eq!(bench.app.scene().output, ["the result"]);
}

// ---- live ----

fn live() -> Bench {
    let mut bench = Bench::begin(Vec::new(), None, Source::Program(Drive::Live));
    bench.news(News::Connected);
    bench.news(News::Running);
    bench
}

#[test]
fn a_live_program_runs_at_once_at_full_speed_and_is_followed() {
    let mut bench = live();
    assert_eq!(bench.sent, [Command::Run {}]);
    assert!(bench.app.is_playing() && bench.app.tempo() == Tempo::MAX);
    let records = stealing(500);
    for part in records.chunks(100) {
        bench.news(News::Records(part.to_vec()));
        bench.tick(33);
        assert_eq!(bench.app.at(), bench.app.history().len());
    }
    assert_eq!(bench.app.wake(), Wake::Never, "what comes next wakes it");
}

#[test]
fn a_pause_stops_the_program_and_the_playhead_stands() {
    let mut bench = live();
    let records = stealing(50);
    bench.news(News::Records(records[..40].to_vec()));
    bench.tick(33);
    bench.wish(Wish::PlayPause);
    assert_eq!(bench.sent.last(), Some(&Command::Pause {}));
    bench.news(News::Records(records[40..60].to_vec()));
    bench.news(News::Paused { seq: 60, time: Nanos(0) });
    assert_eq!((bench.app.at(), bench.app.wake()), (40, Wake::Never));
    assert_eq!(bench.sent.len(), 2, "it stays paused");
    // Steps go through what is known first, then let the program do one.
    bench.step();
    assert!((41..=44).contains(&bench.app.at()) && bench.sent.len() == 2);
    bench.wish(Wish::End);
    assert_eq!(bench.app.at(), 60);
}

#[test]
fn a_step_at_the_end_lets_the_program_do_one() {
    let mut bench = live();
    let records = stealing(50);
    bench.news(News::Records(records[..40].to_vec()));
    bench.tick(33);
    bench.wish(Wish::StepForward);
    assert_eq!(bench.sent.last(), Some(&Command::Pause {}), "first it must stand");
    bench.news(News::Paused { seq: 40, time: Nanos(0) });
    assert_eq!(bench.sent.last(), Some(&STEP));
    bench.news(News::Records(records[40..44].to_vec()));
    bench.news(News::Paused { seq: 44, time: Nanos(0) });
    assert_eq!(bench.sent.len(), 3);
    bench.settle();
    assert!(bench.app.at() > 40);
    assert!(!bench.app.is_playing());
}

#[test]
fn it_goes_on_when_asked_even_if_asked_before_it_stands() {
    let mut bench = live();
    bench.news(News::Records(stealing(50)[..40].to_vec()));
    bench.tick(33);
    bench.wish(Wish::PlayPause);
    bench.wish(Wish::PlayPause);
    assert_eq!(bench.sent.len(), 2, "run, pause");
    bench.news(News::Paused { seq: 40, time: Nanos(0) });
    assert_eq!(bench.sent.last(), Some(&Command::Run {}));
    assert!(bench.app.is_playing());
}

#[test]
fn going_back_moves_the_playhead_only() {
    let mut bench = live();
    bench.news(News::Records(stealing(50)[..40].to_vec()));
    bench.tick(33);
    bench.wish(Wish::StepBack);
    assert!(bench.app.at() < 40 && !bench.app.is_playing());
    assert_eq!(bench.sent, [Command::Run {}]);
    bench.news(News::Records(stealing(50)[40..80].to_vec()));
    bench.tick(33);
    assert!(bench.app.at() < 40);
    bench.wish(Wish::End);
    bench.tick(33);
    assert_eq!((bench.app.at(), bench.app.is_playing()), (80, true), "the end is followed");
}

#[test]
fn tempo_slows_the_live_program_itself() {
    let mut bench = live();
    bench.wish(Wish::Slower);
    let Some(Command::Tempo { decisions_per_s }) = bench.sent.last() else {
        panic!("{:?}", bench.sent);
    };
    assert_eq!(*decisions_per_s, 16);
    bench.wish(Wish::Faster);
    assert_eq!(bench.sent.last(), Some(&Command::Tempo { decisions_per_s: 0 }));
    bench.wish(Wish::Faster);
    assert_eq!(bench.sent.len(), 3, "there is nothing above full speed");
}

#[test]
fn a_follower_who_is_too_slow_leaps() {
    let mut bench = live();
    while bench.app.tempo() > Tempo::NORMAL {
        bench.wish(Wish::Slower);
    }
    bench.news(News::Records(stealing(2_000)));
    bench.tick(33);
    assert_eq!(bench.app.at(), bench.app.history().len());
}

// ---- menu and runs ----

fn menu() -> App {
    let item = |name: &str| MenuItem { name: name.to_owned(), summary: format!("about {name}") };
    App::new(Theme::default(), vec![item("stealing"), item("handoff"), item("netpoll")])
}

#[test]
fn the_menu_launches_what_is_chosen() {
    let mut app = menu();
    assert_eq!(app.context(), Context::Menu);
    for wish in [Wish::Up, Wish::Down, Wish::PageDown, Wish::Up] {
        app.update(Action::Wish(wish));
    }
    let Overlay::Menu(card) = app.scene().overlay else { panic!("a menu") };
    assert_eq!((card.at, card.items[1].1.as_str()), (1, "about handoff"));
    app.update(Action::Wish(Wish::Close));
    assert_eq!(app.context(), Context::Menu, "there is nothing behind it");
    let effects = app.update(Action::Wish(Wish::Open));
    let launch = Launch { name: "handoff".to_owned(), drive: Drive::Lab, seed: None };
    assert!(effects.contains(&Effect::Launch(launch)));
}

#[test]
fn what_covers_the_menu_gives_it_back() {
    let mut app = menu();
    app.update(Action::Wish(Wish::Help));
    assert_eq!((app.context(), app.scene().overlay), (Context::Overlay, Overlay::Help));
    app.update(Action::Wish(Wish::Close));
    assert_eq!(app.context(), Context::Menu);
}

#[test]
fn a_run_goes_on_under_the_menu_where_it_was() {
    let mut app = menu();
    let run = Bench::begin(Vec::new(), None, Source::Recording).app.run().clone();
    app.update(Action::Launched(Box::new(run)));
    assert_eq!(app.context(), Context::Stage);
    app.update(Action::News { run: 1, news: News::Records(stealing(1)) });
    app.update(Action::Wish(Wish::PlayPause));
    app.update(Action::Wish(Wish::Menu));
    assert_eq!((app.context(), app.is_playing()), (Context::Menu, false));
    let Overlay::Menu(card) = app.scene().overlay else { panic!("a menu") };
    assert_eq!(card.at, 0, "the lesson that is open is chosen");
    app.update(Action::Wish(Wish::Close));
    assert_eq!((app.context(), app.at()), (Context::Stage, 6));
}

#[test]
fn again_and_otherwise() {
    let mut bench = Bench::lab(stealing(1), None);
    bench.wish(Wish::Restart);
    bench.wish(Wish::OtherDrive);
    let launch = Launch { name: "stealing".to_owned(), drive: Drive::Live, seed: Some(7) };
    assert_eq!(bench.others, [Effect::Restart, Effect::Launch(launch)]);
    let mut read = Bench::recording(stealing(1), None);
    read.wish(Wish::Restart);
    read.wish(Wish::OtherDrive);
    assert!(read.others.is_empty(), "a recording has no program");
}

#[test]
fn a_new_run_forgets_the_old_one() {
    let mut bench = Bench::lab(stealing(9), Some(LESSON));
    for _ in 0..3 {
        bench.step();
    }
    bench.news(News::Output("old".to_owned()));
    bench.wish(Wish::Answer(1));
    let mut run = bench.app.run().clone();
    run.id = 2;
    bench.act(Action::Launched(Box::new(run)));
    assert_eq!((bench.app.at(), bench.app.history().len()), (0, 0));
    assert_eq!(bench.app.score().answered, 0);
    let scene = bench.app.scene();
    assert!(scene.output.is_empty() && scene.question.is_none() && scene.moving.is_empty());
    assert_eq!(scene.narration.text, "Somebody has too much.");
}

#[test]
fn effects_that_are_for_the_terminal() {
    let mut bench = Bench::recording(stealing(1), None);
    for (wish, effect) in [
        (Wish::Quit, Effect::Quit),
        (Wish::Suspend, Effect::Suspend),
        (Wish::Repaint, Effect::Repaint),
    ] {
        bench.wish(wish);
        assert_eq!(bench.others.pop(), Some(effect));
    }
}
