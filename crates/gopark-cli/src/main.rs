//! The `gopark` command: arguments and wiring.
//!
//! In reading order: `args` is what can be said; `stage` opens the stage on a terminal; `session`
//! starts the programs it shows, each in a process of its own; `plain` tells a run as lines;
//! `files` reads and writes recordings; `export` draws them; `conformance` compares with real Go.
#![forbid(unsafe_code)]

mod args;

mod conformance;

mod export;

mod files;

mod plain;

mod session;

mod stage;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use gopark_demos::{LESSONS, Lesson};

use crate::args::{Cli, Command, Demo, DriveArg, Program, RunArgs};

/// Findings, or a mismatch.
const FOUND: u8 = 1;
/// Bad use or bad input.
const BAD: u8 = 2;

/// Why a command could not be done: a line for the user.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl Failed {
    pub(crate) fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = if writes_only(&cli) && stdout_is_closed() {
        Err(Failed::new("standard output is closed; there is nowhere to write to"))
    } else {
        dispatch(cli)
    };
    match done {
        Ok(code) => code,
        Err(Failed(why)) => {
            // With stderr closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "gopark: {why}");
            ExitCode::from(BAD)
        }
    }
}

/// Whether nothing but what it writes comes of a command.
fn writes_only(cli: &Cli) -> bool {
    match &cli.command {
        Some(Command::Demo(demo)) => demo.plain,
        Some(Command::Replay { plain, .. }) => *plain,
        Some(
            Command::List
            | Command::Export { .. }
            | Command::Keys
            | Command::Completions { .. }
            | Command::Man,
        ) => true,
        _ => false,
    }
}

/// Whether the command was started with its standard output closed (`>&-`). The standard library
/// opens `/dev/null` in its place before main, for reading and writing, which no shell does.
fn stdout_is_closed() -> bool {
    let stdout = rustix::stdio::stdout();
    let is_null = rustix::fs::stat("/dev/null")
        .and_then(|null| rustix::fs::fstat(stdout).map(|out| out.st_rdev == null.st_rdev));
    let flags = rustix::fs::fcntl_getfl(stdout);
    is_null == Ok(true) && flags.is_ok_and(|flags| flags.contains(rustix::fs::OFlags::RDWR))
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failed> {
    match cli.command {
        None => stage::menu(&cli.look),
        Some(Command::Demo(demo)) => open_demo(&demo, &cli.look),
        Some(Command::List) => print(&list()),
        Some(Command::Replay { file, plain: true }) => plain::replay(&file),
        Some(Command::Replay { file, plain: false }) => stage::replay(&file, &cli.look),
        Some(Command::Export { file, to, at, size, moving }) => {
            export::export(&file, to, at, size, moving, &cli.look)
        }
        Some(Command::Check { file }) => files::check(&file),
        Some(Command::Conformance { file }) => run_conformance(&file),
        Some(Command::Keys) => print(&gopark_tui::keymap::text()),
        Some(Command::Completions { shell }) => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gopark", &mut out);
            print_bytes(&out)
        }
        Some(Command::Man) => print_bytes(&man().map_err(Failed::new)?),
        Some(Command::Program(program)) => run_program(&program),
    }
}

/// The lesson with this name.
pub(crate) fn lesson(name: &str) -> Result<&'static Lesson, Failed> {
    gopark_demos::find(name).ok_or_else(|| {
        let names: Vec<&str> = LESSONS.iter().map(|lesson| lesson.name).collect();
        Failed(format!("there is no lesson \"{name}\"; there is: {}", names.join(", ")))
    })
}

fn open_demo(demo: &Demo, look: &args::Look) -> Result<ExitCode, Failed> {
    let lesson = lesson(&demo.name)?;
    if demo.run.drive == DriveArg::Live && demo.run.seed.is_some() {
        return Err(Failed::new("--seed belongs to the lab; what happens in live is not drawn"));
    }
    if demo.plain { plain::demo(lesson, demo) } else { stage::demo(lesson, demo, look) }
}

/// The drive and the number of Ps a run is asked for.
pub(crate) fn drive_of(lesson: &Lesson, run: &RunArgs) -> (gopark_demos::Drive, usize) {
    let procs = run.procs.map_or(lesson.procs, usize::from);
    let drive = match run.drive {
        DriveArg::Lab => gopark_demos::Drive::Lab { seed: run.seed.unwrap_or(lesson.seed) },
        DriveArg::Live => gopark_demos::Drive::Live,
    };
    (drive, procs)
}

/// The program of a lesson, by itself: what the stage starts.
fn run_program(program: &Program) -> Result<ExitCode, Failed> {
    let lesson = lesson(&program.name)?;
    let (drive, procs) = drive_of(lesson, &program.run);
    let file = program.record.as_deref().map(files::ToFile::create).transpose()?;
    let sink = file.map(|file| Box::new(file) as Box<dyn gopark::sink::Sink>);
    match gopark_demos::run(lesson, drive, procs, sink) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => failure.exit(),
    }
}

fn run_conformance(file: &std::path::Path) -> Result<ExitCode, Failed> {
    let programs =
        conformance::read(file).map_err(|e| Failed(format!("{}: {e}", file.display())))?;
    if programs.is_empty() {
        return Err(Failed(format!("{}: there are no programs in it", file.display())));
    }
    let mut out = String::new();
    let mut matched = 0;
    for program in &programs {
        match program.check() {
            conformance::Verdict::Match => matched += 1,
            conformance::Verdict::Differs(how) => {
                out += &format!("{}: differs: {how}\n", program.name())
            }
            conformance::Verdict::Unsupported(why) => {
                out += &format!("{}: {why}\n", program.name())
            }
        }
    }
    out += &format!("{matched} of {} programs in Go's order\n", programs.len());
    print(&out)?;
    let all = matched == programs.len();
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// The man page: the command, then each of its commands, then the keys.
fn man() -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut whole = Cli::command();
    whole.build();
    clap_mangen::Man::new(whole.clone()).render(&mut out)?;
    for command in whole.get_subcommands().filter(|command| !command.is_hide_set()) {
        let title = format!(".SH {}\n", command.get_bin_name().unwrap_or_default().to_uppercase());
        out.extend_from_slice(title.as_bytes());
        let man = clap_mangen::Man::new(command.clone());
        // Parts of a section, so their own headings become those of subsections.
        let mut parts = Vec::new();
        man.render_synopsis_section(&mut parts)?;
        man.render_description_section(&mut parts)?;
        man.render_options_section(&mut parts)?;
        man.render_extra_section(&mut parts)?;
        let parts = String::from_utf8_lossy(&parts).replace(".SH ", ".SS ");
        out.extend_from_slice(parts.as_bytes());
    }
    out.extend_from_slice(b".SH KEYS\n.nf\n");
    for line in gopark_tui::keymap::text().lines() {
        out.extend_from_slice(format!("\\&{}\n", line.replace('\\', "\\e")).as_bytes());
    }
    out.extend_from_slice(b".fi\n");
    Ok(out)
}

fn list() -> String {
    let width = LESSONS.iter().map(|lesson| lesson.name.len()).max().unwrap_or(0);
    LESSONS
        .iter()
        .map(|lesson| format!("{:width$}  {}\n", lesson.name, stage::summary(lesson)))
        .collect()
}

fn print(text: &str) -> Result<ExitCode, Failed> {
    print_bytes(text.as_bytes())
}

/// Writes to standard output; one that is closed is an error like any other.
fn print_bytes(bytes: &[u8]) -> Result<ExitCode, Failed> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|e| Failed(format!("standard output can't be written: {e}")))?;
    Ok(ExitCode::SUCCESS)
}
