//! The stage and its program are two processes: neither takes the other along.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::output::{position, text};
use crate::terminal::{LEFT, PATIENCE, RIGHT, Terminal, stealing};

/// The processes that this one has started.
fn children_of(parent: Pid) -> Vec<Pid> {
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let processes = fs::read_dir("/proc").expect("there is /proc").flatten().filter_map(number);
    let is_child = |pid: &i32| {
        // A process may end while it is looked at. Its name stands in brackets and may hold any.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest);
        let of = after_name.and_then(|rest| rest.split(' ').nth(1)?.parse::<i32>().ok());
        of == Some(parent.as_raw_nonzero().get())
    };
    processes.filter(is_child).filter_map(Pid::from_raw).collect()
}

/// The program of the stage.
fn program_of(terminal: &Terminal) -> Pid {
    let children = children_of(terminal.pid);
    assert_eq!(children.len(), 1, "a stage has one program");
    children[0]
}

/// Waits until the process behind this descriptor has ended.
fn wait_gone(process: &OwnedFd) {
    let time = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let mut changes = [PollFd::new(process, PollFlags::IN)];
    let changed = poll(&mut changes, Some(&time)).expect("it can be waited for");
    assert_eq!(changed, 1, "the program does not end");
}

fn step(terminal: &mut Terminal, key: &str) -> String {
    let from = position(&terminal.now()).0;
    terminal.press(key);
    terminal.wait_for("a step", |screen| position(&text(screen)).0 != from)
}

#[test]
fn the_history_outlives_the_program() {
    let mut terminal = stealing().open();
    terminal.wait_text("1/5 ");
    step(&mut terminal, RIGHT);
    let before = step(&mut terminal, RIGHT);
    kill_process(program_of(&terminal), Signal::KILL).expect("it can be killed");
    let killed = terminal.wait_text("killed by SIGKILL");
    assert_eq!(position(&killed).0, position(&before).0, "the playhead stays where it is");
    let back = step(&mut terminal, LEFT);
    assert!(position(&back).0 < position(&before).0);
    step(&mut terminal, RIGHT);
    terminal.press(RIGHT);
    terminal.wait_text("killed by SIGKILL");
    terminal.press("q");
    assert_eq!(terminal.wait_end().exit_code(), 0);
    terminal.assert_given_back();
}

#[test]
fn a_killed_program_can_be_started_again() {
    let mut terminal = stealing().open();
    let begin = terminal.wait_text("1/5 ");
    kill_process(program_of(&terminal), Signal::KILL).expect("it can be killed");
    terminal.wait_text("killed by SIGKILL");
    terminal.press("r");
    terminal.wait_same(&begin);
    step(&mut terminal, RIGHT);
}

#[test]
fn no_program_outlives_its_stage() {
    for end in [Some(Signal::KILL), Some(Signal::TERM), None] {
        let mut terminal = stealing().open();
        terminal.wait_text("1/5 ");
        let program = pidfd_open(program_of(&terminal), PidfdFlags::empty()).expect("it runs");
        match end {
            Some(signal) => terminal.signal(signal),
            None => terminal.press("q"),
        }
        terminal.wait_end();
        wait_gone(&program);
    }
}

#[test]
fn a_new_run_ends_the_one_before() {
    let mut terminal = stealing().open();
    let begin = terminal.wait_text("1/5 ");
    let first = program_of(&terminal);
    let gone = pidfd_open(first, PidfdFlags::empty()).expect("it runs");
    step(&mut terminal, RIGHT);
    terminal.press("r");
    terminal.wait_same(&begin);
    wait_gone(&gone);
    assert_ne!(program_of(&terminal), first);
}
