//! What covers the stage: the keys, the glyphs, the menu of lessons.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::pen::{Captions, Pen, cut, middle, width};
use super::stage::Stage;
use crate::charset::{EMPTY, FULL, ROOM, VALUE};
use crate::scene::{KeyHint, MenuCard, Overlay};
use crate::theme::{Ground, Ink};

/// Draws what covers the stage, if anything does.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let scene = stage.scene;
    match &scene.overlay {
        Overlay::None => return,
        Overlay::Menu(card) => menu(stage, card, area, pen),
        Overlay::Help => {
            dim(area, pen);
            help(&scene.help, &scene.hints, area, pen);
        }
        Overlay::Legend => {
            dim(area, pen);
            legend(area, pen);
        }
        Overlay::Output(up) => {
            dim(area, pen);
            super::output::overlay(stage, *up, inset(area, 4, 2), pen);
        }
    }
    pen.ground = Ground::Stage;
}

/// Takes a part of the stage back, behind what covers it.
pub(super) fn dim(area: Rect, pen: &mut Pen<'_>) {
    let style = pen.ink(Ink::Line);
    let area = area.intersection(pen.buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = pen.buf.cell_mut((x, y)) {
                cell.modifier = Modifier::empty();
                cell.set_style(style);
            }
        }
    }
}

/// `area` less a margin on each side.
fn inset(area: Rect, x: u16, y: u16) -> Rect {
    let (x, y) = (x.min(area.width / 8), y.min(area.height / 8));
    Rect::new(area.x + x, area.y + y, area.width - 2 * x, area.height - 2 * y)
}

/// A box for `columns` x `rows` of content in the middle of `area`, cleared.
fn card(area: Rect, columns: u16, rows: u16, captions: Captions<'_>, pen: &mut Pen<'_>) -> Rect {
    pen.ground = Ground::Overlay;
    let w = (columns + 4).min(area.width);
    let h = (rows + 2).min(area.height);
    let part = Rect::new(area.x + (area.width - w) / 2, area.y + (area.height - h) / 2, w, h);
    pen.clear(part, Ink::Text);
    let inner = pen.frame(part, captions);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// All keys, in columns of sections.
fn help(sections: &[(String, Vec<KeyHint>)], now: &[KeyHint], area: Rect, pen: &mut Pen<'_>) {
    let fallback;
    let sections = if sections.is_empty() {
        fallback = [("now".to_owned(), now.to_vec())];
        &fallback
    } else {
        sections
    };
    let hints = || sections.iter().flat_map(|(_, hints)| hints);
    let key = hints().map(|h| width(&h.key)).max().unwrap_or(0);
    let does = hints().map(|h| width(&h.does)).max().unwrap_or(0);
    let room = area.height.saturating_sub(4).max(1);
    let across = area.width.saturating_sub(4) + GUTTER;
    // Where there is little room, keys that belong together share a line.
    let roomy = (across / (key + READABLE + GUTTER)).max(1);
    let together;
    let sections = if (1..=roomy).any(|n| fill(sections, n, room).len() == total(sections)) {
        sections
    } else {
        together = sections.iter().map(|(t, hints)| (t.clone(), joined(hints))).collect::<Vec<_>>();
        &together
    };
    // As few columns as hold all keys; what the keys do is cut before a key is left out.
    let most = (across / (key + 14 + GUTTER)).max(1);
    let holds = |columns: &u16| fill(sections, *columns, room).len() == total(sections);
    let columns = (1..most).find(holds).unwrap_or(most);
    let column = (key + 2 + does).min((across / columns).saturating_sub(GUTTER));
    let placed = fill(sections, columns, room);
    let rows = placed.iter().map(|at| at.row + 1).max().unwrap_or(0);
    let captions =
        Captions { title: "keys", foot: "esc closes", loud: true, ..Captions::default() };
    let inner = card(area, columns * (column + GUTTER) - GUTTER, rows, captions, pen);
    for Placed { column: at, row, line } in placed {
        let (x, y) = (inner.x + at * (column + GUTTER), inner.y + row);
        let room = column.min(inner.right().saturating_sub(x));
        match line {
            Line::Section(title) => {
                pen.put(x, y, room, title, pen.bold(Ink::Strong));
            }
            Line::Key(hint) => {
                pen.put_right(x + key, y, &hint.key, pen.bold(Ink::Accent));
                let room = room.saturating_sub(key + 2);
                pen.put(x + key + 2, y, room, &cut(&hint.does, room), pen.ink(Ink::Text));
            }
        }
    }
}

/// Columns for the keys of one line: as many as the longest key alone takes.
const KEYS: u16 = 9;

/// Columns that say enough of what a key does.
const READABLE: u16 = 26;

/// Hints with neighbours that do nearly the same on one line: "←/→  one decision back/forward".
fn joined(hints: &[KeyHint]) -> Vec<KeyHint> {
    let mut lines: Vec<KeyHint> = Vec::new();
    for hint in hints {
        let both = lines.last().and_then(|last| {
            let key = format!("{}/{}", last.key, hint.key);
            let does = in_one(&last.does, &hint.does).filter(|_| width(&key) <= KEYS)?;
            Some(KeyHint { key, does })
        });
        match (both, lines.last_mut()) {
            (Some(both), Some(last)) => *last = both,
            _ => lines.push(hint.clone()),
        }
    }
    lines
}

/// Two phrases as one, if they begin or end with the same two words and the result is short.
fn in_one(a: &str, b: &str) -> Option<String> {
    const SAME: usize = 2;
    let (x, y): (Vec<_>, Vec<_>) = (a.split(' ').collect(), b.split(' ').collect());
    let head = x.iter().zip(&y).take_while(|(a, b)| a == b).count();
    let tail = x.iter().rev().zip(y.iter().rev()).take_while(|(a, b)| a == b).count();
    let both = if head >= SAME {
        format!("{a}/{}", y[head..].join(" "))
    } else if tail >= SAME {
        let start = |words: &[&str]| words[..words.len() - tail].join(" ");
        format!("{}/{} {}", start(&x), start(&y), x[x.len() - tail..].join(" "))
    } else {
        return None;
    };
    (width(&both) <= READABLE + 8).then_some(both)
}

/// Columns between two columns of the help.
const GUTTER: u16 = 3;

/// How many lines the help has.
fn total(sections: &[(String, Vec<KeyHint>)]) -> usize {
    sections.iter().map(|(_, hints)| hints.len() + 1).sum()
}

/// A line of the help in its place.
struct Placed<'h> {
    column: u16,
    row: u16,
    line: Line<'h>,
}

