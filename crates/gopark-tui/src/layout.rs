//! Which panel gets which part of the screen.
//!
//! The stage was designed for 80x24 first (a projector has a big font, hence a small grid), then
//! for 120x40 and 200x60. When room is short the order is: stage, narration, play bar, keys, then
//! everything else. Invariants: the parts lie inside the area and never overlap; with at least
//! [`NEEDED`] there is always a place for every goroutine, if only as a number.

use ratatui::layout::{Rect, Size};

/// The smallest stage. Below it a page says so.
pub const NEEDED: Size = Size { width: 60, height: 16 };

/// The narrowest card of a processor.
const CARD_MIN: u16 = 14;
/// The narrowest big card.
const BIG_MIN: u16 = 20;
/// The lowest card: frame, thread, token, bar, slot and two rows of ring; a gutter is below it.
const CARD_ROWS: u16 = 11;
/// The lowest big card: as above with three-row tokens.
const BIG_ROWS: u16 = 18;
/// The narrowest screen with a question beside the narration.
const BOTH: u16 = 72;
/// The fewest rows for narration, and for what waits.
const BOX_ROWS: u16 = 4;

/// How processors are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// Cards with tokens of three rows.
    Big,
    /// Cards.
    Cards,
    /// Two rows each: one with the state, one to travel in.
    Lanes,
    /// One row each, in columns.
    Lines,
    /// One cell each.
    Heat,
}

/// What decides the layout beside the size of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wants {
    /// How many processors there are.
    pub(crate) ps: u16,
    /// Columns of the widest token on a processor.
    pub(crate) token: u16,
    /// Columns one processor needs in a row of its own.
    pub(crate) line_width: u16,
    /// Whether a question is open.
    pub(crate) question: bool,
    /// Whether something is selected.
    pub(crate) inspect: bool,
    /// Whether the program has printed something.
    pub(crate) output: bool,
}

impl Wants {
    /// The narrowest card: "slot " and the widest token within a frame.
    fn card(&self) -> u16 {
        CARD_MIN.max(self.token.saturating_add(9))
    }
}

/// Which panel gets which part of the screen; an empty part is not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Title, time, counts.
    pub(crate) header: Rect,
    /// The global queue.
    pub(crate) global: Rect,
    /// The processors.
    pub(crate) procs: Rect,
    /// How they are drawn.
    pub(crate) form: Form,
    /// How many stand beside each other.
    pub(crate) columns: u16,
    /// Threads without a processor, idle processors.
    pub(crate) threads: Rect,
    /// Parked goroutines.
    pub(crate) waiting: Rect,
    /// What happens and why.
    pub(crate) narration: Rect,
    /// The open question.
    pub(crate) question: Rect,
    /// What the program printed.
    pub(crate) output: Rect,
    /// The selected thing.
    pub(crate) inspect: Rect,
    /// The latest events.
    pub(crate) events: Rect,
    /// The play bar.
    pub(crate) play: Rect,
    /// The keys.
    pub(crate) hints: Rect,
}

impl Plan {
    /// Divides `area`; none if it is too small for a stage.
    pub(crate) fn of(area: Rect, wants: Wants) -> Option<Self> {
        if area.width < NEEDED.width || area.height < NEEDED.height {
            return None;
        }
        let mut cut = Cut(area);
        let mut plan = Self::empty(cut.top(1));
        plan.hints = cut.bottom(1);
        plan.play = cut.bottom(1);
        let body = cut.0;
        plan.choose_form(body, wants);
        plan.divide(body, wants);
        Some(plan)
    }

    fn empty(header: Rect) -> Self {
        let none = Rect::new(header.x, header.y, 0, 0);
        Self {
            header,
            global: none,
            procs: none,
            form: Form::Heat,
            columns: 1,
            threads: none,
            waiting: none,
            narration: none,
            question: none,
            output: none,
            inspect: none,
            events: none,
            play: none,
            hints: none,
        }
    }

    /// The richest form that fits, and how many processors stand beside each other.
    fn choose_form(&mut self, body: Rect, wants: Wants) {
        let ps = wants.ps.max(1);
        let left = body.width - side_width(body.width);
        let tall = body.width >= 100 && body.height >= 25;
        let fits = |rows: u16, spare: u16| rows + spare <= body.height;
        if body.width >= 160
            && fits(BIG_ROWS, 24)
            && ps.saturating_mul(BIG_MIN.max(wants.card() + 4) + 2) <= left + 2
        {
            (self.form, self.columns) = (Form::Big, ps);
            return;
        }
        // One row of cards beside the side column, one row above it, or two rows.
        for (width, rows) in [(left, 1), (body.width, 1), (body.width, 2)] {
            let columns = ps.div_ceil(rows);
            if tall
                && columns.saturating_mul(wants.card()) <= width
                && fits(rows * (CARD_ROWS + 1), 12)
            {
                (self.form, self.columns) = (Form::Cards, columns);
                return;
            }
        }
        let spare = 1 + 2 * BOX_ROWS;
        if ps.saturating_mul(2) <= body.height - spare {
            (self.form, self.columns) = (Form::Lanes, 1);
            return;
        }
        let columns = (body.width / wants.line_width.max(1)).min(ps);
        let rows = body.height - spare;
        if columns > 0 && ps.div_ceil(columns) <= rows {
            let columns = ps.div_ceil(ps.div_ceil(columns));
            (self.form, self.columns) = (Form::Lines, columns);
        } else {
            (self.form, self.columns) = (Form::Heat, 1);
        }
    }

