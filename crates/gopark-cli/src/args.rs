//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use gopark_tui::app::Tempo;
use gopark_tui::charset::Charset;
use gopark_tui::term::detect::ColorFlag;
use gopark_tui::theme::Motion;

/// See a Go-style scheduler work.
#[derive(Debug, Parser)]
#[command(name = "gopark", version, about, long_about = LONG, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) look: Look,
}

const LONG: &str = "See a Go-style scheduler work.

gopark runs small concurrent programs on a real work-stealing goroutine runtime with the rules of
Go 1.27, and shows every move of its scheduler in the terminal: pause it, step it, step back, and
ask each event for its rule. Without a command it opens the menu of lessons.";

const EXAMPLES: &str = "Examples:
  gopark                                   the menu of lessons
  gopark demo stealing                     a lesson, paused, in the lab
  gopark demo stealing --seed 8 --procs 2  the same lesson, another run
  gopark demo stealing --drive live        the same program at full speed
  gopark demo stealing --plain | less      every event as a line, without a screen
  gopark demo stealing --record run.gopark
  gopark replay run.gopark
  gopark check run.gopark                  is every rule kept?

Exit codes: 0 done, 1 findings or mismatch, 2 bad use, bad input, or a program that failed.";

/// How the stage looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Look {
    /// Colours: auto, always, never, truecolor, 256 or 16; auto looks at NO_COLOR and TERM
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: ColorFlag,
    /// Characters: auto looks at the locale and TERM
    #[arg(long, global = true, value_enum, default_value_t = CharsetArg::Auto, value_name = "SET")]
    pub(crate) charset: CharsetArg,
    /// Theme: auto asks the terminal for its background
    #[arg(long, global = true, value_enum, default_value_t = ThemeArg::Auto, value_name = "NAME")]
    pub(crate) theme: ThemeArg,
    /// How much moves
    #[arg(long, global = true, value_enum, default_value_t = MotionArg::Auto, value_name = "HOW")]
    pub(crate) motion: MotionArg,
    /// Frames a second at the most [default: 30, over ssh 15]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) fps: Option<u32>,
}

/// Which characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CharsetArg {
    /// As the terminal can
    Auto,
    /// Lines, blocks and circles
    Unicode,
    /// Nothing but ASCII
    Ascii,
}

impl CharsetArg {
    /// The set, if one is named.
    pub(crate) fn set(self) -> Option<Charset> {
        match self {
            Self::Auto => None,
            Self::Unicode => Some(Charset::Unicode),
            Self::Ascii => Some(Charset::Ascii),
        }
    }
}

/// Which theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThemeArg {
    /// As the terminal is
    Auto,
    /// For a dark background
    Dark,
    /// For a light background
    Light,
    /// High contrast
    Hc,
    /// No colours
    Mono,
}

/// How much moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MotionArg {
    /// As the terminal can
    Auto,
    /// Tokens travel
    Full,
    /// Source and target flash, nothing travels
    Reduced,
    /// Nothing between two states
    Off,
}

impl MotionArg {
    /// The amount, if one is named.
    pub(crate) fn motion(self) -> Option<Motion> {
        match self {
            Self::Auto => None,
            Self::Full => Some(Motion::Full),
            Self::Reduced => Some(Motion::Reduced),
            Self::Off => Some(Motion::Off),
        }
    }
}

/// What moves the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriveArg {
    /// Deterministic, steppable, in virtual time
    Lab,
    /// On kernel threads, at full speed
    Live,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a lesson on the stage
    Demo(Demo),
    /// List the lessons
    #[command(after_help = "Example: gopark list")]
    List,
    /// Open a recording on the stage
    #[command(after_help = "Example: gopark replay run.gopark")]
    Replay {
        /// The recording
        file: PathBuf,
        /// Every event as a line, without a screen
        #[arg(long)]
        plain: bool,
    },
    /// Draw a moment of a recording
    #[command(
        after_help = "Example: gopark export run.gopark --to svg --at 138 --size 120x40 > steal.svg"
    )]
    Export {
        /// The recording
        file: PathBuf,
        /// As what
        #[arg(long, value_enum, default_value_t = ExportAs::Text)]
        to: ExportAs,
        /// After this many events [default: all]
        #[arg(long, value_name = "N")]
        at: Option<u64>,
        /// Columns and rows
        #[arg(long, default_value = "120x40", value_name = "WxH", value_parser = parse_size)]
        size: (u16, u16),
        /// With the step after it this far on its way, 0 to 1
        #[arg(long, value_name = "F", value_parser = parse_fraction)]
        moving: Option<f32>,
    },
    /// Check a recording against the rules of the scheduler
    #[command(
        after_help = "Exit codes: 0 every rule is kept, 1 findings, 2 the file can't be read to its end.\nExample: gopark check run.gopark"
    )]
    Check {
        /// The recording
        file: PathBuf,
    },
    /// Compare small programs with the order of real Go
    #[command(
        after_help = "Prints `N of M programs in Go's order`; exit code 0 only if N = M.\nExample: gopark conformance go-order.json.gz"
    )]
    Conformance {
        /// The programs, as JSON, gzipped or not
        file: PathBuf,
    },
    /// List the keys of the stage
    #[command(after_help = "Example: gopark keys")]
    Keys,
    /// Print completions for a shell
    #[command(
        after_help = "Example: gopark completions bash > ~/.local/share/bash-completion/completions/gopark"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    #[command(after_help = "Example: gopark man | man -l -")]
    Man,
    /// Run the program of a lesson by itself; the stage starts its programs this way
    #[command(hide = true)]
    Program(Program),
}

/// What a moment is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportAs {
    /// Plain text
    Text,
    /// A picture
    Svg,
}

/// The largest picture, in columns or rows.
const LARGEST: u16 = 500;

fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let wanted = "columns and rows, as 120x40";
    let (columns, rows) = text.split_once('x').ok_or(wanted)?;
    let number = |text: &str| text.parse().ok().filter(|n| (1..=LARGEST).contains(n));
    number(columns).zip(number(rows)).ok_or_else(|| wanted.to_owned())
}

fn parse_fraction(text: &str) -> Result<f32, String> {
    let fraction: Option<f32> = text.parse().ok().filter(|f| (0.0..=1.0).contains(f));
    fraction.ok_or_else(|| "choose 0 to 1".to_owned())
}

/// A lesson on the stage.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  gopark demo stealing --seed 8
  gopark demo stealing --drive live --procs 2
  gopark demo stealing --plain --record run.gopark")]
pub(crate) struct Demo {
    /// The lesson; `gopark list` names them
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The tempo to begin with: 0.1, 0.25, 0.5, 1, 2, 4, 8, 16 or max
    #[arg(long, value_name = "X")]
    pub(crate) speed: Option<Tempo>,
    /// Every event as a line, without a screen
    #[arg(long)]
    pub(crate) plain: bool,
    /// Also write every event to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

/// How a program is run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// How many Ps (GOMAXPROCS) [default: what the lesson is made for]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) procs: Option<u16>,
    /// Where every choice of the lab comes from [default: the lesson's]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// What moves the scheduler
    #[arg(long, value_enum, default_value_t = DriveArg::Lab)]
    pub(crate) drive: DriveArg,
}

/// The program of a lesson, by itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct Program {
    /// The lesson
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Also write every event to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}
