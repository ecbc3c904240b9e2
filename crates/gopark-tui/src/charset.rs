//! The two sets of glyphs, and how one becomes the other.
//!
//! Panels draw with the Unicode glyphs named here; the last pass over a frame turns each cell into
//! ASCII when the terminal asks for it. Invariants: every glyph is one column wide in both sets
//! (none is East-Asian-Wide), so the two frames have the same geometry; and [`ascii`] answers with
//! 0x20..=0x7E only, whatever it is given.

/// Which glyphs a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// Boxes, blocks and arrows.
    #[default]
    Unicode,
    /// The printable ASCII characters only.
    Ascii,
}

/// A filled part of a bar.
pub(crate) const FULL: &str = "█";
/// An empty part of a bar.
pub(crate) const EMPTY: &str = "░";
/// A value in the buffer of a channel.
pub(crate) const VALUE: char = '▪';
/// Room in the buffer of a channel, and a slot without goroutine.
pub(crate) const ROOM: char = '·';
/// What a token in motion leaves behind.
pub(crate) const TRAIL: &str = "∙";
/// Text was cut here.
pub(crate) const CUT: char = '…';
/// The playhead.
pub(crate) const KNOB: &str = "●";
/// The past of the play bar.
pub(crate) const PAST: &str = "━";
/// A chapter on the play bar.
pub(crate) const CHAPTER: &str = "┃";
/// How full a ring is, from nothing to all, when a whole P is one cell.
pub(crate) const LOADS: [&str; 7] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"];

/// The ASCII character that stands for `c` in the same column.
#[must_use]
pub fn ascii(c: char) -> char {
    match c {
        ' '..='~' => c,
        '─' | '┄' | '–' | '—' | '‐' | '‑' | '−' => '-',
        '━' => '=',
        '│' | '┆' | '┃' | '║' => '|',
        '╭' | '╮' | '╰' | '╯' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => {
            '+'
        }
        '╱' => '/',
        '╲' => '\\',
        '█' | '▪' | '■' | '▒' | '▓' => '#',
        '░' | '·' | '∙' => '.',
        '▁' => '1',
        '▂' => '2',
        '▃' => '3',
        '▄' => '4',
        '▅' => '5',
        '▆' => '6',
        '▇' => '7',
        '●' => 'o',
        '○' => 'w',
        '◊' => '~',
        '×' => 'x',
        '►' | '▶' | '▸' | '→' | '≥' | '›' | '»' => '>',
        '◄' | '◀' | '◂' | '←' | '≤' | '‹' | '«' => '<',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '…' => '~',
        'µ' | 'μ' => 'u',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthChar;

    #[test]
    fn every_character_has_a_printable_stand_in() {
        for c in (0..=0x2_ffff).filter_map(char::from_u32) {
            assert!(matches!(ascii(c), ' '..='~'), "{c:?} became {:?}", ascii(c));
        }
    }

    #[test]
    fn every_glyph_is_one_column_wide_and_known_to_ascii() {
        let strings = [FULL, EMPTY, TRAIL, KNOB, PAST, CHAPTER];
        let chars = strings.iter().chain(&LOADS).flat_map(|s| s.chars());
        for c in chars.chain([VALUE, ROOM, CUT]) {
            assert_eq!(c.width(), Some(1), "{c}");
            assert_ne!(ascii(c), '?', "{c}");
        }
    }
}