    /// Gives every panel its part.
    fn divide(&mut self, body: Rect, wants: Wants) {
        let side = side_width(body.width);
        let cards = matches!(self.form, Form::Big | Form::Cards);
        let mut left = Cut(body);
        let mut right = Rect::new(body.right(), body.y, 0, 0);
        // Cards that need the whole width push the side column below them.
        let beside = cards && self.columns * wants.card() <= body.width - side;
        if beside && side > 0 {
            right = left.right(side);
        }
        let rest = body.height - if cards { self.card_head() } else { 1 };
        self.global = left.top(if cards { self.card_head() - 1 } else { 1 });
        if cards {
            left.top(1);
        }
        let below = self.rows_below(rest, body.height);
        let rows = self.proc_rows(wants, rest.saturating_sub(below));
        self.procs = left.top(rows);
        if !beside && side > 0 && left.0.height >= 2 * BOX_ROWS {
            right = left.right(side);
        }
        self.divide_below(left.0, wants);
        self.divide_side(right, wants);
    }

    /// Rows of the global queue and the gutter below it.
    fn card_head(&self) -> u16 {
        if self.form == Form::Big { 6 } else { 4 }
    }

    /// How many of `rest` rows narration and boxes want below the processors.
    fn rows_below(&self, rest: u16, height: u16) -> u16 {
        match self.form {
            Form::Big => 22,
            // The more rows, the more of them go below, as rings rarely are long.
            Form::Cards => (rest * 11 / 20).max(12).min(rest),
            _ => (height / 2).max(2 * BOX_ROWS).min(rest),
        }
    }

    /// How many rows the processors take, with `most` at hand.
    fn proc_rows(&self, wants: Wants, most: u16) -> u16 {
        let ps = wants.ps.max(1);
        match self.form {
            Form::Big => most.clamp(BIG_ROWS, 24) + 1,
            Form::Cards => {
                let rows = ps.div_ceil(self.columns);
                rows * (most / rows).clamp(CARD_ROWS + 1, 15)
            }
            Form::Lanes => ps * 2,
            Form::Lines => ps.div_ceil(self.columns),
            Form::Heat => (ps.div_ceil(heat_cells(self.header.width, 5)) + 1).clamp(2, most.max(2)),
        }
    }

    /// What stands below the processors: boxes, then narration and the question.
    fn divide_below(&mut self, area: Rect, wants: Wants) {
        let mut left = Cut(area);
        let spare = area.height.saturating_sub(2 * BOX_ROWS);
        let fair = match (self.form, wants.question) {
            (Form::Big, _) => 10,
            (Form::Cards, true) => 9,
            (Form::Cards, false) => 8,
            (_, true) => 8,
            (_, false) => 6,
        };
        // A question gets its rows first; else what waits grows as the narration does.
        let share = if wants.question { spare } else { spare.div_ceil(2) };
        let narration = (BOX_ROWS + share.min(fair - BOX_ROWS)).min(area.height);
        let mut story = Cut(left.bottom(narration));
        if wants.question {
            // Where both would be cut, the question is what the viewer must read now.
            let width = story.0.width;
            let share = if width < BOTH { width } else { (width * 11 / 20).min(64) };
            self.question = story.right(share);
        }
        self.narration = story.0;
        let boxes = left.0;
        let threads = (boxes.width * 7 / 20).clamp(24.min(boxes.width), 46);
        let mut boxes = Cut(boxes);
        self.threads = boxes.left(threads);
        self.waiting = boxes.0;
    }

    /// What stands in the side column: output, the selected thing, events.
    fn divide_side(&mut self, area: Rect, wants: Wants) {
        if area.width == 0 {
            return;
        }
        let mut left = Cut(area);
        if wants.inspect {
            self.inspect = left.top((area.height * 2 / 5).clamp(BOX_ROWS, 12));
        }
        if wants.output {
            self.output = left.bottom((area.height / 4).clamp(BOX_ROWS, 14));
        }
        self.events = left.0;
    }
}

/// How many cells of the heat map stand in a row beside a label, in groups of eight.
pub(crate) fn heat_cells(width: u16, label: u16) -> u16 {
    (width.saturating_sub(label + 1) / 9 * 8).max(1)
}

/// Columns of the side column.
fn side_width(width: u16) -> u16 {
    if width < 100 { 0 } else { (width * 3 / 10).clamp(32, 58) }
}

/// What is left of an area when parts are cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut(pub(crate) Rect);

impl Cut {
    /// Cuts `rows` off the top.
    pub(crate) fn top(&mut self, rows: u16) -> Rect {
        let rows = rows.min(self.0.height);
        let part = Rect { height: rows, ..self.0 };
        self.0.y += rows;
        self.0.height -= rows;
        part
    }

    /// Cuts `rows` off the bottom.
    pub(crate) fn bottom(&mut self, rows: u16) -> Rect {
        let rows = rows.min(self.0.height);
        self.0.height -= rows;
        Rect { y: self.0.bottom(), height: rows, ..self.0 }
    }

    /// Cuts `columns` off the left.
    pub(crate) fn left(&mut self, columns: u16) -> Rect {
        let columns = columns.min(self.0.width);
        let part = Rect { width: columns, ..self.0 };
        self.0.x += columns;
        self.0.width -= columns;
        part
    }

    /// Cuts `columns` off the right.
    pub(crate) fn right(&mut self, columns: u16) -> Rect {
        let columns = columns.min(self.0.width);
        self.0.width -= columns;
        Rect { x: self.0.right(), width: columns, ..self.0 }
    }
}
