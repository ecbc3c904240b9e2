//! The page for a screen that is too small for a stage: it says so, and still has a clock and a
//! way out.

use ratatui::layout::Rect;

use super::pen::{Pen, cut, middle, width};
use crate::layout::NEEDED;
use crate::scene::Scene;
use crate::theme::Ink;

/// Draws the page.
pub(crate) fn render(scene: &Scene<'_>, area: Rect, pen: &mut Pen<'_>) {
    let need = format!("need {}x{}", NEEDED.width, NEEDED.height);
    let have = format!("have {}x{}", area.width, area.height);
    let quit = scene.hints.iter().find(|h| h.does.contains("quit"));
    let quit = quit.map_or("q quit".to_owned(), |h| format!("{} {}", h.key, h.does));
    let time = scene.world.time().to_string();
    let one = format!("too small ({have}, {need})");
    let lines: Vec<(&str, Ink)> = if area.width >= width(&one) {
        vec![(&one, Ink::Strong), (&time, Ink::Text), (&quit, Ink::Accent)]
    } else {
        let mut lines = vec![("too small", Ink::Strong), (&*have, Ink::Text)];
        lines.extend([(&*need, Ink::Text), (&*time, Ink::Text), (&*quit, Ink::Accent)]);
        lines
    };
    // The way out matters most, so it is what a single row shows.
    let skip = lines.len().saturating_sub(usize::from(area.height));
    let lines = &lines[skip..];
    let top = area.y + (area.height.saturating_sub(lines.len() as u16)) / 2;
    for (y, (text, ink)) in (top..area.bottom()).zip(lines) {
        let text = cut(text, area.width);
        pen.put(middle(area, width(&text)), y, area.width, &text, pen.ink(*ink));
    }
}
