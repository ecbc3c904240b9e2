//! What the terminal can show, found out from flags and environment.
//!
//! Every function takes the environment as a function, so nothing here reads the real one.

use std::fmt;
use std::str::FromStr;

use super::TermError;
use crate::charset::Charset;
use crate::theme::{Depth, Motion};

/// Frames a second.
pub const FPS: u32 = 30;
/// Frames a second over ssh.
pub const FPS_FAR: u32 = 15;
/// The most frames a second one may ask for.
pub const FPS_MOST: u32 = 120;

/// What `--color` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorFlag {
    /// As the environment says.
    #[default]
    Auto,
    /// Colours, at least 16.
    Always,
    /// No colours.
    Never,
    /// Exactly these.
    Depth(Depth),
}

/// The words of [`ColorFlag`].
const COLOR_FLAGS: [(&str, ColorFlag); 6] = [
    ("auto", ColorFlag::Auto),
    ("always", ColorFlag::Always),
    ("never", ColorFlag::Never),
    ("truecolor", ColorFlag::Depth(Depth::True)),
    ("256", ColorFlag::Depth(Depth::C256)),
    ("16", ColorFlag::Depth(Depth::C16)),
];

impl ColorFlag {
    /// The words there are.
    pub fn words() -> impl Iterator<Item = &'static str> {
        COLOR_FLAGS.iter().map(|(word, _)| *word)
    }
}

/// A word that is no [`ColorFlag`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoColorFlag(String);

impl fmt::Display for NoColorFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = ColorFlag::words().collect();
        write!(f, "\"{}\" is none of {}", self.0, words.join(", "))
    }
}

impl std::error::Error for NoColorFlag {}

impl FromStr for ColorFlag {
    type Err = NoColorFlag;

    fn from_str(text: &str) -> Result<Self, NoColorFlag> {
        let found = COLOR_FLAGS.iter().find(|(word, _)| *word == text);
        found.map(|(_, flag)| *flag).ok_or_else(|| NoColorFlag(text.to_owned()))
    }
}

/// Whether there can be a stage at all.
///
/// # Errors
/// If not, and why.
pub fn usable(
    stdout_is_terminal: bool,
    env: impl Fn(&str) -> Option<String>,
) -> Result<(), TermError> {
    if !stdout_is_terminal {
        return Err(TermError::NotATerminal);
    }
    if term(&env) == "dumb" { Err(TermError::Dumb) } else { Ok(()) }
}

/// How many colours: the flag, else `NO_COLOR`, else a variable that forces colours, else
/// `COLORTERM`, else `TERM`.
#[must_use]
pub fn depth(flag: ColorFlag, env: impl Fn(&str) -> Option<String>) -> Depth {
    let at_least_16 = |depth| if depth == Depth::Mono { Depth::C16 } else { depth };
    let on = |name: &str| env(name).is_some_and(|value| !value.is_empty() && value != "0");
    match flag {
        ColorFlag::Depth(depth) => depth,
        ColorFlag::Never => Depth::Mono,
        ColorFlag::Always => at_least_16(depth_of_terminal(&env)),
        ColorFlag::Auto if env("NO_COLOR").is_some_and(|value| !value.is_empty()) => Depth::Mono,
        ColorFlag::Auto if on("CLICOLOR_FORCE") || on("FORCE_COLOR") => {
            at_least_16(depth_of_terminal(&env))
        }
        ColorFlag::Auto => depth_of_terminal(&env),
    }
}

/// How many colours the terminal says it has.
fn depth_of_terminal(env: &impl Fn(&str) -> Option<String>) -> Depth {
    let term = term(env);
    let color_term = env("COLORTERM").unwrap_or_default();
    if matches!(color_term.as_str(), "truecolor" | "24bit") {
        // GNU screen hands the variable on but not the colours.
        return if env("STY").is_some() { Depth::C256 } else { Depth::True };
    }
    let known = ["kitty", "alacritty", "ghostty", "foot", "wezterm", "contour", "direct"];
    if known.iter().any(|name| term.contains(name)) {
        return Depth::True;
    }
    match term.as_str() {
        _ if term.contains("256color") => Depth::C256,
        "" | "dumb" => Depth::Mono,
        _ if term.starts_with("vt") => Depth::Mono,
        _ => Depth::C16,
    }
}

/// Which glyphs: the flag, else all of them if the locale is UTF-8 and the terminal has a font.
#[must_use]
pub fn charset(flag: Option<Charset>, env: impl Fn(&str) -> Option<String>) -> Charset {
    if let Some(flag) = flag {
        return flag;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| {
        let value = env(name)?;
        (!value.is_empty()).then(|| value.to_lowercase())
    });
    let utf8 = locale.is_some_and(|l| l.contains("utf-8") || l.contains("utf8"));
    let term = term(&env);
    let poor = matches!(term.as_str(), "linux" | "dumb") || term.starts_with("vt");
    if utf8 && !poor { Charset::Unicode } else { Charset::Ascii }
}

/// How much moves: the flag, else everything.
#[must_use]
pub fn motion(flag: Option<Motion>, env: impl Fn(&str) -> Option<String>) -> Motion {
    let usual = if term(&env) == "dumb" { Motion::Off } else { Motion::Full };
    flag.unwrap_or(usual)
}

/// Whether frames are wrapped in mode 2026: the flag, else unless tmux or screen stands between,
/// which repaint everything at its end.
#[must_use]
pub fn sync(flag: Option<bool>, env: impl Fn(&str) -> Option<String>) -> bool {
    let between = ["TMUX", "STY"].iter().any(|name| env(name).is_some());
    let term = term(&env);
    let between = between || term.starts_with("tmux") || term.starts_with("screen");
    flag.unwrap_or(!between)
}

