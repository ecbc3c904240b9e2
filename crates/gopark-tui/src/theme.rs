//! How things look: colours, modifiers, glyphs and how much may move.
//!
//! Panels ask for an [`Ink`] by its meaning and get a style in RGB. One pass over the finished
//! frame, [`Theme::finish`], then brings it to what the terminal can show: 256 colours, the 16
//! named ones, none, and ASCII. Invariants: an ink has one swatch in each palette, with its 256 and
//! 16 colours chosen by hand; without colour every state still differs by its modifiers; and no
//! meaning is carried by colour alone (place, shape and glyph come first).

mod swatches;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::charset::{Charset, ascii};
use gopark_trace::GStatus;

pub use swatches::Swatch;

/// Everything a frame needs to know about the terminal and the viewer's taste.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Theme {
    /// The colours.
    pub palette: Palette,
    /// How many of them the terminal can show.
    pub depth: Depth,
    /// The glyphs it can show.
    pub charset: Charset,
    /// How much may move.
    pub motion: Motion,
}

/// A set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Palette {
    /// For a dark ground.
    #[default]
    Dark,
    /// For a light ground: projectors, daylight.
    Light,
    /// White on black, everything bright.
    HighContrast,
    /// No colour: modifiers only.
    Mono,
}

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Depth {
    /// 24 bits.
    #[default]
    True,
    /// The 256 of xterm.
    C256,
    /// The 16 named ones.
    C16,
    /// None.
    Mono,
}

/// How much may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Motion {
    /// Tokens travel.
    #[default]
    Full,
    /// Source and target flash together, with an arrow; nothing travels.
    Reduced,
    /// Nothing between two states.
    Off,
}

/// What a mark on the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ink {
    /// Words.
    Text,
    /// Words beside words: labels, units, what is older.
    Label,
    /// What matters most on a panel.
    Strong,
    /// Lines and boxes.
    Line,
    /// Titles and keys.
    Accent,
    /// A running goroutine.
    Running,
    /// A runnable goroutine.
    Runnable,
    /// A parked goroutine.
    Waiting,
    /// A goroutine, with its thread, in a system call.
    Syscall,
    /// A goroutine parked in the poller.
    Netpoll,
    /// A goroutine that has ended.
    Dead,
}

impl Ink {
    /// Every ink.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Label,
        Self::Strong,
        Self::Line,
        Self::Accent,
        Self::Running,
        Self::Runnable,
        Self::Waiting,
        Self::Syscall,
        Self::Netpoll,
        Self::Dead,
    ];

    /// The ink of a goroutine in this status.
    #[must_use]
    pub fn of(status: GStatus) -> Self {
        match status {
            GStatus::Runnable => Self::Runnable,
            GStatus::Running => Self::Running,
            GStatus::Syscall => Self::Syscall,
            GStatus::Waiting => Self::Waiting,
            GStatus::Dead => Self::Dead,
        }
    }

    /// What the ink adds where there is colour.
    fn emphasis(self) -> Modifier {
        match self {
            Self::Strong | Self::Running => Modifier::BOLD,
            Self::Dead => Modifier::CROSSED_OUT,
            _ => Modifier::empty(),
        }
    }

    /// What stands for the ink where there is none.
    fn mono(self) -> Modifier {
        match self {
            Self::Text | Self::Runnable => Modifier::empty(),
            Self::Label | Self::Line | Self::Waiting => Modifier::DIM,
            Self::Strong | Self::Accent => Modifier::BOLD,
            Self::Running => Modifier::REVERSED.union(Modifier::BOLD),
            Self::Syscall => Modifier::UNDERLINED.union(Modifier::BOLD),
            Self::Netpoll => Modifier::UNDERLINED,
            Self::Dead => Modifier::DIM.union(Modifier::CROSSED_OUT),
        }
    }
}

/// The grounds a frame draws on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ground {
    /// The terminal's own.
    Stage,
    /// The first and the last line.
    Bar,
    /// What covers the stage.
    Overlay,
}

impl Theme {
    /// Whether nothing has a colour.
    #[must_use]
    pub fn is_mono(&self) -> bool {
        self.palette == Palette::Mono || self.depth == Depth::Mono
    }

