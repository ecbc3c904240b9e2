//! Every way out gives the terminal back, and says by its exit code which it was.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::terminal::{gopark, stealing};

#[test]
fn q_and_ctrl_c_end_well() {
    for key in ["q", "\x03"] {
        let mut terminal = stealing().open();
        terminal.wait_text("1/5 ");
        terminal.press(key);
        assert_eq!(terminal.wait_end().exit_code(), 0);
        terminal.assert_given_back();
    }
}

#[test]
fn a_playing_stage_ends_as_well() {
    let mut terminal = gopark(&["demo", "stealing", "--theme", "dark", "--speed", "2"]).open();
    terminal.wait_text("1/5 ");
    terminal.press(" ");
    terminal.wait_text("PLAYING");
    terminal.press("q");
    assert_eq!(terminal.wait_end().exit_code(), 0);
    terminal.assert_given_back();
}

#[test]
fn signals_end_it_with_their_exit_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut terminal = stealing().open();
        terminal.wait_text("1/5 ");
        terminal.signal(signal);
        assert_eq!(terminal.wait_end().exit_code(), code, "{signal:?}");
        terminal.assert_given_back();
    }
}

#[test]
fn nothing_is_left_in_the_folder_for_temporary_files() {
    let mut terminal = stealing().open();
    terminal.wait_text("1/5 ");
    terminal.press("q");
    assert_eq!(terminal.wait_end().exit_code(), 0);
    let left: Vec<_> = std::fs::read_dir(terminal.temp.path())
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn it_stops_and_goes_on() {
    for by_key in [true, false] {
        let mut terminal = stealing().open();
        let stage = terminal.wait_text("1/5 ");
        if by_key {
            terminal.press("\x1a");
        } else {
            terminal.signal(Signal::TSTP);
        }
        terminal.wait_stopped();
        terminal.wait_for("the shell's screen", |screen| !screen.alternate_screen());
        terminal.assert_given_back();
        terminal.signal(Signal::CONT);
        terminal.wait_for("the stage's screen", |screen| screen.alternate_screen());
        terminal.wait_same(&stage);
        terminal.press("q");
        assert_eq!(terminal.wait_end().exit_code(), 0);
        terminal.assert_given_back();
    }
}

#[test]
fn a_terminal_that_can_do_nothing_is_told_what_can_be_done() {
    let mut terminal = stealing().env("TERM", "dumb").open();
    assert_eq!(terminal.wait_end().exit_code(), 2);
    let said = terminal.now();
    assert!(said.contains("--plain") && said.contains("move its cursor"), "{said}");
    assert!(!terminal.raw().contains(&b'\x1b'), "no escape sequence is sent to it");
    terminal.assert_given_back();
}

#[test]
fn what_is_no_terminal_is_told_what_can_be_done() {
    for args in [&["demo", "stealing"][..], &[]] {
        let output = Command::new(env!("CARGO_BIN_EXE_gopark"))
            .args(args)
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .output()
            .expect("gopark starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("needs a terminal") && said.contains("--plain"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
