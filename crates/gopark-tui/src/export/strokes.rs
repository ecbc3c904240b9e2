//! Boxes and blocks as strokes and fills.

use std::fmt::Write as _;

use ratatui::buffer::Cell;

/// Half the width of a thin and of a heavy stroke.
const THIN: f64 = 0.55;
const HEAVY: f64 = 1.3;

/// A way to draw one cell.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Arms from the middle to: left, right, up, down; and half their width.
    Arms([bool; 4], f64),
    /// Dashes across or down.
    Dashes { down: bool },
    /// A round corner that opens to the right or left, and down or up.
    Corner { right: bool, down: bool },
    /// From corner to corner, rising or falling.
    Diagonal { rising: bool },
    /// A part of the height filled from below, and how dense.
    Fill(f64, f64),
}

/// Whether this cell is drawn as strokes.
pub(super) fn known(symbol: &str) -> bool {
    shape(symbol).is_some()
}

fn shape(symbol: &str) -> Option<Shape> {
    let arms = |l, r, u, d| Shape::Arms([l, r, u, d], THIN);
    Some(match symbol {
        "─" => arms(true, true, false, false),
        "│" => arms(false, false, true, true),
        "├" => arms(false, true, true, true),
        "┤" => arms(true, false, true, true),
        "┌" => arms(false, true, false, true),
        "┐" => arms(true, false, false, true),
        "└" => arms(false, true, true, false),
        "┘" => arms(true, false, true, false),
        "━" => Shape::Arms([true, true, false, false], HEAVY),
        "┃" => Shape::Arms([false, false, true, true], HEAVY),
        "┄" => Shape::Dashes { down: false },
        "┆" => Shape::Dashes { down: true },
        "╭" => Shape::Corner { right: true, down: true },
        "╮" => Shape::Corner { right: false, down: true },
        "╰" => Shape::Corner { right: true, down: false },
        "╯" => Shape::Corner { right: false, down: false },
        "╱" => Shape::Diagonal { rising: true },
        "╲" => Shape::Diagonal { rising: false },
        "█" => Shape::Fill(0.72, 1.0),
        "░" => Shape::Fill(0.72, 0.28),
        "▁" => Shape::Fill(0.125, 1.0),
        "▂" => Shape::Fill(0.25, 1.0),
        "▃" => Shape::Fill(0.375, 1.0),
        "▄" => Shape::Fill(0.5, 1.0),
        "▅" => Shape::Fill(0.625, 1.0),
        "▆" => Shape::Fill(0.75, 1.0),
        "▇" => Shape::Fill(0.875, 1.0),
        _ => return None,
    })
}

/// Draws a run of such cells from (x, y) on.
pub(super) fn path(
    run: &[Cell],
    x: f64,
    y: f64,
    (w, h): (f64, f64),
    colour: &str,
    out: &mut String,
) {
    let (mut fills, mut lines) = (String::new(), String::new());
    let mut faint = String::new();
    for (i, cell) in run.iter().enumerate() {
        let (x, y) = (x + i as f64 * w, y);
        match shape(cell.symbol()) {
            Some(Shape::Arms(arms, half)) => draw_arms(arms, half, (x, y, w, h), &mut fills),
            Some(Shape::Dashes { down }) => draw_dashes(down, (x, y, w, h), &mut fills),
            Some(Shape::Corner { right, down }) => {
                let end_x = if right { x + w } else { x };
                let end_y = if down { y + h } else { y };
                let (mx, my) = (x + w / 2.0, y + h / 2.0);
                let _ = write!(lines, "M{mx:.2} {end_y:.2}Q{mx:.2} {my:.2} {end_x:.2} {my:.2}");
            }
            Some(Shape::Diagonal { rising }) => {
                let (from, to) = if rising { (y + h, y) } else { (y, y + h) };
                let _ = write!(lines, "M{x:.2} {from:.2}L{:.2} {to:.2}", x + w);
            }
            Some(Shape::Fill(part, density)) => {
                let to = if density < 1.0 { &mut faint } else { &mut fills };
                // Bars leave a little air above and below; steps stand on the ground.
                let (top, tall) = if part == 0.72 {
                    (y + h * 0.14, h * part)
                } else {
                    (y + h * (1.0 - part), h * part)
                };
                rect(to, x, top, w + 0.1, tall);
            }
            None => {}
        }
    }
    if !fills.is_empty() {
        let _ = writeln!(out, "<path fill=\"{colour}\" d=\"{fills}\"/>");
    }
    if !faint.is_empty() {
        let _ = writeln!(out, "<path fill=\"{colour}\" opacity=\"0.45\" d=\"{faint}\"/>");
    }
    if !lines.is_empty() {
        let wide = THIN * 2.0;
        let _ = writeln!(
            out,
            "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"{wide}\" d=\"{lines}\"/>"
        );
    }
}

fn draw_arms(
    [left, right, up, down]: [bool; 4],
    half: f64,
    (x, y, w, h): (f64, f64, f64, f64),
    to: &mut String,
) {
    let (mx, my) = (x + w / 2.0, y + h / 2.0);
    if left || right {
        let start = if left { x } else { mx - half };
        let end = if right { x + w } else { mx + half };
        rect(to, start, my - half, end - start, 2.0 * half);
    }
    if up || down {
        let start = if up { y } else { my - half };
        let end = if down { y + h } else { my + half };
        rect(to, mx - half, start, 2.0 * half, end - start);
    }
}

fn draw_dashes(down: bool, (x, y, w, h): (f64, f64, f64, f64), to: &mut String) {
    let (mx, my) = (x + w / 2.0, y + h / 2.0);
    for i in 0..3 {
        let at = f64::from(i) / 3.0;
        if down {
            rect(to, mx - THIN, y + h * (at + 0.08), 2.0 * THIN, h * 0.17);
        } else {
            rect(to, x + w * (at + 0.08), my - THIN, w * 0.17, 2.0 * THIN);
        }
    }
}

fn rect(to: &mut String, x: f64, y: f64, w: f64, h: f64) {
    let _ = write!(to, "M{x:.2} {y:.2}h{w:.2}v{h:.2}h{:.2}z", -w);
}