/// The most frames a second: the flag, else fewer over ssh.
#[must_use]
pub fn fps(flag: Option<u32>, env: impl Fn(&str) -> Option<String>) -> u32 {
    let far = env("SSH_TTY").is_some() || env("SSH_CONNECTION").is_some();
    let usual = if far { FPS_FAR } else { FPS };
    flag.unwrap_or(usual).clamp(1, FPS_MOST)
}

fn term(env: &impl Fn(&str) -> Option<String>) -> String {
    env("TERM").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment written as "NAME=value NAME=value".
    fn env(text: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let mut pairs = text.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
        }
    }

    #[track_caller]
    fn depth_is(flag: &str, text: &'static str, expected: Depth) {
        let flag: ColorFlag = flag.parse().expect("a flag");
        assert_eq!(depth(flag, env(text)), expected, "{text}");
    }

    #[test]
    fn the_flag_goes_first() {
        depth_is("never", "CLICOLOR_FORCE=1 COLORTERM=truecolor", Depth::Mono);
        depth_is("256", "NO_COLOR=1 COLORTERM=truecolor", Depth::C256);
        depth_is("truecolor", "TERM=dumb", Depth::True);
        depth_is("always", "NO_COLOR=1 TERM=xterm-256color", Depth::C256);
        depth_is("always", "TERM=dumb", Depth::C16);
    }

    #[test]
    fn no_color_goes_before_what_forces_colours() {
        depth_is("auto", "NO_COLOR=1 CLICOLOR_FORCE=1 TERM=xterm", Depth::Mono);
        depth_is("auto", "NO_COLOR= TERM=xterm", Depth::C16);
        depth_is("auto", "CLICOLOR_FORCE=1 TERM=dumb", Depth::C16);
        depth_is("auto", "FORCE_COLOR=1 TERM=xterm-256color", Depth::C256);
        depth_is("auto", "CLICOLOR_FORCE=0 TERM=dumb", Depth::Mono);
    }

    #[test]
    fn colorterm_goes_before_term() {
        depth_is("auto", "COLORTERM=truecolor TERM=xterm", Depth::True);
        depth_is("auto", "COLORTERM=24bit TERM=tmux-256color TMUX=x", Depth::True);
        depth_is("auto", "COLORTERM=truecolor TERM=screen-256color STY=x", Depth::C256);
        depth_is("auto", "COLORTERM=yes TERM=xterm-256color", Depth::C256);
    }

    #[test]
    fn term_says_the_rest() {
        depth_is("auto", "TERM=tmux-256color", Depth::C256);
        depth_is("auto", "TERM=xterm-kitty", Depth::True);
        depth_is("auto", "TERM=linux", Depth::C16);
        depth_is("auto", "TERM=vt100", Depth::Mono);
        depth_is("auto", "TERM=dumb", Depth::Mono);
        depth_is("auto", "", Depth::Mono);
    }

    #[test]
    fn every_word_of_the_color_flag_is_read() {
        for word in ColorFlag::words() {
            assert!(word.parse::<ColorFlag>().is_ok());
        }
        let error = "blue".parse::<ColorFlag>().expect_err("no such flag").to_string();
        assert_eq!(error, "\"blue\" is none of auto, always, never, truecolor, 256, 16");
    }

    #[track_caller]
    fn charset_is(text: &'static str, expected: Charset) {
        assert_eq!(charset(None, env(text)), expected, "{text}");
    }

    #[test]
    fn glyphs_need_a_locale_and_a_font() {
        charset_is("LANG=en_US.UTF-8 TERM=xterm", Charset::Unicode);
        charset_is("LC_CTYPE=C.utf8 LANG=C TERM=xterm", Charset::Unicode);
        charset_is("LC_ALL=C LANG=en_US.UTF-8 TERM=xterm", Charset::Ascii);
        charset_is("LC_ALL= LANG=en_US.UTF-8 TERM=xterm", Charset::Unicode);
        charset_is("LANG=en_US.UTF-8 TERM=linux", Charset::Ascii);
        charset_is("LANG=en_US.UTF-8 TERM=vt220", Charset::Ascii);
        charset_is("TERM=xterm", Charset::Ascii);
        assert_eq!(charset(Some(Charset::Ascii), env("LANG=C.UTF-8")), Charset::Ascii);
    }

    #[test]
    fn tmux_screen_and_ssh_are_spared() {
        assert!(sync(None, env("TERM=xterm")));
        assert!(!sync(None, env("TMUX=/tmp/x TERM=xterm")));
        assert!(!sync(None, env("STY=1.x")));
        assert!(!sync(None, env("TERM=screen-256color")));
        assert!(sync(Some(true), env("TMUX=/tmp/x")));
        assert_eq!(fps(None, env("")), FPS);
        assert_eq!(fps(None, env("SSH_TTY=/dev/pts/1")), FPS_FAR);
        assert_eq!(fps(Some(60), env("SSH_TTY=/dev/pts/1")), 60);
        assert_eq!(fps(Some(0), env("")), 1);
    }

    #[test]
    fn what_is_no_terminal_is_offered_plain_text() {
        assert!(usable(true, env("TERM=xterm")).is_ok());
        for (terminal, text) in [(false, "TERM=xterm"), (true, "TERM=dumb")] {
            let error = usable(terminal, env(text)).expect_err("no stage").to_string();
            assert!(error.contains("--plain"), "{error}");
        }
        assert_eq!(motion(None, env("TERM=dumb")), Motion::Off);
        assert_eq!(motion(None, env("TERM=xterm")), Motion::Full);
    }
}
