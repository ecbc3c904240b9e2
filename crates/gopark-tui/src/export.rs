//! A frame taken away: as text, or as an SVG picture.
//!
//! The picture needs no font with line glyphs: boxes and blocks are drawn as strokes and fills, so
//! lines join whatever the reader's monospace font is. Invariant: the same frame gives the same
//! bytes.

mod strokes;

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::theme::{Ground, Ink, Theme};

/// Width of a cell in pixels: that of common monospace fonts at [`FONT`].
const CELL_W: f64 = 8.43;
/// Height of a cell in pixels.
const CELL_H: f64 = 17.0;
/// Size of the font in pixels.
const FONT: f64 = 14.0;
/// Where letters stand in a cell.
const BASELINE: f64 = 12.8;
/// Empty pixels around the frame.
const MARGIN: f64 = 10.0;

/// The frame as plain lines, without spaces at their ends.
#[must_use]
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buf) {
        let line: String = row.iter().map(Cell::symbol).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The frame as an SVG picture on the ground of `theme`.
#[must_use]
pub fn svg(buf: &Buffer, theme: &Theme) -> String {
    let w = f64::from(buf.area.width) * CELL_W + 2.0 * MARGIN;
    let h = f64::from(buf.area.height) * CELL_H + 2.0 * MARGIN;
    let painter = Painter::new(theme);
    let mut out = String::new();
    let font = "ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace";
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.1} {h:.1}\" \
         width=\"{w:.0}\" height=\"{h:.0}\" font-family=\"{font}\" font-size=\"{FONT}\" \
         xml:space=\"preserve\">"
    );
    let _ = writeln!(
        out,
        "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>",
        hex(painter.ground)
    );
    for (y, row) in rows(buf).enumerate() {
        let top = MARGIN + y as f64 * CELL_H;
        painter.grounds(row, top, &mut out);
        painter.glyphs(row, top, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// The rows of a buffer.
fn rows(buf: &Buffer) -> impl Iterator<Item = &[Cell]> {
    buf.content().chunks(usize::from(buf.area.width).max(1))
}

/// Turns cells into elements.
#[derive(Debug)]
struct Painter {
    /// The colour of text that has none.
    ink: [u8; 3],
    /// The colour of the ground.
    ground: [u8; 3],
}

/// How the text of a run looks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    fg: [u8; 3],
    modifier: Modifier,
}

impl Painter {
    fn new(theme: &Theme) -> Self {
        let painted = theme.palette.ground(Ground::Stage).map(|s| s.rgb);
        Self {
            ink: theme.palette.swatch(Ink::Text).rgb,
            ground: painted.unwrap_or(theme.palette.assumed_ground()),
        }
    }

    /// The colours of a cell as they are seen.
    fn colours(&self, cell: &Cell) -> ([u8; 3], Option<[u8; 3]>) {
        let fg = rgb(cell.fg).unwrap_or(self.ink);
        let bg = rgb(cell.bg);
        if cell.modifier.contains(Modifier::REVERSED) {
            (bg.unwrap_or(self.ground), Some(fg))
        } else {
            (fg, bg)
        }
    }

    fn look(&self, cell: &Cell) -> Look {
        let (fg, bg) = self.colours(cell);
        let ground = bg.unwrap_or(self.ground);
        let dim = cell.modifier.contains(Modifier::DIM);
        let fg = if dim { std::array::from_fn(|i| mix(fg[i], ground[i])) } else { fg };
        let kept = Modifier::BOLD | Modifier::UNDERLINED | Modifier::CROSSED_OUT;
        Look { fg, modifier: cell.modifier & kept }
    }

    /// The coloured grounds of a row.
    fn grounds(&self, row: &[Cell], top: f64, out: &mut String) {
        let mut at = 0;
        for run in row.chunk_by(|a, b| self.colours(a).1 == self.colours(b).1) {
            if let Some(colour) = self.colours(&run[0]).1 {
                let (x, w) = (left(at), run.len() as f64 * CELL_W);
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.2}\" y=\"{top:.1}\" width=\"{w:.2}\" height=\"{CELL_H}\" fill=\"{}\"/>",
                    hex(colour)
                );
            }
            at += run.len();
        }
    }

    /// The strokes and the text of a row, run by run.
    fn glyphs(&self, row: &[Cell], top: f64, out: &mut String) {
        let drawn = |cell: &Cell| strokes::known(cell.symbol());
        let mut at = 0;
        for run in row.chunk_by(|a, b| self.look(a) == self.look(b) && drawn(a) == drawn(b)) {
            let look = self.look(&run[0]);
            if drawn(&run[0]) {
                strokes::path(run, left(at), top, (CELL_W, CELL_H), &hex(look.fg), out);
            } else {
                words(run, at, top, look, out);
            }
            at += run.len();
        }
    }
}

