//! The last line: the keys that do something now. The `?` that leads to all others is never cut.

use ratatui::layout::Rect;

use super::pen::{Pen, cut, width};
use super::stage::Stage;
use crate::scene::KeyHint;
use crate::theme::{Ground, Ink};

/// Draws the keys, and a passing message before them.
pub(crate) fn render(stage: &Stage<'_>, row: Rect, pen: &mut Pen<'_>) {
    pen.ground = Ground::Bar;
    pen.clear(row, Ink::Text);
    let hints = &stage.scene.hints;
    let mut x = row.x;
    if let Some(notice) = stage.scene.notice {
        let help = hints.iter().find(|h| h.key == "?").map_or(0, columns);
        let room = row.width.saturating_sub(help + 3);
        x = pen.put(
            x,
            row.y,
            room,
            &format!(" {} ", cut(notice, room.saturating_sub(2))),
            pen.ink(Ink::Waiting),
        );
    }
    for i in fitting(hints, row.right().saturating_sub(x)) {
        let hint = &hints[i];
        x = pen.put(x + 1, row.y, row.width, &hint.key, pen.bold(Ink::Accent));
        x = pen.put(x + 1, row.y, row.width, &hint.does, pen.ink(Ink::Label)) + 1;
    }
    pen.ground = Ground::Stage;
}

/// Columns of one hint with the space around it.
fn columns(hint: &KeyHint) -> u16 {
    width(&hint.key) + width(&hint.does) + 3
}

/// Which hints fit: the key to all keys first, then the most important ones (they come last in the
/// list), in the order of the list.
fn fitting(hints: &[KeyHint], room: u16) -> Vec<usize> {
    let mut order: Vec<usize> = (0..hints.len()).rev().collect();
    order.sort_by_key(|&i| hints[i].key != "?");
    let mut left = room;
    let mut chosen = Vec::new();
    for i in order {
        let w = columns(&hints[i]);
        if w <= left {
            left -= w;
            chosen.push(i);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_to_all_keys_is_never_cut() {
        let hint = |key: &str, does: &str| KeyHint { key: key.to_owned(), does: does.to_owned() };
        let hints =
            [hint("space", "play"), hint("?", "help"), hint("g", "graph"), hint("q", "quit")];
        assert_eq!(fitting(&hints, 80), [0, 1, 2, 3]);
        assert_eq!(fitting(&hints, 16), [1, 3]);
        assert_eq!(fitting(&hints, 8), [1]);
    }
}
