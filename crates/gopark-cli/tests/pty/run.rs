//! What is run: from the menu, live, from a recording.

use std::process::Command;

use crate::output::{position, text};
use crate::terminal::{RIGHT, gopark};

#[test]
fn the_menu_opens_a_lesson() {
    let mut terminal = gopark(&["--theme", "dark", "--motion", "off"]).open();
    let menu = terminal.wait_text("a Go scheduler, in your hands");
    assert!(menu.contains("stealing  One P is flooded"), "{menu}");
    terminal.press("\r");
    let stage = terminal.wait_text("1/5 One P, one goroutine");
    assert!(stage.contains("PAUSED"), "{stage}");
    terminal.press("l");
    let menu = terminal.wait_text("in your hands");
    assert!(menu.contains("stealing  One P is flooded"), "{menu}");
    terminal.press("\x1b");
    terminal.wait_same(&stage);
    terminal.press("q");
    assert_eq!(terminal.wait_end().exit_code(), 0);
    terminal.assert_given_back();
}

#[test]
fn a_live_run_goes_to_its_end_and_says_so() {
    let mut terminal = gopark(&["demo", "stealing", "--drive", "live", "--theme", "dark"]).open();
    let end = terminal.wait_text("ENDED");
    assert!(end.contains("live"), "{end}");
    terminal.press("o");
    terminal.wait_text("20 goroutines counted 210");
    terminal.press("\x1b");
    // All of it stays to be looked at.
    terminal.wait_gone("20 goroutines counted 210");
    let known = position(&terminal.now()).1;
    terminal.press("\x1b[H");
    let home = terminal.wait_for("the beginning", |screen| position(&text(screen)).0 < known / 2);
    assert_eq!(position(&home).1, known);
}

#[test]
fn a_recording_opens_on_the_stage() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.gopark");
    let path = file.to_str().expect("a path in UTF-8");
    let recorded = Command::new(env!("CARGO_BIN_EXE_gopark"))
        .args(["demo", "stealing", "--plain", "--record", path])
        .output()
        .expect("gopark starts");
    assert!(recorded.status.success());
    let events = String::from_utf8_lossy(&recorded.stdout).lines().count() as u64;

    let mut terminal = gopark(&["replay", path, "--theme", "dark", "--motion", "off"]).open();
    let begin = terminal.wait_text("run.gopark");
    assert!(begin.contains("PAUSED"), "{begin}");
    let begin = terminal.wait_for("all of it", |screen| position(&text(screen)).1 > events / 2);
    terminal.press(RIGHT);
    terminal.wait_for("a step", |screen| position(&text(screen)).0 > position(&begin).0);
    terminal.press("\x1b[F");
    let end = terminal.wait_text("ENDED");
    let (at, known) = position(&end);
    assert_eq!(at, known);
    terminal.press("\x1b[H");
    terminal.wait_same(&begin);
}