/// The words of a run, each at its own column so that fonts of another width do not drift.
fn words(run: &[Cell], at: usize, top: f64, look: Look, out: &mut String) {
    let mut column = at;
    for word in run.chunk_by(|a, b| (a.symbol() == " ") == (b.symbol() == " ")) {
        let start = column;
        column += word.len();
        if word[0].symbol() == " " && !look.modifier.contains(Modifier::UNDERLINED) {
            continue;
        }
        let (x, y) = (left(start), top + BASELINE);
        let w = word.len() as f64 * CELL_W;
        let text: String = word.iter().map(|cell| escape(cell.symbol())).collect();
        let style = attributes(look.modifier);
        let _ = writeln!(
            out,
            "<text x=\"{x:.2}\" y=\"{y:.1}\" fill=\"{}\"{style} textLength=\"{w:.2}\" \
             lengthAdjust=\"spacingAndGlyphs\">{text}</text>",
            hex(look.fg)
        );
    }
}

/// The left edge of a column.
fn left(column: usize) -> f64 {
    MARGIN + column as f64 * CELL_W
}

fn attributes(modifier: Modifier) -> String {
    let mut style = String::new();
    if modifier.contains(Modifier::BOLD) {
        style.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::UNDERLINED) {
        style.push_str(" text-decoration=\"underline\"");
    } else if modifier.contains(Modifier::CROSSED_OUT) {
        style.push_str(" text-decoration=\"line-through\"");
    }
    style
}

fn escape(symbol: &str) -> String {
    symbol.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Halfway between two parts of a colour.
fn mix(a: u8, b: u8) -> u8 {
    ((u16::from(a) * 3 + u16::from(b) * 2) / 5) as u8
}

/// What xterm shows for a colour; none for the terminal's own.
fn rgb(colour: Color) -> Option<[u8; 3]> {
    let [low, mid, high] = [0x00, 0xCD, 0xFF];
    Some(match colour {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Black => [low; 3],
        Color::Red => [mid, low, low],
        Color::Green => [low, mid, low],
        Color::Yellow => [mid, mid, low],
        Color::Blue => [low, low, 0xEE],
        Color::Magenta => [mid, low, mid],
        Color::Cyan => [low, mid, mid],
        Color::Gray => [0xE5; 3],
        Color::DarkGray => [0x7F; 3],
        Color::LightRed => [high, low, low],
        Color::LightGreen => [low, high, low],
        Color::LightYellow => [high, high, low],
        Color::LightBlue => [0x5C, 0x5C, high],
        Color::LightMagenta => [high, low, high],
        Color::LightCyan => [low, high, high],
        Color::White => [high; 3],
        Color::Indexed(i) => indexed(i),
    })
}

/// One of the 256 of xterm.
fn indexed(i: u8) -> [u8; 3] {
    const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
    const NAMED: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match i {
        0..16 => rgb(NAMED[usize::from(i)]).unwrap_or_default(),
        16..232 => [(i - 16) / 36, (i - 16) / 6 % 6, (i - 16) % 6].map(|v| CUBE[usize::from(v)]),
        232.. => [8 + 10 * (i - 232); 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn frame() -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 2));
        buf.set_string(0, 0, "╭─╮ a<b", Style::new().fg(Color::Rgb(1, 2, 3)));
        buf.set_string(0, 1, "███░ G7", Style::new().add_modifier(Modifier::REVERSED));
        buf
    }

    #[test]
    fn text_has_no_spaces_at_the_ends_of_lines() {
        assert_eq!(text(&frame()), "╭─╮ a<b\n███░ G7\n");
        assert_eq!(text(&Buffer::empty(Rect::ZERO)), "");
    }

    #[test]
    fn a_picture_has_every_word_and_is_well_formed() {
        let picture = svg(&frame(), &Theme::default());
        assert!(picture.contains(">a&lt;b</text>"), "{picture}");
        assert!(picture.contains("#010203"), "{picture}");
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(!picture.contains('╭'), "boxes are strokes: {picture}");
        assert!(svg(&Buffer::empty(Rect::ZERO), &Theme::default()).ends_with("</svg>\n"));
    }

    #[test]
    fn the_256_are_those_of_xterm() {
        assert_eq!(indexed(16), [0, 0, 0]);
        assert_eq!(indexed(231), [255, 255, 255]);
        assert_eq!(indexed(202), [255, 95, 0]);
        assert_eq!(indexed(244), [128, 128, 128]);
    }
}
