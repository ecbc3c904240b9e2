//! What the command has written, and what a terminal makes of it.

use std::io::Read;
use std::num::NonZeroU16;

use parking_lot::{Condvar, Mutex, MutexGuard};
use portable_pty::MasterPty;
use vt100::{Parser, Screen};

/// Between these stands one frame.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// What the command has written, and whoever waits for it.
pub(crate) struct Seen {
    pub(crate) output: Mutex<Output>,
    pub(crate) news: Condvar,
}

pub(crate) struct Output {
    pub(crate) parser: Parser,
    pub(crate) raw: Vec<u8>,
    /// A frame has begun and not ended.
    pub(crate) in_frame: bool,
    /// Nothing will follow.
    pub(crate) closed: bool,
}

impl Seen {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        let parser = Parser::new(size(rows), size(columns), 0);
        let output = Output { parser, raw: Vec::new(), in_frame: false, closed: false };
        Self { output: Mutex::new(output), news: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock()
    }

    pub(crate) fn read_all(&self, mut out: Box<dyn Read + Send>) {
        let mut part = [0; 4096];
        // When the last process that has the terminal open is gone, reading fails.
        while let Ok(n @ 1..) = out.read(&mut part) {
            self.lock().take(&part[..n]);
            self.news.notify_all();
        }
        self.lock().closed = true;
        self.news.notify_all();
    }
}

impl Output {
    fn take(&mut self, bytes: &[u8]) {
        // A mark may begin in what came before.
        let from = self.raw.len().saturating_sub(BEGIN.len() - 1);
        self.raw.extend_from_slice(bytes);
        let last = self.raw[from..].windows(BEGIN.len()).rfind(|w| *w == BEGIN || *w == END);
        self.in_frame = last.map_or(self.in_frame, |mark| mark == BEGIN);
        self.parser.process(bytes);
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.parser.screen()
    }
}

/// The modes of a terminal's line. Their type belongs to a library of a library.
pub(crate) struct Modes(Box<IsSame>);

type IsSame = dyn Fn(&dyn MasterPty) -> bool;

impl Modes {
    pub(crate) fn of(terminal: &dyn MasterPty) -> Self {
        let before = terminal.get_termios();
        assert!(before.is_some(), "a terminal has modes");
        Self(Box::new(move |terminal| terminal.get_termios() == before))
    }

    pub(crate) fn are_those_of(&self, terminal: &dyn MasterPty) -> bool {
        self.0(terminal)
    }
}

/// What stands on a screen, row by row, without what is empty at their ends.
pub(crate) fn text(screen: &Screen) -> String {
    let (_, columns) = screen.size();
    let rows: Vec<String> =
        screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n")
}

/// Where the playhead is and how much is known, from the bar: "12 / 307".
pub(crate) fn position(screen: &str) -> (u64, u64) {
    let words: Vec<&str> = screen.split_whitespace().collect();
    let number = |word: &str| word.trim_end_matches(['…', '.']).parse().ok();
    let place = words.windows(3).filter(|three| three[1] == "/");
    place
        .filter_map(|three| Some((number(three[0])?, number(three[2])?)))
        .next_back()
        .unwrap_or((0, 0))
}

pub(crate) fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a screen has at least one cell")
}