    /// The style of `ink`.
    #[must_use]
    pub fn style(&self, ink: Ink) -> Style {
        if self.is_mono() {
            return Style::new().add_modifier(ink.mono());
        }
        let [r, g, b] = self.palette.swatch(ink).rgb;
        Style::new().fg(Color::Rgb(r, g, b)).add_modifier(ink.emphasis())
    }

    /// The style of `ink` on a bar or an overlay.
    #[must_use]
    pub fn on(&self, ground: Ground, ink: Ink) -> Style {
        let style = self.style(ink);
        match self.ground(ground) {
            Some(colour) => style.bg(colour),
            None => style,
        }
    }

    /// The colour of `ground`, if it is painted at all.
    #[must_use]
    pub fn ground(&self, ground: Ground) -> Option<Color> {
        if self.is_mono() {
            return None;
        }
        let [r, g, b] = self.palette.ground(ground)?.rgb;
        Some(Color::Rgb(r, g, b))
    }

    /// `style` as the thing the viewer has selected.
    #[must_use]
    pub fn selected(&self, style: Style) -> Style {
        // Reversed says "running" without colour, so the mark there is the line below.
        let mark = if self.is_mono() {
            Modifier::REVERSED.union(Modifier::UNDERLINED)
        } else {
            Modifier::REVERSED
        };
        style.add_modifier(mark)
    }

    /// `ink`, faded towards the ground: 0 is the ink itself, 1 the ground.
    #[must_use]
    pub fn faded(&self, ink: Ink, by: f32) -> Style {
        if self.is_mono() {
            return Style::new().add_modifier(Modifier::DIM);
        }
        let from = self.palette.swatch(ink).rgb;
        let to = self.palette.assumed_ground();
        let mix = |a: u8, b: u8| {
            let mixed = f32::from(a) + (f32::from(b) - f32::from(a)) * by.clamp(0.0, 1.0);
            mixed.round() as u8
        };
        let [r, g, b] = [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])];
        Style::new().fg(Color::Rgb(r, g, b))
    }

    /// The glyph of a status.
    #[must_use]
    pub fn glyph(&self, ink: Ink) -> &'static str {
        let pair = match ink {
            Ink::Running => ["►", ">"],
            Ink::Runnable => ["●", "o"],
            Ink::Waiting => ["○", "w"],
            Ink::Syscall => ["▪", "S"],
            Ink::Netpoll => ["◊", "~"],
            Ink::Dead => ["×", "x"],
            _ => [" ", " "],
        };
        pair[usize::from(self.charset == Charset::Ascii)]
    }

    /// Brings a finished frame to what the terminal can show.
    pub fn finish(&self, area: Rect, buf: &mut Buffer) {
        let mut last = None;
        let area = area.intersection(buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let Some(cell) = buf.cell_mut((x, y)) else {
                    continue;
                };
                self.finish_colours(cell, &mut last);
                if self.charset == Charset::Ascii {
                    to_ascii(cell);
                }
            }
        }
    }

    /// Maps the colours of one cell; `last` remembers the latest answer, as neighbours are alike.
    fn finish_colours(&self, cell: &mut Cell, last: &mut Option<(Color, Color)>) {
        if self.is_mono() {
            (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
            return;
        }
        if self.depth == Depth::True {
            return;
        }
        let mut map = |colour: Color| match (colour, *last) {
            (Color::Rgb(..), Some((from, to))) if from == colour => to,
            (Color::Rgb(r, g, b), _) => {
                let to = self.palette.nearest([r, g, b], self.depth);
                *last = Some((colour, to));
                to
            }
            (other, _) => other,
        };
        cell.bg = map(cell.bg);
        cell.fg = map(cell.fg);
    }
}

/// Replaces what a cell shows by one ASCII character.
fn to_ascii(cell: &mut Cell) {
    let symbol = cell.symbol();
    if let [b' '..=b'~'] = symbol.as_bytes() {
        return;
    }
    let c = symbol.chars().next().map_or(' ', ascii);
    cell.set_char(c);
}
