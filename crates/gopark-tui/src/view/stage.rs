//! What the panels of the stage share: the world with its census, and the grammar of tokens.
//!
//! A goroutine is a circle `(7)`, a thread a triangle `/M1\`, a processor a rectangle `[P0]`. A
//! token is the thing itself and stands once on the stage; a mere mention is written `G7`.

use gopark_model::World;
use gopark_trace::{GId, MId, Nanos};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::census::{Census, Queue};
use super::marks::Spot;
use super::pen::{Pen, width};
use crate::scene::{Scene, Selected};
use crate::theme::Ink;

/// The world that is drawn, and how.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// What the frame shows beside the world.
    pub(crate) scene: &'a Scene<'a>,
    /// The world: at the playhead, or after the step in motion.
    pub(crate) world: &'a World,
    /// Who is where in it.
    pub(crate) census: Census<'a>,
}

impl<'a> Stage<'a> {
    /// The stage for `world`.
    pub(crate) fn new(scene: &'a Scene<'a>, world: &'a World) -> Self {
        Self { scene, world, census: Census::of(world) }
    }

    /// The style of the token of `g`.
    pub(crate) fn g_style(&self, g: GId, pen: &Pen<'_>) -> Style {
        let ink = self.world.g(g).map_or(Ink::Dead, |g| ink_of(g.status, g.wait));
        let style = pen.ink(ink);
        if self.scene.selected == Some(Selected::G(g)) { pen.theme.selected(style) } else { style }
    }

    /// The style of the token of `m`.
    pub(crate) fn m_style(&self, m: MId, asleep: bool, pen: &Pen<'_>) -> Style {
        let style = pen.ink(if asleep { Ink::Label } else { Ink::Text });
        let style = if asleep { style } else { style.add_modifier(Modifier::BOLD) };
        if self.scene.selected == Some(Selected::M(m)) { pen.theme.selected(style) } else { style }
    }
}

/// The ink of a goroutine: its status, and whether the poller will wake it.
pub(crate) fn ink_of(status: gopark_trace::GStatus, wait: Option<gopark_trace::WaitReason>) -> Ink {
    match (status, wait) {
        (gopark_trace::GStatus::Waiting, Some(gopark_trace::WaitReason::IoWait)) => Ink::Netpoll,
        _ => Ink::of(status),
    }
}

/// `(7)`
pub(crate) fn circle(g: GId) -> String {
    format!("({})", g.0)
}

/// `/M1\`
pub(crate) fn triangle(m: MId) -> String {
    format!("/M{}\\", m.0)
}

/// A length of time in at most six columns: "234µs", "6.2ms".
pub(crate) fn brief(t: Nanos) -> String {
    let n = t.0;
    let tenths = |scale: u64, unit: &str| {
        if n < 10 * scale {
            format!("{}.{}{unit}", n / scale, n % scale / (scale / 10))
        } else {
            format!("{}{unit}", n / scale)
        }
    };
    match n {
        0..1_000 => format!("{n}ns"),
        1_000..1_000_000 => tenths(1_000, "µs"),
        1_000_000..1_000_000_000 => tenths(1_000_000, "ms"),
        u64::MAX => "ever".to_owned(),
        _ => tenths(1_000_000_000, "s"),
    }
}

/// Writes the token of `g` and notes where it stands; returns the column after it.
pub(crate) fn put_g(stage: &Stage<'_>, g: GId, (x, y): (u16, u16), pen: &mut Pen<'_>) -> u16 {
    let text = circle(g);
    let end = pen.put(x, y, u16::MAX, &text, stage.g_style(g, pen));
    pen.marks.token(g, Rect::new(x, y, end.saturating_sub(x), 1));
    end
}

/// Writes the token of `m` and notes where it stands; returns the column after it.
pub(crate) fn put_m(
    stage: &Stage<'_>,
    m: MId,
    asleep: bool,
    (x, y): (u16, u16),
    pen: &mut Pen<'_>,
) -> u16 {
    let text = triangle(m);
    let end = pen.put(x, y, u16::MAX, &text, stage.m_style(m, asleep, pen));
    pen.marks.ms.insert(m, Rect::new(x, y, end.saturating_sub(x), 1));
    end
}

