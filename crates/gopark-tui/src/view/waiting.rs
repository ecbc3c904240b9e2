//! Parked goroutines by what they wait for: a channel with its buffer, a lock with its owner, a
//! WaitGroup with its counter, a moment, another goroutine.

use gopark_model::{Channel, Lock, World};
use gopark_trace::{ChanId, LockId, Nanos, Obj, TimerKind, WaitReason, WgId};
use ratatui::layout::Rect;

use super::census::{Census, Key, Queue};
use super::marks::Spot;
use super::pen::{Captions, Pen, cut, width};
use super::stage::{Flow, Stage, brief, circle, put_more};
use crate::charset::{ROOM, VALUE};
use crate::theme::Ink;

/// In so many rows tokens stand below each other; more rows use the whole width.
const ALIGNED: u16 = 2;
/// Where those rows begin.
const INDENT: u16 = 2;
/// A buffer is drawn with at most this many cells.
const CELLS: u32 = 8;

/// One line of the panel: a thing, and who waits for it.
#[derive(Debug)]
struct Group {
    spot: Spot,
    /// The thing.
    lead: String,
    /// How the goroutines wait ("recvq"), and which.
    ends: Vec<(&'static str, Queue)>,
}

/// Draws what waits.
pub(crate) fn render(stage: &Stage<'_>, area: Rect, pen: &mut Pen<'_>) {
    let waiting = stage.census.waiting.values().map(Vec::len).sum::<usize>();
    let title = format!("waiting {waiting}");
    let inner = pen.frame(area, Captions { title: &title, ..Captions::default() });
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    pen.marks.tail(Spot::Waiters, inner.x + inner.width / 3, inner.y);
    let rows = usize::from(inner.height);
    let busy = stage.census.waiting.len() + usize::from(!stage.census.elsewhere.is_empty());
    if busy > rows {
        packed(stage, &busy_groups(stage, rows * 4), inner, pen);
        return;
    }
    let groups = busy_groups(stage, rows);
    let quiet = quiet_groups(stage, rows - busy);
    let spare = rows - busy - quiet.len();
    let y = draw(stage, &groups, inner, spare, pen);
    for (i, lead) in quiet.iter().enumerate() {
        let lead = cut(lead, inner.width);
        pen.put(inner.x, y + i as u16, inner.width, &lead, pen.ink(Ink::Label));
    }
}

/// Draws `groups` below each other, with `spare` rows for those that need more than one; returns
/// the row after the last.
fn draw(stage: &Stage<'_>, groups: &[Group], area: Rect, spare: usize, pen: &mut Pen<'_>) -> u16 {
    let widest = groups.iter().map(|g| width(&g.lead)).max().unwrap_or(0);
    let tokens = area.x + widest.clamp(8, (area.width * 11 / 20).max(8)) + 1;
    let room = area.right().saturating_sub(tokens);
    let most = 1 + spare as u16;
    let needs: Vec<u16> = groups
        .iter()
        .map(|group| one_end(group, area.x + INDENT, Rect::new(tokens, area.y, room, most)).1)
        .collect();
    let mut y = area.y;
    for (group, rows) in groups.iter().zip(share(&needs, spare)) {
        let lead = cut(&group.lead, tokens - area.x - 1);
        pen.put(area.x, y, tokens - area.x, &lead, pen.ink(Ink::Text));
        ends(stage, group, area.x + INDENT, Rect::new(tokens, y, room, rows), pen);
        y += rows;
    }
    y
}

/// One row for each, and the `spare` ones in turns to those that need more.
fn share(needs: &[u16], mut spare: usize) -> Vec<u16> {
    let mut rows = vec![1; needs.len()];
    loop {
        let before = spare;
        for (has, need) in rows.iter_mut().zip(needs) {
            if *has < *need && spare > 0 {
                *has += 1;
                spare -= 1;
            }
        }
        if spare == before {
            return rows;
        }
    }
}

/// How the tokens of a thing with one end flow in `area`, and how many rows they need; where they
/// are many, their rows begin at column `left` already.
fn one_end(group: &Group, left: u16, area: Rect) -> (Flow, u16) {
    let [(word, queue)] = &group.ends[..] else {
        return (Flow { area, indent: 0, gap: 0, spot: group.spot }, 1);
    };
    let indent = if word.is_empty() { 0 } else { width(word) + 1 };
    let own = Rect { x: area.x + indent, width: area.width.saturating_sub(indent), ..area };
    let mut flow = Flow { area: own, indent: 0, gap: 0, spot: group.spot };
    if area.height > 1 && (flow.rows(queue) > ALIGNED || !flow.holds(queue)) {
        let whole = Rect { x: left, width: area.right().saturating_sub(left), ..area };
        flow = Flow { area: whole, indent: own.x.saturating_sub(left), ..flow };
    }
    (flow, flow.rows(queue))
}

/// Draws `groups` one after another like words, where there are more of them than rows.
fn packed(stage: &Stage<'_>, groups: &[Group], area: Rect, pen: &mut Pen<'_>) {
    let total = stage.census.waiting.values().map(Vec::len).sum::<usize>();
    let mut left = total + stage.census.elsewhere.len();
    let (mut x, mut y) = (area.x, area.y);
    for group in groups {
        let here: usize = group.ends.iter().map(|(_, queue)| queue.total).sum();
        let wide = packed_width(group).min(area.width);
        if x > area.x && x + wide > area.right() && y + 1 < area.bottom() {
            (x, y) = (area.x, y + 1);
        }
        // The last row keeps room to say how many found none.
        let keep = if y + 1 == area.bottom() && left > here { OTHERS } else { 0 };
        if x + wide + keep > area.right() && (x > area.x || keep > 0) {
            break;
        }
        x = word(stage, group, Rect { x, y, width: wide, height: 1 }, pen) + GAP;
        left -= here;
    }
    if left > 0 {
        let x = pen.put(x, y, OTHERS, "others ", pen.ink(Ink::Label));
        put_more(left, (x, y), pen);
    }
}

/// Columns between two things in one row.
const GAP: u16 = 3;
/// Columns of "others +1234".
const OTHERS: u16 = 12;

/// Columns of a thing with all who wait for it.
fn packed_width(group: &Group) -> u16 {
    let tokens = |queue: &Queue| {
        let known = queue.head.iter().take(12).map(|g| width(&circle(*g))).sum::<u16>();
        if queue.total > 12 { known + 6 } else { known }
    };
    let ends = group.ends.iter().map(|(word, queue)| {
        let word = if word.is_empty() { 0 } else { width(word) + 1 };
        1 + word + tokens(queue)
    });
    width(&group.lead) + ends.sum::<u16>()
}

/// A thing and who waits for it in one row; returns the column after it.
fn word(stage: &Stage<'_>, group: &Group, row: Rect, pen: &mut Pen<'_>) -> u16 {
    let room = if packed_width(group) <= row.width { row.width } else { row.width / 2 };
    let mut x = pen.put(row.x, row.y, row.width, &cut(&group.lead, room), pen.ink(Ink::Text));
    let each = row.right().saturating_sub(x) / (group.ends.len() as u16).max(1);
    for (word, queue) in &group.ends {
        let end = x + each;
        if !word.is_empty() {
            x = pen.put(x + 1, row.y, each, word, pen.ink(Ink::Label));
        }
        let room = end.saturating_sub(x + 1);
        x = Flow::row(x + 1, row.y, room, group.spot).draw(stage, queue, pen).0;
    }
    x
}

/// Who waits at the ends of one thing.
fn ends(stage: &Stage<'_>, group: &Group, left: u16, area: Rect, pen: &mut Pen<'_>) {
    if let [(word, queue)] = &group.ends[..] {
        pen.put(area.x, area.y, area.width, word, pen.ink(Ink::Label));
        one_end(group, left, area).0.draw(stage, queue, pen);
        return;
    }
    // Both ends of a channel: half the row each.
    let half = area.width / 2;
    for (i, (word, queue)) in group.ends.iter().enumerate() {
        let x = area.x + i as u16 * half;
        let word_end = pen.put(x, area.y, half, word, pen.ink(Ink::Label)) + 1;
        let room = (x + half).saturating_sub(word_end + 1);
        Flow::row(word_end, area.y, room, group.spot).draw(stage, queue, pen);
    }
}

/// The things somebody waits for, as many as can be shown.
fn busy_groups(stage: &Stage<'_>, at_most: usize) -> Vec<Group> {
    let (world, census) = (stage.world, &stage.census);
    let mut groups: Vec<Group> = Vec::new();
    for (key, members) in census.waiting.iter().take(at_most) {
        let ends = match key {
            Key::Chan(chan) => chan_ends(world, *chan, members),
            key => vec![("", Census::served(world, *key, members))],
        };
        groups.push(Group { spot: Spot::Waiting(*key), lead: lead(stage, *key), ends });
    }
    if !census.elsewhere.is_empty() && groups.len() < at_most {
        let queue = Queue { head: census.elsewhere.clone(), total: census.elsewhere.len() };
        let spot = Spot::Waiting(Key::Unknown);
        groups.push(Group { spot, lead: "place not known".to_owned(), ends: vec![("", queue)] });
    }
    groups
}

/// Receivers and senders of a channel.
fn chan_ends(
    world: &World,
    chan: ChanId,
    members: &[gopark_trace::GId],
) -> Vec<(&'static str, Queue)> {
    let (receivers, senders) = Census::ends(world, chan, members);
    let mut ends = vec![("recvq", receivers), ("sendq", senders)];
    ends.retain(|(_, queue)| queue.total > 0);
    ends
}

/// What a group waits for, in words.
fn lead(stage: &Stage<'_>, key: Key) -> String {
    let world = stage.world;
    match key {
        Key::Chan(id) => match world.chan(id) {
            Some(chan) => chan_lead(world, chan),
            None => named(world, Obj::Chan(id)),
        },
        Key::Lock(id) => lock_lead(world, id),
        Key::Wg(id) => wg_lead(world, id),
        Key::Sleep => match world.timers().find(|t| t.kind == TimerKind::Sleep) {
            Some(t) => format!("sleep, next in {}", brief(t.when.minus(world.time()))),
            None => "sleep".to_owned(),
        },
        Key::Select => "select".to_owned(),
        Key::Other(WaitReason::Join, Some(Obj::Go(g))) => format!("join {g}"),
        Key::Other(why, Some(Obj::Fd(fd))) => match world.fd(fd) {
            Some(known) if !known.what.is_empty() => format!("{why}, {fd}, {}", known.what),
            _ => format!("{why}, {fd}"),
        },
        Key::Other(why, Some(obj)) => format!("{why}, {}", named(world, obj)),
        Key::Other(why, None) => why.text().to_owned(),
        Key::Unknown => "waiting".to_owned(),
    }
}

/// A thing by its kind and its name, or its number.
pub(crate) fn named(world: &World, obj: Obj) -> String {
    let plain = obj.to_string();
    let own = match obj {
        Obj::Chan(id) => world.chan(id).and_then(|c| c.name.as_deref()),
        Obj::Lock(id) => world.lock(id).and_then(|l| l.name.as_deref()),
        Obj::Wg(id) => world.wg(id).and_then(|w| w.name.as_deref()),
        _ => None,
    };
    match own.or_else(|| world.name_of(obj)) {
        Some(name) => {
            let kind = plain.rsplit_once(' ').map_or(&*plain, |(kind, _)| kind);
            format!("{kind} {name}")
        }
        None => plain,
    }
}

/// A channel with its buffer: `chan jobs [▪▪··]`.
fn chan_lead(world: &World, chan: &Channel) -> String {
    let name = named(world, Obj::Chan(chan.id));
    let closed = if chan.closed { " closed" } else { "" };
    format!("{name} {}{closed}", buffer(chan.len, chan.cap))
}

/// The buffer of a channel as cells; a big one is drawn to scale.
pub(crate) fn buffer(len: u32, cap: u32) -> String {
    let cells = cap.min(CELLS);
    let full = if cap <= CELLS {
        len.min(cells)
    } else {
        let scaled = (u64::from(len) * u64::from(CELLS)).div_ceil(u64::from(cap));
        (scaled as u32).min(CELLS)
    };
    let mut text = String::from("[");
    text.extend((0..cells).map(|i| if i < full { VALUE } else { ROOM }));
    text.push(']');
    if cap > CELLS {
        text.push_str(&format!(" {len}/{cap}"));
    }
    text
}

fn lock_lead(world: &World, id: LockId) -> String {
    let name = named(world, Obj::Lock(id));
    match world.lock(id) {
        Some(lock) => format!("{name}{}", held_by(lock)),
        None => name,
    }
}

/// Who has a lock.
fn held_by(lock: &Lock) -> String {
    let who = match (lock.owner, lock.readers) {
        (Some(g), _) => format!(" held by {g}"),
        (None, 0) => " free".to_owned(),
        (None, n) => format!(", {n} read"),
    };
    format!("{who}{}", if lock.starving { ", starving" } else { "" })
}

fn wg_lead(world: &World, id: WgId) -> String {
    let name = named(world, Obj::Wg(id));
    match world.wg(id) {
        Some(wg) => format!("{name} at {}", wg.counter),
        None => name,
    }
}

/// Things nobody waits for, as many as there are rows for.
fn quiet_groups(stage: &Stage<'_>, rows: usize) -> Vec<String> {
    let (world, census) = (stage.world, &stage.census);
    if rows == 0 {
        return Vec::new();
    }
    let quiet = |key| !census.waiting.contains_key(&key);
    let chans = world.chans().filter(|c| quiet(Key::Chan(c.id)) && !c.closed);
    let locks = world.locks().filter(|l| quiet(Key::Lock(l.id)) && l.owner.is_some());
    let wgs = world.wgs().filter(|w| quiet(Key::Wg(w.id)) && w.counter != 0);
    let timers = next_timer(world).filter(|_| quiet(Key::Sleep));
    chans
        .map(|c| chan_lead(world, c))
        .chain(locks.map(|l| lock_lead(world, l.id)))
        .chain(wgs.map(|w| wg_lead(world, w.id)))
        .chain(timers.map(|t| format!("next timer in {}", brief(t))))
        .take(rows)
        .collect()
}

/// How long until the next timer.
fn next_timer(world: &World) -> Option<Nanos> {
    world.timers().next().map(|t| t.when.minus(world.time()))
}
