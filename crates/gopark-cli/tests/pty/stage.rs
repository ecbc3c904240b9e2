//! The stage at rest and under the keys: it starts in every size, and each key does what it says.

use crate::output::{position, text};
use crate::terminal::{LEFT, RIGHT, Terminal, gopark, stealing};

/// The screen without its two last rows, which also tell how much of the future is known.
fn above_the_bar(screen: &str) -> String {
    let rows: Vec<&str> = screen.lines().collect();
    rows[..rows.len().saturating_sub(2)].join("\n")
}

/// Goes to a chapter, one after the other.
fn go_to_chapter(terminal: &mut Terminal, chapter: u32) {
    terminal.wait_text("1/5 ");
    for n in 2..=chapter {
        terminal.press("n");
        terminal.wait_text(&format!("{n}/5 "));
    }
}

/// Steps until a question is asked.
fn step_to_question(terminal: &mut Terminal) -> String {
    loop {
        let before = position(&terminal.now()).0;
        terminal.press(RIGHT);
        let moved = |screen: &str| screen.contains("predict") || position(screen).0 > before;
        let screen = terminal.wait_for("a step", |screen| moved(&text(screen)));
        if screen.contains("predict") {
            return screen;
        }
    }
}

#[test]
fn a_lesson_starts_at_rest_in_every_size() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut terminal = stealing().size(columns, rows).open();
        let screen = terminal.wait_text("One P, one goroutine");
        assert!(screen.contains("PAUSED"), "{screen}");
        assert!(screen.contains("Work stealing"), "{screen}");
        for p in ["P0", "P1", "P2", "P3"] {
            assert!(screen.contains(p), "{p} is missing in\n{screen}");
        }
        let last = screen.lines().last().unwrap_or_default();
        assert!(last.contains("q quit") && last.contains("? help"), "the keys: {last}");
        assert!(screen.lines().any(|row| row.chars().count() > usize::from(columns) - 8));
        terminal.wait_for("a stage of its own", |s| s.alternate_screen() && s.hide_cursor());
        terminal.press("q");
        assert_eq!(terminal.wait_end().exit_code(), 0);
        terminal.assert_given_back();
    }
}

#[test]
fn steps_back_show_what_steps_forth_have_shown() {
    let mut terminal = stealing().open();
    let mut screens = vec![terminal.wait_text("1/5 ")];
    for _ in 0..12 {
        let before = screens.last().cloned().unwrap_or_default();
        terminal.press(RIGHT);
        let moved = |screen: &str| position(screen).0 > position(&before).0;
        let after = terminal.wait_for("a step", |screen| moved(&text(screen)));
        assert_ne!(above_the_bar(&after), above_the_bar(&before), "a step changes something");
        screens.push(after);
    }
    let known = position(screens.last().expect("a screen")).1;
    for expected in screens.iter_mut().rev().skip(1) {
        terminal.press(LEFT);
        let there = position(expected).0;
        let back = |screen: &str| position(screen) == (there, known);
        let screen = terminal.wait_for("a step back", |screen| back(&text(screen)));
        assert_eq!(above_the_bar(&screen), above_the_bar(expected));
        *expected = screen;
    }
    // All is known now, so the whole screens are the same, on every way.
    for expected in &screens[1..] {
        terminal.press(RIGHT);
        terminal.wait_same(expected);
    }
    for expected in screens.iter().rev().skip(1) {
        terminal.press(LEFT);
        terminal.wait_same(expected);
    }
}

#[test]
fn an_event_forth_and_back_is_less_than_a_step() {
    let mut terminal = stealing().open();
    let begin = terminal.wait_text("1/5 ");
    let (at, _) = position(&begin);
    terminal.press(".");
    terminal.wait_for("one event more", |screen| position(&text(screen)).0 == at + 1);
    terminal.press(".");
    terminal.wait_for("two events more", |screen| position(&text(screen)).0 == at + 2);
    terminal.press(",,");
    terminal.wait_same(&begin);
}

#[test]
fn space_plays_and_pauses() {
    let mut terminal = gopark(&["demo", "stealing", "--theme", "dark", "--speed", "8"]).open();
    let (at, _) = position(&terminal.wait_text("1/5 "));
    terminal.press(" ");
    terminal.wait_text("PLAYING x8");
    terminal.wait_for("it moves", |screen| position(&text(screen)).0 > at + 5);
    terminal.press(" ");
    let paused = terminal.wait_text("PAUSED x8");
    terminal.press("?");
    terminal.wait_text("esc closes");
    terminal.press("\x1b");
    let later = terminal.wait_for("no help", |screen| !text(screen).contains("esc closes"));
    assert_eq!(position(&later).0, position(&paused).0, "what is paused does not move");
}

