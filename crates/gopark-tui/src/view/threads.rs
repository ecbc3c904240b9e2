//! Threads without a processor, by what keeps them, and the order in which idle ones are taken.

use gopark_model::MStatus;
use gopark_trace::MId;
use ratatui::layout::Rect;

use super::census::{Queue, Thread};
use super::marks::Spot;
use super::pen::{Captions, Pen, cut, width};
use super::stage::{Flow, Stage, circle, put_m, put_more, triangle};
use crate::charset::CUT;
use crate::theme::Ink;

/// No thread is held to be wider than this.
const WIDEST: u16 = 9_999;
/// Columns of the word before the threads.
const WORD: u16 = 8;

/// Threads kept by the same thing.
#[derive(Debug)]
struct Kept<'s> {
    word: &'static str,
    asleep: bool,
    threads: Vec<&'s Thread<'s>>,
}

impl Kept<'_> {
    fn gs(&self) -> usize {
        self.threads.iter().map(|t| t.load.on.len() + t.load.hand.len()).sum()
    }
}

/// Draws the threads without a processor.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let world = stage.world;
    let note = match (world.needspinning(), world.spinning()) {
        (true, _) => "needspinning".to_owned(),
        (false, 0) => String::new(),
        (false, n) => format!("{n} spinning"),
    };
    let captions = Captions { title: "threads without P", note: &note, ..Captions::default() };
    let inner = pen.frame(area, captions);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    pen.marks.tail(Spot::Threads, inner.x + WORD, inner.y);
    let groups = groups(stage);
    let with_gs = groups.iter().filter(|k| k.gs() > 0).count();
    let rows = usize::from(inner.height);
    let spare = rows.saturating_sub(groups.len() + usize::from(!world.idle_ps().is_empty()));
    let mut y = inner.y;
    let mut left = spare as u16;
    for (i, kept) in groups.iter().enumerate() {
        let last = y + 1 >= inner.bottom();
        if y >= inner.bottom() {
            break;
        }
        if last && i + 1 < with_gs {
            rest(&groups[i..], inner, y, pen);
            return;
        }
        let used = group(stage, kept, Rect { y, height: 1 + left, ..inner }, pen);
        left -= used - 1;
        y += used;
    }
    if y < inner.bottom() {
        idle_ps(stage, Rect { y, height: 1, ..inner }, pen);
    }
}

/// The threads by what keeps them: first those with goroutines, which must not be lost sight of.
fn groups<'s>(stage: &'s Stage<'s>) -> Vec<Kept<'s>> {
    let pick = |word, asleep, test: fn(&Thread<'_>) -> bool| Kept {
        word,
        asleep,
        threads: stage.census.threads.iter().filter(|t| test(t)).collect(),
    };
    let mut groups = vec![
        pick("in call", false, |t| t.m.status == MStatus::Syscall),
        pick("held", false, |t| t.m.status == MStatus::Held),
        pick("runs", false, |t| t.m.status == MStatus::Running),
        pick("ended", true, |t| t.m.status == MStatus::Ended),
        pick("spins", false, |t| t.m.status == MStatus::Spinning),
        pick("polls", false, |t| t.m.status == MStatus::Polling),
        pick("starts", true, |t| t.m.status == MStatus::Starting),
        pick("waits", true, |t| t.m.status == MStatus::WaitLocked),
        pick("idle M", true, |t| t.m.status == MStatus::Idle),
    ];
    for kept in &mut groups {
        if kept.word == "idle M" {
            let order = stage.world.idle_ms();
            let place = |m: MId| order.iter().rev().position(|id| *id == m);
            kept.threads.sort_by_key(|t| place(t.m.id).unwrap_or(usize::MAX));
        }
    }
    groups.retain(|k| !k.threads.is_empty());
    groups.sort_by_key(|k| k.gs() == 0);
    groups
}

/// One group in at most the rows of `area`; returns how many it took.
fn group(stage: &Stage<'_>, kept: &Kept<'_>, area: Rect, pen: &mut Pen<'_>) -> u16 {
    pen.put(area.x, area.y, WORD, kept.word, pen.ink(Ink::Label));
    let from = area.x + WORD;
    let (mut x, mut y) = (from, area.y);
    for (i, thread) in kept.threads.iter().enumerate() {
        let w = item_width(thread);
        let keep = if i + 1 < kept.threads.len() { 5 } else { 0 };
        if x + w + keep > area.right() && x > from && y + 1 < area.bottom() {
            (x, y) = (from, y + 1);
        }
        let last_row = y + 1 >= area.bottom();
        if x + w + if last_row { keep } else { 0 } > area.right() && (i > 0 || keep > 0) {
            let others = &kept.threads[i..];
            let gs: usize = others.iter().map(|t| t.load.on.len() + t.load.hand.len()).sum();
            let more = format!("{CUT}{}", others.len());
            if gs > 0 {
                put_more(gs, (x, y), pen);
            } else {
                pen.put(x, y, area.right().saturating_sub(x), &more, pen.ink(Ink::Label));
            }
            break;
        }
        x = item(
            stage,
            thread,
            kept.asleep,
            Rect { x, y, height: 1, width: area.right().saturating_sub(x) },
            pen,
        );
    }
    y - area.y + 1
}

/// Columns of a thread with what it has, at most [`WIDEST`].
fn item_width(thread: &Thread<'_>) -> u16 {
    let gs = thread.load.on.iter().chain(&thread.load.hand);
    let tokens = gs.map(|g| width(&circle(*g)) + 1);
    let columns = tokens.fold(width(&triangle(thread.m.id)), u16::saturating_add);
    columns.min(WIDEST)
}

/// A thread with what it has; returns the column after it.
fn item(
    stage: &Stage<'_>,
    thread: &Thread<'_>,
    asleep: bool,
    area: Rect,
    pen: &mut Pen<'_>,
) -> u16 {
    let m = thread.m.id;
    let mut x = put_m(stage, m, asleep, (area.x, area.y), pen);
    pen.marks.tail(Spot::On(m), x + 1, area.y);
    for (gs, link, spot) in
        [(&thread.load.on, "─", Spot::On(m)), (&thread.load.hand, " ", Spot::Hand(m))]
    {
        if gs.is_empty() {
            continue;
        }
        x = pen.put(x, area.y, 1, link, pen.ink(Ink::Line));
        let queue = Queue { head: gs.clone(), total: gs.len() };
        let room = area.right().saturating_sub(x);
        x = Flow::row(x, area.y, room, spot).draw(stage, &queue, pen).0;
    }
    x + u16::from(!thread.load.on.is_empty())
}

/// All that found no row, as a number.
fn rest(groups: &[Kept<'_>], area: Rect, y: u16, pen: &mut Pen<'_>) {
    let gs = groups.iter().map(Kept::gs).sum();
    pen.put(area.x, y, WORD, "others", pen.ink(Ink::Label));
    put_more(gs, (area.x + WORD, y), pen);
}

/// The idle processors, the one to be taken next first.
fn idle_ps(stage: &Stage<'_>, row: Rect, pen: &mut Pen<'_>) {
    let idle = stage.world.idle_ps();
    if idle.is_empty() {
        return;
    }
    pen.put(row.x, row.y, WORD, "idle P", pen.ink(Ink::Label));
    let list: String = idle.iter().rev().map(|p| format!("[{p}]")).collect();
    let room = row.width.saturating_sub(WORD);
    pen.put(row.x + WORD, row.y, room, &cut(&list, room), pen.ink(Ink::Label));
}
