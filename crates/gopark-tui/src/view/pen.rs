//! Writing on a frame: text, boxes, bars.
//!
//! Invariants: nothing here writes outside the buffer or panics, wherever it is told to write; text
//! from programs and lessons loses its control characters.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::marks::Marks;
use crate::charset::{CUT, EMPTY, FULL};
use crate::theme::{Ground, Ink, Theme};

/// What the panels of one frame draw with.
#[derive(Debug)]
pub(crate) struct Pen<'b> {
    /// The frame.
    pub(crate) buf: &'b mut Buffer,
    /// How things look.
    pub(crate) theme: &'b Theme,
    /// What it draws on.
    pub(crate) ground: Ground,
    /// Where it has drawn what.
    pub(crate) marks: Marks,
}

/// What stands on the border of a box.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Captions<'t> {
    /// On the left of the upper edge.
    pub(crate) title: &'t str,
    /// On the right of the upper edge.
    pub(crate) note: &'t str,
    /// On the right of the lower edge.
    pub(crate) foot: &'t str,
    /// Whether the box is dashed: nothing happens in it.
    pub(crate) dashed: bool,
    /// Whether the viewer should look here.
    pub(crate) loud: bool,
}

impl<'b> Pen<'b> {
    /// A pen for `buf`.
    pub(crate) fn new(buf: &'b mut Buffer, theme: &'b Theme) -> Self {
        Self { buf, theme, ground: Ground::Stage, marks: Marks::default() }
    }

    /// The style of `ink` on the present ground.
    pub(crate) fn ink(&self, ink: Ink) -> Style {
        self.theme.on(self.ground, ink)
    }

    /// The style of `ink`, bold.
    pub(crate) fn bold(&self, ink: Ink) -> Style {
        self.ink(ink).add_modifier(Modifier::BOLD)
    }

    /// Writes `text` at (x, y) in at most `room` columns; returns the column after it.
    pub(crate) fn put(&mut self, x: u16, y: u16, room: u16, text: &str, style: Style) -> u16 {
        put(self.buf, x, y, room, text, style)
    }

    /// Writes the spans one after another in at most `room` columns; returns the column after them.
    pub(crate) fn put_all(&mut self, x: u16, y: u16, room: u16, spans: &[(&str, Style)]) -> u16 {
        let end = x.saturating_add(room);
        let put = |at: u16, (text, style): &(&str, Style)| {
            put(self.buf, at, y, end.saturating_sub(at), text, *style)
        };
        spans.iter().fold(x, put)
    }

    /// Writes `text` so that it ends before column `end`.
    pub(crate) fn put_right(&mut self, end: u16, y: u16, text: &str, style: Style) {
        let w = width(text);
        self.put(end.saturating_sub(w), y, w, text, style);
    }

    /// A horizontal line.
    pub(crate) fn rule(&mut self, x: u16, y: u16, len: u16, glyph: &str, style: Style) {
        for at in x..x.saturating_add(len).min(self.buf.area.right().max(x)) {
            put(self.buf, at, y, 1, glyph, style);
        }
    }

    /// Fills `area` with `ink` on the present ground and nothing else.
    pub(crate) fn clear(&mut self, area: Rect, ink: Ink) {
        let style = self.ink(ink);
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buf.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
            }
        }
    }

    /// A box with captions; returns what is inside.
    pub(crate) fn frame(&mut self, area: Rect, captions: Captions<'_>) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect::new(area.x, area.y, 0, 0);
        }
        let line = self.ink(if captions.loud { Ink::Accent } else { Ink::Line });
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        let (flat, upright) = if captions.dashed { ("┄", "┆") } else { ("─", "│") };
        for y in [area.y, bottom] {
            self.rule(area.x + 1, y, area.width - 2, flat, line);
        }
        for y in area.y + 1..bottom {
            self.put(area.x, y, 1, upright, line);
            self.put(right, y, 1, upright, line);
        }
        let corners = [
            (area.x, area.y, "╭"),
            (right, area.y, "╮"),
            (area.x, bottom, "╰"),
            (right, bottom, "╯"),
        ];
        for (x, y, corner) in corners {
            self.put(x, y, 1, corner, line);
        }
        let left = self.title(area, area.y, captions.title);
        self.note(area, area.y, captions.note, left);
        self.note(area, bottom, captions.foot, 0);
        Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2)
    }

    /// A title on the left of a horizontal edge; returns the columns it takes.
    pub(crate) fn title(&mut self, area: Rect, y: u16, title: &str) -> u16 {
        let room = area.width.saturating_sub(6);
        if title.is_empty() || room == 0 {
            return 0;
        }
        let title = format!(" {} ", cut(title, room));
        let style = self.ink(Ink::Accent);
        self.put(area.x + 2, y, room + 2, &title, style);
        width(&title)
    }

    /// A note on the right of a horizontal edge, if it fits beside `left` columns.
    fn note(&mut self, area: Rect, y: u16, note: &str, left: u16) {
        let w = width(note) + 2;
        if !note.is_empty() && left + w + 5 <= area.width {
            let style = self.ink(Ink::Label);
            self.put(area.right() - 2 - w, y, w, &format!(" {note} "), style);
        }
    }

    /// A bar of `len` columns, `part` of it full.
    pub(crate) fn bar(&mut self, x: u16, y: u16, len: u16, part: f64, full: Ink) {
        let part = part.clamp(0.0, 1.0);
        let mut cells = (f64::from(len) * part).round() as u16;
        // Something is never drawn as nothing.
        if part > 0.0 {
            cells = cells.max(1);
        }
        let cells = cells.min(len);
        let full = self.ink(full).remove_modifier(Modifier::BOLD | Modifier::REVERSED);
        self.rule(x, y, cells, FULL, full);
        let empty = self.ink(Ink::Line);
        self.rule(x + cells, y, len - cells, EMPTY, empty);
    }
}

