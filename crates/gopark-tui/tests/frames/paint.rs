//! A frame as text: its characters, then its styles as letters, so that a change of colour is seen
//! as well as a change of words.

use gopark_tui::{Scene, Theme, view};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// The frame of `scene` on a screen of this size.
pub(crate) fn draw(scene: &Scene<'_>, width: u16, height: u16, theme: &Theme) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    view(scene, area, &mut buf, theme);
    buf
}

/// The characters of each row.
pub(crate) fn rows(buf: &Buffer) -> Vec<String> {
    let width = usize::from(buf.area.width).max(1);
    buf.content().chunks(width).map(|row| row.iter().map(Cell::symbol).collect()).collect()
}

/// Characters, styles and the legend of the styles.
pub(crate) fn picture(buf: &Buffer) -> String {
    let mut seen: Vec<String> = Vec::new();
    let mut styles = String::new();
    for row in buf.content().chunks(usize::from(buf.area.width).max(1)) {
        let line: String = row.iter().map(|cell| letter(cell, &mut seen)).collect();
        styles.push_str(line.trim_end_matches('.'));
        styles.push('\n');
    }
    let words: String = rows(buf).iter().map(|row| format!("{}\n", row.trim_end())).collect();
    let legend: String =
        seen.iter().enumerate().map(|(i, s)| format!("{} {s}\n", name(i))).collect();
    format!("{words}\n{styles}\n{legend}")
}

/// The letter of a cell's style; a cell without any is a dot.
fn letter(cell: &Cell, seen: &mut Vec<String>) -> char {
    // The colour of nothing is not seen, unless the cell is turned round or underlined.
    let hidden = cell.symbol() == " "
        && !cell.modifier.intersects(Modifier::REVERSED | Modifier::UNDERLINED);
    let mut parts = Vec::new();
    if cell.fg != Color::Reset && !hidden {
        parts.push(colour(cell.fg));
    }
    if cell.bg != Color::Reset {
        parts.push(format!("on {}", colour(cell.bg)));
    }
    if !cell.modifier.is_empty() && !hidden {
        parts.push(format!("{:?}", cell.modifier).to_lowercase());
    }
    if parts.is_empty() {
        return '.';
    }
    let style = parts.join(" ");
    let i = seen.iter().position(|s| *s == style).unwrap_or_else(|| {
        seen.push(style);
        seen.len() - 1
    });
    name(i)
}

fn name(i: usize) -> char {
    let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9');
    letters.into_iter().nth(i).unwrap_or('?')
}

fn colour(colour: Color) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        other => other.to_string(),
    }
}