/// A line of the help.
enum Line<'h> {
    Section(&'h str),
    Key(&'h KeyHint),
}

/// The lines of the help that find room in `columns` of `room` rows.
fn fill(sections: &[(String, Vec<KeyHint>)], columns: u16, room: u16) -> Vec<Placed<'_>> {
    let lines: u16 = sections.iter().map(|(_, hints)| hints.len() as u16 + 2).sum();
    // As even as sections allow, never more than there is room for.
    let even = lines.div_ceil(columns.max(1)).min(room);
    let (mut column, mut row) = (0, 0);
    let mut placed = Vec::new();
    for (title, hints) in sections {
        let need = hints.len() as u16 + 1;
        if row > 0 && row + need > even.max(1) && column + 1 < columns {
            (column, row) = (column + 1, 0);
        }
        let lines = std::iter::once(Line::Section(title)).chain(hints.iter().map(Line::Key));
        for line in lines {
            if row >= room && column + 1 < columns {
                (column, row) = (column + 1, 0);
            }
            if row < room {
                placed.push(Placed { column, row, line });
            }
            row += 1;
        }
        row += 1;
    }
    placed
}

/// What each glyph means.
fn legend(area: Rect, pen: &mut Pen<'_>) {
    let value = [VALUE, ROOM].map(String::from);
    let rows: [(String, Ink, &str); 18] = [
        ("(7)".to_owned(), Ink::Text, "a goroutine, G7"),
        ("/M1\\".to_owned(), Ink::Text, "a kernel thread, M1"),
        ("[P0]".to_owned(), Ink::Accent, "a processor: the right to run goroutines"),
        ("+12".to_owned(), Ink::Label, "twelve more goroutines that find no room"),
        (String::new(), Ink::Text, ""),
        (pen.theme.glyph(Ink::Running).to_owned(), Ink::Running, "running: on an M that has a P"),
        (
            pen.theme.glyph(Ink::Runnable).to_owned(),
            Ink::Runnable,
            "runnable: in a slot, a ring or the global queue",
        ),
        (
            pen.theme.glyph(Ink::Waiting).to_owned(),
            Ink::Waiting,
            "waiting: parked until somebody makes it ready",
        ),
        (
            pen.theme.glyph(Ink::Syscall).to_owned(),
            Ink::Syscall,
            "in a system call, or held: its M goes with it",
        ),
        (
            pen.theme.glyph(Ink::Netpoll).to_owned(),
            Ink::Netpoll,
            "waiting for I/O: the poller will wake it",
        ),
        (pen.theme.glyph(Ink::Dead).to_owned(), Ink::Dead, "dead"),
        (String::new(), Ink::Text, ""),
        ("slot".to_owned(), Ink::Label, "runs next on this P, in the same time slice"),
        ("ring".to_owned(), Ink::Label, "the queue of this P: 256, oldest first"),
        ("global".to_owned(), Ink::Label, "the queue of all Ps: every 61st tick, or when empty"),
        (
            format!("{FULL}{FULL}{FULL}{EMPTY}{EMPTY}"),
            Ink::Running,
            "how much of its 10 ms slice is used",
        ),
        (
            format!("[{0}{0}{1}{1}]", value[0], value[1]),
            Ink::Text,
            "the buffer of a channel: two of four",
        ),
        ("recvq".to_owned(), Ink::Label, "who waits to receive; sendq: to send"),
    ];
    let columns = rows.iter().map(|(_, _, text)| width(text)).max().unwrap_or(0) + 10;
    let captions =
        Captions { title: "legend", foot: "esc closes", loud: true, ..Captions::default() };
    let short = area.height < rows.len() as u16 + 2;
    let shown = || rows.iter().filter(|(sign, _, _)| !short || !sign.is_empty());
    let inner = card(area, columns, shown().count() as u16, captions, pen);
    for (y, (sign, ink, text)) in (inner.y..inner.bottom()).zip(shown()) {
        // A bar is no token: it is not reversed where there is no colour.
        let style = pen.ink(*ink);
        let bar = sign.starts_with(FULL);
        let style = if bar { style.remove_modifier(Modifier::REVERSED) } else { style };
        pen.put(inner.x, y, 8, sign, style);
        let room = inner.width.saturating_sub(10);
        pen.put(inner.x + 10, y, room, text, pen.ink(Ink::Text));
    }
}

