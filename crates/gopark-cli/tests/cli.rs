//! The command without a terminal: what it prints, what it says when it can't, and its exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// How a command ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gopark"));
    command.args(args).stdin(Stdio::null()).env("TERM", "xterm");
    command
}

fn ran(mut command: Command) -> Ran {
    let output = command.output().expect("gopark starts");
    let text = |bytes| String::from_utf8(bytes).expect("what it prints is UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn gopark(args: &[&str]) -> Ran {
    ran(command(args))
}

impl Ran {
    /// It did what was asked and complained of nothing; gives what it printed.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// It could not do it, and says why in words that hold each of these.
    #[track_caller]
    fn failed(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "\"{word}\" is missing in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

/// Lines that tell an event: they begin with a time and name who acts.
fn events(told: &str) -> Vec<&str> {
    let is_event = |line: &&str| {
        let mut words = line.split_whitespace();
        let number = words.next().is_some_and(|word| word.parse::<f64>().is_ok());
        number && words.next().is_some_and(|unit| matches!(unit, "ns" | "µs" | "ms" | "s"))
    };
    told.lines().filter(is_event).collect()
}

/// A folder with one recording of the lesson on stealing.
struct Recorded {
    folder: TempDir,
    file: PathBuf,
    told: String,
}

impl Recorded {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("run.gopark");
        let told = gopark(&["demo", "stealing", "--plain", "--record", path(&file)]).done();
        Self { folder, file, told }
    }

    /// Another recording, with other bytes.
    fn spoiled(&self, how: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = fs::read(&self.file).expect("the recording is there");
        how(&mut bytes);
        let file = self.folder.path().join("spoiled.gopark");
        fs::write(&file, bytes).expect("a file");
        file
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let told = |seed: &str| gopark(&["demo", "stealing", "--plain", "--seed", seed]).done();
    let [once, again, other] = ["7", "7", "8"].map(told);
    assert_eq!(once, again);
    assert_ne!(once, other);
    for told in [&once, &other] {
        assert!(told.lines().any(|line| line == "20 goroutines counted 210"), "{told}");
    }
    assert_eq!(once, gopark(&["demo", "stealing", "--plain"]).done(), "7 is the lesson's own");
}

#[test]
fn a_plain_run_tells_its_lesson_and_ends_well_with_any_number_of_ps() {
    let told = gopark(&["demo", "stealing", "--plain"]).done();
    for part in ["Work stealing", "Chapter 1 of 5", "Chapter 5 of 5", "Question:", "Answer: 2."] {
        assert!(told.contains(part), "\"{part}\" is missing");
    }
    for procs in ["1", "2", "256"] {
        let told = gopark(&["demo", "stealing", "--plain", "--procs", procs]).done();
        assert!(told.contains("20 goroutines counted 210"), "{procs} Ps");
    }
    let live = gopark(&["demo", "stealing", "--plain", "--drive", "live"]).done();
    assert!(live.contains("20 goroutines counted 210"));
}

#[test]
fn bad_use_is_told_with_what_would_be_good() {
    gopark(&["demo", "sleeping", "--plain"]).failed(&["no lesson \"sleeping\"", "stealing"]);
    gopark(&["demo", "sleeping"]).failed(&["no lesson \"sleeping\"", "stealing"]);
    gopark(&["demo", "stealing", "--procs", "0"]).failed(&["--procs", "1..=256", "--help"]);
    gopark(&["demo", "stealing", "--procs", "257"]).failed(&["--procs", "1..=256", "--help"]);
    gopark(&["demo", "stealing", "--seed", "x"]).failed(&["--seed", "--help"]);
    gopark(&["demo", "stealing", "--drive", "dead"]).failed(&["lab", "live"]);
    gopark(&["demo", "stealing", "--color", "blue"]).failed(&["auto", "never"]);
    gopark(&["demo"]).failed(&["<NAME>", "--help"]);
    gopark(&["dmeo"]).failed(&["demo", "--help"]);
}

#[test]
fn a_recording_tells_what_the_run_told() {
    let recorded = Recorded::new();
    let replayed = gopark(&["replay", "--plain", path(&recorded.file)]).done();
    assert!(events(&replayed).len() > 200);
    assert_eq!(events(&replayed), events(&recorded.told));
    let checked = gopark(&["check", path(&recorded.file)]).done();
    assert!(checked.ends_with(" events, 0 findings\n"), "{checked}");
}

#[test]
fn a_live_recording_keeps_every_rule() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("live.gopark");
    let args = ["demo", "stealing", "--plain", "--drive", "live", "--record", path(&file)];
    let told = gopark(&args).done();
    assert_eq!(events(&gopark(&["replay", "--plain", path(&file)]).done()), events(&told));
    let checked = gopark(&["check", path(&file)]).done();
    assert!(checked.ends_with(" events, 0 findings\n"), "{checked}");
}

#[test]
fn a_file_that_is_no_recording_is_not_read() {
    let recorded = Recorded::new();
    let garbage = recorded.spoiled(|bytes| *bytes = b"a diary, not a recording".to_vec());
    let commands =
        |file| [&["check", file][..], &["replay", "--plain", file], &["replay", file]].map(gopark);
    for ran in commands(path(&garbage)) {
        ran.failed(&["spoiled.gopark", "not a gopark recording", "give a file"]);
        assert_eq!(ran.out, "");
    }
    let missing = recorded.folder.path().join("missing.gopark");
    for ran in commands(path(&missing)) {
        ran.failed(&["missing.gopark", "No such file"]);
    }
    for ran in commands(path(recorded.folder.path())) {
        ran.failed(&["directory"]);
    }
}

#[test]
fn a_spoiled_recording_is_read_up_to_where_it_is_whole() {
    let recorded = Recorded::new();
    let flipped = recorded.spoiled(|bytes| {
        let last = bytes.len() - 3;
        bytes[last] ^= 0x40;
    });
    for command in [&["check"][..], &["replay", "--plain"]] {
        let args = [command, &[path(&flipped)]].concat();
        let ran = gopark(&args);
        ran.failed(&["spoiled.gopark", "checksum does not match", "can be replayed"]);
        assert!(!ran.out.is_empty(), "what is whole is told");
    }
    let replayed = gopark(&["replay", "--plain", path(&flipped)]);
    assert_eq!(events(&replayed.out), events(&recorded.told));
}

#[test]
fn a_recording_that_breaks_off_is_no_good_recording() {
    let recorded = Recorded::new();
    let whole = fs::read(&recorded.file).expect("the recording is there").len();
    for length in [0, 5, 20, whole / 2, whole - 1] {
        let cut = recorded.spoiled(|bytes| bytes.truncate(length));
        for command in [&["check"][..], &["replay", "--plain"]] {
            let args = [command, &[path(&cut)]].concat();
            let ran = gopark(&args);
            assert_eq!(ran.code, Some(2), "{args:?} after {length} bytes: {ran:?}");
            ran.failed(&["spoiled.gopark", "breaks off"]);
        }
    }
}

#[test]
fn a_closed_standard_output_is_told_and_no_panic() {
    let lines: &[&[&str]] = &[&["demo", "stealing", "--plain"], &["list"], &["keys"], &["man"]];
    for args in lines {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = command(args);
        command.stdout(writer);
        let ran = ran(command);
        ran.failed(&["standard output can't be written"]);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn a_recording_that_cannot_be_made_is_told_before_the_run() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("no/such/folder/run.gopark");
    let ran = gopark(&["demo", "stealing", "--plain", "--record", path(&file)]);
    ran.failed(&["run.gopark", "No such file"]);
    assert_eq!(ran.out, "");
}

#[test]
fn the_lists_are_there() {
    let list = gopark(&["list"]).done();
    let names: Vec<&str> = list.lines().filter_map(|line| line.split("  ").next()).collect();
    let lessons: Vec<&str> = gopark_demos::LESSONS.iter().map(|lesson| lesson.name).collect();
    assert_eq!(names.iter().map(|name| name.trim()).collect::<Vec<_>>(), lessons);
    assert!(list.lines().all(|line| line.trim_end().len() > 30), "each says what it is about");

    let keys = gopark(&["keys"]).done();
    for key in ["space      play or pause", "one decision back", "q, ctrl-c  quit"] {
        assert!(keys.contains(key), "\"{key}\" is missing in\n{keys}");
    }
    let man = gopark(&["man"]).done();
    for part in [".TH gopark 1", ".SH SYNOPSIS", ".SH OPTIONS", "gopark\\-demo(1)", "NO_COLOR"] {
        assert!(man.contains(part), "\"{part}\" is missing in the man page");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = gopark(&["completions", shell]).done();
        assert!(script.contains("conformance") && script.contains("seed"), "{shell}");
    }
    gopark(&["completions", "tcsh"]).failed(&["bash", "zsh"]);
    assert!(gopark(&["--version"]).done().starts_with("gopark "));
}

#[test]
fn every_command_has_help_with_an_example() {
    let top = gopark(&["--help"]).done();
    let commands = top.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    for name in ["demo", "list", "replay", "check", "conformance", "keys", "completions", "man"] {
        assert!(commands.contains(&name), "{name} is missing in\n{top}");
    }
    for name in commands {
        let help = gopark(&[name, "--help"]).done();
        assert!(help.contains(&format!("Usage: gopark {name}")), "{help}");
        let example = format!("gopark {name}");
        let after = help.split_once("Example").map_or("", |(_, after)| after);
        assert!(after.contains(&example), "{name} has no example");
    }
    assert!(top.contains("Examples:") && top.contains("Exit codes:"), "{top}");
}