/// How the tokens of a queue are laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// The rows the tokens may use, the first from `indent` on.
    pub(crate) area: Rect,
    /// Where the first row starts.
    pub(crate) indent: u16,
    /// Columns between tokens.
    pub(crate) gap: u16,
    /// Where these goroutines are.
    pub(crate) spot: Spot,
}

/// Where the tokens of a queue stand.
#[derive(Debug)]
struct Fit {
    /// Those that have room.
    tokens: Vec<(GId, u16, u16)>,
    /// Where the "+n", or the next token, would stand.
    end: (u16, u16),
}

impl Flow {
    /// A flow in one row.
    pub(crate) fn row(x: u16, y: u16, room: u16, spot: Spot) -> Self {
        Self { area: Rect::new(x, y, room, 1), indent: 0, gap: 0, spot }
    }

    /// Places the first tokens, as many as fit beside the "+n" of the others.
    fn fit(&self, queue: &Queue) -> Fit {
        let mut tokens: Vec<(GId, u16, u16)> = Vec::new();
        let (mut x, mut y) = (self.area.x + self.indent, self.area.y);
        for (i, g) in queue.head.iter().enumerate() {
            let w = width(&circle(*g));
            if x + w > self.area.right() && y + 1 < self.area.bottom() && x > self.area.x {
                (x, y) = (self.area.x, y + 1);
            }
            let last_row = y + 1 >= self.area.bottom();
            let rest = queue.total - i - 1;
            let more = if rest > 0 && last_row { self.gap + counter_width(rest) } else { 0 };
            // The last row keeps room for "+n", unless all the others fit beside it as well.
            let all_fit = || last_row && self.rest_fits(&queue.head[i..], queue.total - i, x);
            if x + w + more > self.area.right() && !all_fit() {
                break;
            }
            if y >= self.area.bottom() {
                break;
            }
            tokens.push((*g, x, y));
            x += w + self.gap;
        }
        Fit { tokens, end: (x, y) }
    }

    /// Whether all of `rest`, `total` in number, fit into the row from `x` on.
    fn rest_fits(&self, rest: &[GId], total: usize, x: u16) -> bool {
        let mut needed = u32::from(x);
        if rest.len() < total {
            return false;
        }
        for (i, g) in rest.iter().enumerate() {
            needed += u32::from(width(&circle(*g))) + u32::from(if i > 0 { self.gap } else { 0 });
            if needed > u32::from(self.area.right()) {
                return false;
            }
        }
        true
    }

    /// How many rows the tokens need at most.
    pub(crate) fn rows(&self, queue: &Queue) -> u16 {
        self.fit(queue).tokens.last().map_or(1, |(_, _, y)| y - self.area.y + 1)
    }

    /// Whether all tokens find room.
    pub(crate) fn holds(&self, queue: &Queue) -> bool {
        self.fit(queue).tokens.len() == queue.total
    }

    /// Writes the tokens, and "+n" for those that find no room; returns where it ended.
    pub(crate) fn draw(&self, stage: &Stage<'_>, queue: &Queue, pen: &mut Pen<'_>) -> (u16, u16) {
        let Fit { tokens, end: (x, y) } = self.fit(queue);
        for (g, x, y) in &tokens {
            put_g(stage, *g, (*x, *y), pen);
        }
        let rest = queue.total - tokens.len();
        pen.marks.tail(self.spot, x.min(self.area.right().saturating_sub(3)), y);
        if rest == 0 {
            return (x, y);
        }
        (put_more(rest, (x, y), pen), y)
    }
}

/// Columns of "+n".
fn counter_width(n: usize) -> u16 {
    1 + width(&n.to_string())
}

/// Writes "+n" for goroutines without a token; returns the column after it.
pub(crate) fn put_more(n: usize, (x, y): (u16, u16), pen: &mut Pen<'_>) -> u16 {
    if n == 0 {
        return x;
    }
    pen.marks.counted += n;
    pen.put(x, y, u16::MAX, &format!("+{n}"), pen.ink(Ink::Label))
}
