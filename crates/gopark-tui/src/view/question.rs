//! The open question: predict first, then see.

use ratatui::layout::Rect;

use super::pen::{Captions, Pen, cut, wrap, wrap_to};
use super::rich::put_rich;
use super::stage::Stage;
use crate::scene::QuestionCard;
use crate::theme::Ink;

/// Draws the question with its answers.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let Some(card) = &stage.scene.question else {
        return;
    };
    let foot = match (card.chosen, card.right) {
        (_, Some(_)) => "space goes on".to_owned(),
        (Some(_), None) => "now see".to_owned(),
        (None, None) => format!("press 1-{}", card.choices.len()),
    };
    let captions = Captions { title: "predict", foot: &foot, loud: true, ..Captions::default() };
    let inner = pen.frame(area, captions);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let rows = usize::from(inner.height);
    let why = if card.right.is_some() { card.why.as_str() } else { "" };
    let for_why = wrap(why, inner.width).len().min(rows.saturating_sub(card.choices.len()) / 2);
    let for_text = rows.saturating_sub(card.choices.len() + for_why).max(1);
    let mut y = inner.y;
    for line in wrap_to(&card.text, inner.width, for_text) {
        put_rich(pen, stage.world, (inner.x, y), inner.width, &line, Ink::Strong);
        y += 1;
    }
    for i in 0..card.choices.len() {
        if y < inner.bottom() {
            choice(stage, card, i, Rect { y, height: 1, ..inner }, pen);
            y += 1;
        }
    }
    for line in wrap_to(why, inner.width, usize::from(inner.bottom().saturating_sub(y))) {
        put_rich(pen, stage.world, (inner.x, y), inner.width, &line, Ink::Text);
        y += 1;
    }
}

/// One answer, with what is known about it: chosen, right, wrong.
fn choice(stage: &Stage<'_>, card: &QuestionCard, i: usize, row: Rect, pen: &mut Pen<'_>) {
    let chosen = card.chosen == Some(i);
    let (mark, ink) = match card.right {
        Some(right) if right == i => ("ok ", Ink::Running),
        Some(_) if chosen => ("no ", Ink::Syscall),
        None if chosen => ("►  ", Ink::Strong),
        _ => ("   ", Ink::Text),
    };
    let x = pen.put(row.x, row.y, 3, mark, pen.bold(ink));
    let x = pen.put(x, row.y, 4, &format!("{} ", i + 1), pen.ink(Ink::Accent));
    let room = row.right().saturating_sub(x);
    put_rich(pen, stage.world, (x, row.y), room, &cut(&card.choices[i], room), Ink::Text);
}
