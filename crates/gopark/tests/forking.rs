//! Forks in a goroutine of a live run: the child is outside of it, and says so.
#![cfg(target_os = "linux")]

#[path = "support/live.rs"]
mod runs;

use std::io::Read;
use std::os::fd::FromRawFd;
use std::process::Command;

use gopark::{chan, go, lab, yield_now};
use runs::live;

/// What `deed` comes to in a forked child: its panic's message, or "no panic".
fn in_child(deed: impl FnOnce()) -> String {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the child uses memory it has and leaves by _exit; glibc keeps malloc usable in it.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let told = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(deed)) {
            Ok(()) => "no panic".to_owned(),
            Err(panic) => panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
                .unwrap_or_default(),
        };
        // SAFETY: plain calls; the text is there.
        unsafe {
            libc::write(ends[1], told.as_ptr().cast(), told.len());
            libc::_exit(0);
        }
    }
    assert!(child > 0, "no child");
    // SAFETY: both are ours, and used here only.
    let mut reader = unsafe {
        libc::close(ends[1]);
        std::fs::File::from_raw_fd(ends[0])
    };
    let mut told = String::new();
    reader.read_to_string(&mut told).expect("it is text");
    // SAFETY: the child is ours; its status does not matter.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    told
}

const SAYS: &str = "gopark: this process was forked by a goroutine of a live run, whose threads are not \
                    here; nothing of gopark works in it until it executes another program";

#[test]
fn a_call_into_gopark_in_a_forked_child_says_what_is_wrong() {
    let told = live(2).run(|| {
        [
            in_child(|| yield_now()),
            in_child(|| drop(go(|| ()))),
            in_child(|| gopark::syscall(|| ())),
        ]
    });
    assert_eq!(told, [SAYS; 3]);
}

#[test]
fn the_parent_goes_on_after_a_fork() {
    let sum = live(2).run(|| {
        let (tx, rx) = chan::<u32>(0);
        assert_eq!(in_child(|| ()), "no panic");
        drop(go(move || {
            (0..10).for_each(|n| tx.send(n));
            tx.close();
        }));
        rx.iter().sum::<u32>()
    });
    assert_eq!(sum, 45);
}

#[test]
fn a_command_works_as_ever() {
    let program = || {
        let output = Command::new("/bin/sh").args(["-c", "echo here"]).output().expect("a shell");
        String::from_utf8(output.stdout).expect("it is text")
    };
    assert_eq!(lab(1).unwatched().run(program), "here\n");
    assert_eq!(live(2).run(program), "here\n");
    let wrapped = || {
        let mut shell = Command::new("/bin/sh");
        // SAFETY: nothing is done between fork and exec; it is there so that there is a fork.
        unsafe { std::os::unix::process::CommandExt::pre_exec(&mut shell, || Ok(())) };
        shell.args(["-c", "exit 3"]).status().expect("a shell").code()
    };
    assert_eq!(live(2).run(wrapped), Some(3));
}