#[test]
fn chapters_are_gone_through_both_ways() {
    let titles = ["One P, one goroutine", "Somebody is woken", "The flood", "Half of it"];
    let mut terminal = stealing().open();
    let mut positions = vec![position(&terminal.wait_text("1/5 One P, one goroutine")).0];
    for (n, title) in titles.iter().enumerate().skip(1) {
        terminal.press("n");
        positions.push(position(&terminal.wait_text(&format!("{}/5 {title}", n + 1))).0);
    }
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    for (n, title) in titles.iter().enumerate().rev().skip(1) {
        terminal.press("p");
        let screen = terminal.wait_text(&format!("{}/5 {title}", n + 1));
        assert_eq!(position(&screen).0, positions[n]);
    }
}

#[test]
fn a_chapter_that_was_looked_for_is_no_longer_looked_for() {
    let mut terminal = stealing().open();
    go_to_chapter(&mut terminal, 2);
    terminal.wait_gone("looking for the next chapter");
}

#[test]
fn a_question_is_answered_and_judged() {
    for (digit, marks, score) in [
        ("2", ["   1 one", "ok 2 half of them", "   3 all"], "right: 1 of 1"),
        ("1", ["no 1 one", "ok 2 half of them", "   3 all"], "right: 0 of 1"),
    ] {
        let mut terminal = stealing().open();
        go_to_chapter(&mut terminal, 4);
        let question = step_to_question(&mut terminal);
        assert!(question.contains("press 1-3"), "{question}");
        assert!(!question.contains("Half, rounded up"), "it does not say why before\n{question}");
        terminal.press(digit);
        let verdict = terminal.wait_text("space goes on");
        for mark in marks {
            assert!(verdict.contains(mark), "\"{mark}\" is missing in\n{verdict}");
        }
        assert!(verdict.contains(score) && verdict.contains("Half, rounded up"), "{verdict}");
        assert!(position(&verdict).0 > position(&question).0, "the answer lets it happen");
    }
}

#[test]
fn a_question_can_be_passed_over() {
    let mut terminal = stealing().open();
    go_to_chapter(&mut terminal, 4);
    let question = step_to_question(&mut terminal);
    terminal.press(RIGHT);
    terminal.wait_gone("predict");
    assert!(position(&terminal.now()).0 > position(&question).0);
}

#[test]
fn help_covers_the_stage_and_esc_takes_it_away() {
    let mut terminal = stealing().size(120, 40).open();
    let stage = terminal.wait_text("1/5 ");
    terminal.press("?");
    let help = terminal.wait_text("esc closes");
    for does in ["play or pause", "one decision back", "one chapter forward", "ctrl-z", "ctrl-l"] {
        assert!(help.contains(does), "\"{does}\" is missing in\n{help}");
    }
    terminal.press("\x1b");
    terminal.wait_same(&stage);
}

#[test]
fn a_window_may_have_any_size_at_any_time() {
    let terminal = stealing().open();
    let stage = terminal.wait_text("1/5 ");
    terminal.resize(120, 40);
    terminal.wait_for("a larger stage", |screen| text(screen).lines().count() > 35);
    terminal.resize(10, 3);
    terminal.wait_for("the page that says so", |screen| text(screen).contains("q quit"));
    terminal.resize(1, 1);
    terminal.resize(30, 10);
    let small = terminal.wait_text("have 30x10");
    assert!(small.contains("too small"), "{small}");
    terminal.resize(80, 24);
    terminal.wait_same(&stage);
}

#[test]
fn a_playing_stage_goes_on_in_another_size() {
    let mut terminal = gopark(&["demo", "stealing", "--theme", "dark", "--speed", "4"]).open();
    terminal.wait_text("1/5 ");
    terminal.press(" ");
    for (columns, rows) in [(120, 40), (10, 3), (60, 16), (200, 60), (80, 24)] {
        terminal.resize(columns, rows);
        if (columns, rows) == (10, 3) {
            terminal.wait_text("q quit");
            continue;
        }
        let at = position(&terminal.wait_text("PLAYING x4")).0;
        terminal.wait_for("it moves", |screen| position(&text(screen)).0 > at);
    }
    terminal.press("q");
    assert_eq!(terminal.wait_end().exit_code(), 0);
    terminal.assert_given_back();
}
