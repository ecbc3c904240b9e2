//! What happens and why: the lesson's words, the event as a sentence, the rule with its numbers.

use ratatui::layout::Rect;

use super::inspect::summary;
use super::pen::{Captions, Pen, wrap, wrap_to};
use super::rich::put_rich;
use super::stage::Stage;
use crate::scene::Narration;
use crate::theme::Ink;

/// Draws the narration.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let said = &stage.scene.narration;
    let title = match &said.chapter {
        Some((n, of, title)) => format!("{n}/{of} {title}"),
        None => "what happens".to_owned(),
    };
    let source = said.rule.as_ref().map_or("", |(_, source)| source);
    let end = stage.world.ended().map(|(_, text)| text.to_owned());
    let selected = stage.scene.selected.map(|s| summary(stage.world, s));
    let note = selected.or(end).unwrap_or_default();
    let captions = Captions { title: &title, note: &note, foot: source, ..Captions::default() };
    let inner = pen.frame(area, captions);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let lines = lines(said, inner.width, usize::from(inner.height));
    for (y, (ink, line)) in (inner.y..inner.bottom()).zip(&lines) {
        put_rich(pen, stage.world, (inner.x, y), inner.width, line, *ink);
    }
}

/// The lines that fit: each part gets one before any gets more.
fn lines(said: &Narration, room: u16, rows: usize) -> Vec<(Ink, String)> {
    let rule = said.rule.as_ref().map_or(String::new(), |(rule, _)| format!("why: {rule}"));
    let long = said.long.as_deref().unwrap_or_default();
    // In the order of drawing, with the rank in which each gets its first line.
    let parts = [
        (Ink::Text, said.text.as_str(), 2),
        (Ink::Strong, said.event.as_str(), 0),
        (Ink::Text, rule.as_str(), 1),
        (Ink::Label, long, 3),
    ];
    let needs = parts.map(|(_, text, _)| wrap(text, room).len());
    let mut gets = [0; 4];
    let mut left = rows;
    for rank in 0..parts.len() {
        for (i, (_, _, own)) in parts.iter().enumerate() {
            if *own == rank && needs[i] > 0 && left > 0 {
                (gets[i], left) = (1, left - 1);
            }
        }
    }
    // Then in turns, but for the long explanation, which has what is left.
    while let Some(i) = (0..3).filter(|i| needs[*i] > gets[*i]).min_by_key(|i| gets[*i]) {
        if left == 0 {
            break;
        }
        (gets[i], left) = (gets[i] + 1, left - 1);
    }
    if gets[3] > 0 {
        gets[3] = needs[3].min(gets[3] + left);
    }
    let mut lines = Vec::new();
    for ((ink, text, _), rows) in parts.into_iter().zip(gets) {
        lines.extend(wrap_to(text, room, rows).into_iter().map(|line| (ink, line)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_comes_first_when_room_is_short() {
        let said = Narration {
            text: "a lesson says a lot about this moment".to_owned(),
            event: "G7 parks".to_owned(),
            rule: Some(("nothing to receive".to_owned(), "chan.go chanrecv")),
            ..Narration::default()
        };
        let text = |rows| {
            let lines = lines(&said, 20, rows);
            lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>()
        };
        assert_eq!(text(1), ["G7 parks"]);
        assert_eq!(text(2), ["G7 parks", "why: nothing to…"]);
        assert_eq!(text(3), ["a lesson says a lot…", "G7 parks", "why: nothing to…"]);
        assert_eq!(text(9).len(), 5);
    }
}
