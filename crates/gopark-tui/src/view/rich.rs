//! Sentences in which goroutines, threads and processors stand out.

use gopark_model::World;
use gopark_trace::GId;
use ratatui::style::{Modifier, Style};

use super::pen::Pen;
use super::stage::ink_of;
use crate::theme::Ink;

/// Writes `text` with the names of goroutines in the ink of their state, those of threads and
/// processors bold; returns the column after it.
pub(crate) fn put_rich(
    pen: &mut Pen<'_>,
    world: &World,
    (x, y): (u16, u16),
    room: u16,
    text: &str,
    base: Ink,
) -> u16 {
    let end = x.saturating_add(room);
    let plain = pen.ink(base);
    let mut at = x;
    for piece in pieces(text) {
        let style = name_style(pen, world, piece).unwrap_or(plain);
        at = pen.put(at, y, end.saturating_sub(at), piece, style);
    }
    at
}

/// The style of a piece that names something.
fn name_style(pen: &Pen<'_>, world: &World, piece: &str) -> Option<Style> {
    let (kind, digits) = piece.split_at_checked(1)?;
    let number: u64 = digits.parse().ok()?;
    match kind {
        "G" => {
            let ink = world.g(GId(number)).map_or(Ink::Label, |g| ink_of(g.status, g.wait));
            // Reversed words would shout in a sentence: bold is enough there.
            Some(pen.bold(ink).remove_modifier(Modifier::REVERSED | Modifier::CROSSED_OUT))
        }
        "M" => Some(pen.bold(Ink::Text)),
        "P" => Some(pen.bold(Ink::Accent)),
        _ => None,
    }
}

/// `text` cut where a word that may be a name begins or ends.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let inside = |c: char| c.is_alphanumeric();
        let same = |c: char| inside(c) == inside(first);
        let len = rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(len);
        rest = tail;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn names_are_pieces_of_their_own() {
        let cut: Vec<&str> = pieces("P1 steals G31, G32").collect();
        assert_eq!(cut, ["P1", " ", "steals", " ", "G31", ", ", "G32"]);
        assert_eq!(pieces("").count(), 0);
    }
}