/// No text is held to be wider than this, so that a few widths can be added without care.
const WIDEST: usize = 9_999;

/// How many columns `text` takes.
pub(crate) fn width(text: &str) -> u16 {
    let columns = if text.is_ascii() { text.len() } else { text.width() };
    columns.min(WIDEST) as u16
}

/// Where text of this width begins to stand in the middle of `area`.
pub(crate) fn middle(area: Rect, text_width: u16) -> u16 {
    area.x + area.width.saturating_sub(text_width) / 2
}

/// Writes `text` at (x, y) in at most `room` columns; returns the column after it.
fn put(buf: &mut Buffer, x: u16, y: u16, room: u16, text: &str, style: Style) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return x;
    }
    let end = x.saturating_add(room).min(area.right());
    let mut at = x;
    for c in text.chars() {
        // Marks without a width of their own (and control characters) would shift the rest.
        let Some(w @ 1..) = c.width().map(|w| w as u16) else {
            continue;
        };
        if at + w > end {
            break;
        }
        if let Some(cell) = buf.cell_mut((at, y)) {
            cell.reset();
            cell.set_char(c).set_style(style);
        }
        for hidden in at + 1..at + w {
            if let Some(cell) = buf.cell_mut((hidden, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
        at += w;
    }
    at
}

/// `text` in at most `room` columns, marked where it was cut.
pub(crate) fn cut(text: &str, room: u16) -> Cow<'_, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut left = room.saturating_sub(1);
    for c in text.chars() {
        let w = c.width().unwrap_or(0) as u16;
        if w > left {
            break;
        }
        left -= w;
        kept.push(c);
    }
    let mut kept = kept.trim_end().to_owned();
    if room > 0 {
        kept.push(CUT);
    }
    Cow::Owned(kept)
}

/// `text` in lines of at most `room` columns, broken between words; its own line breaks stay.
pub(crate) fn wrap(text: &str, room: u16) -> Vec<String> {
    let room = usize::from(room.max(1));
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let taken = line.width() + usize::from(!line.is_empty());
            if !line.is_empty() && taken + word.width() > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            push_word(&mut lines, &mut line, word, room);
        }
        lines.push(line);
    }
    lines
}

/// Adds `word` to `line`, in pieces if it is longer than a whole line.
fn push_word(lines: &mut Vec<String>, line: &mut String, word: &str, room: usize) {
    if line.width() + word.width() <= room {
        line.push_str(word);
        return;
    }
    for c in word.chars() {
        if line.width() + c.width().unwrap_or(0) > room {
            lines.push(std::mem::take(line));
        }
        line.push(c);
    }
}

/// `text` in at most `rows` lines of at most `room` columns; the last says if more was cut.
pub(crate) fn wrap_to(text: &str, room: u16, rows: usize) -> Vec<String> {
    let mut lines = wrap(text, room);
    if lines.len() > rows {
        lines.truncate(rows);
        if let Some(last) = lines.last_mut() {
            last.push(CUT);
            *last = cut(last, room).into_owned();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_long_words_are_broken() {
        assert_eq!(wrap("the oldest of three runs", 10), ["the oldest", "of three", "runs"]);
        assert_eq!(wrap("runtime.findRunnable", 8), ["runtime.", "findRunn", "able"]);
        assert_eq!(wrap("", 8), Vec::<String>::new());
    }

    #[test]
    fn a_cut_is_marked_and_never_wider_than_its_room() {
        assert_eq!(cut("goroutine", 5), "goro…");
        assert_eq!(cut("goroutine", 9), "goroutine");
        assert_eq!(cut("goroutine", 0), "");
        assert_eq!(wrap_to("one two three four", 9, 1), ["one two…"]);
        for room in 0..12 {
            assert!(width(&cut("漢字 and words", room)) <= room);
            for line in wrap_to("漢字 and some more words", room.max(2), 2) {
                assert!(width(&line) <= room.max(2), "{line:?} in {room}");
            }
        }
    }

    #[test]
    fn writing_outside_writes_nothing() {
        let mut buf = Buffer::empty(Rect::new(2, 2, 3, 1));
        for (x, y) in [(0, 0), (2, 1), (2, 3), (9, 2), (u16::MAX, 2)] {
            put(&mut buf, x, y, 99, "text", Style::new());
        }
        assert_eq!(buf, Buffer::empty(Rect::new(2, 2, 3, 1)));
        put(&mut buf, 3, 2, 99, "a\tb\u{1b}c", Style::new());
        assert_eq!(buf.content().iter().map(|c| c.symbol()).collect::<String>(), " ab");
    }
}