/// The head of the menu, in Go's own picture language.
const LOGO: [(&str, &str); 3] =
    [("  (7)  ", "gopark"), (" /M1\\  ", "a Go scheduler, in your hands"), (" [P0]  ", "")];

/// The menu of lessons: a whole page.
fn menu(stage: &Stage<'_>, menu: &MenuCard, area: Rect, pen: &mut Pen<'_>) {
    pen.clear(area, Ink::Text);
    let name = menu.items.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let text = menu.items.iter().map(|(_, text)| width(text)).max().unwrap_or(0);
    let w = (name + text + 8).clamp(40, area.width.max(40)).min(area.width);
    let x = middle(area, w);
    let body = area.height.saturating_sub(LOGO.len() as u16 + 5);
    let shown = body.min(menu.items.len() as u16);
    let mut y = area.y + 1 + body.saturating_sub(shown) / 3;
    for ((sign, words), ink) in LOGO.iter().zip([Ink::Running, Ink::Text, Ink::Accent]) {
        let end = pen.put(x, y, w, sign, pen.bold(ink).remove_modifier(Modifier::REVERSED));
        let ink = if *words == "gopark" { Ink::Strong } else { Ink::Label };
        pen.put(end + 1, y, w, words, pen.ink(ink));
        y += 1;
    }
    let list = Rect::new(x, y + 1, w, shown);
    items(menu, list, name, pen);
    let bottom = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, area.height.min(1));
    super::hints::render(stage, bottom, pen);
}

/// The lessons, scrolled so that the chosen one is seen.
fn items(menu: &MenuCard, area: Rect, name: u16, pen: &mut Pen<'_>) {
    let rows = usize::from(area.height);
    let first = menu.at.saturating_sub(rows / 2).min(menu.items.len().saturating_sub(rows));
    let visible = menu.items.iter().enumerate().skip(first);
    for (y, (i, (title, text))) in (area.y..area.bottom()).zip(visible) {
        let chosen = i == menu.at;
        let mark = if chosen { " ► " } else { "   " };
        let (ink, words) = if chosen { (Ink::Strong, Ink::Text) } else { (Ink::Text, Ink::Label) };
        let x = pen.put(area.x, y, 3, mark, pen.bold(Ink::Accent));
        pen.put(x, y, name, title, pen.ink(ink));
        let room = area.width.saturating_sub(name + 5);
        pen.put(x + name + 2, y, room, &cut(text, room), pen.ink(words));
    }
}
