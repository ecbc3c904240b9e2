//! The groups of one M, waiting to come out.
//!
//! They lie behind one another as they lay in the ring, and are read when it is their turn:
//!
//! ```text
//! group    length of the rest: 32 bits | tag: 32 bits       then: stamps, bytes
//! gap      1 << 63 | length                                 then: time, how many were lost
//! ```

use crate::ids::{MId, Nanos};
use crate::merge::hash::Numbers;
use crate::ring::{Consumer, HeadWords, Key, Mark, Marks, Records, Stamp, put_raw, split};

/// Set in the first word of a gap.
const GAP: u64 = 1 << 63;
/// Words that came out before those behind them are moved to the front.
const MOVE_AT: usize = 1 << 14;

/// The groups of one M, in order.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) m: MId,
    /// What was fed; what lies before `at` has come out.
    words: Vec<u64>,
    at: usize,
    /// What the first of them waits for.
    pub(super) head: Head,
    /// False from a snapshot on until something newer was fed.
    pub(super) fresh: bool,
    /// How many of the items are older than the snapshot that is being taken.
    pub(super) older: usize,
    /// The time of the last item fed.
    last: Nanos,
}

/// Where the first item of a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// There is none.
    Empty,
    /// Its turn is to come.
    Queued,
    /// It waits until the structure is at this number.
    Waits(Key, u64),
}

/// One thing that was fed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// The events of one runtime call.
    Group(RawGroup<'a>),
    /// A loss, which has the time of what came before it.
    Gap { lost: u64, time: Nanos },
}

/// A group as it lay in the ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawGroup<'a> {
    pub(super) tag: u32,
    pub(super) stamps: &'a [u64],
    /// Its bytes, in words.
    pub(super) bytes: &'a [u64],
    pub(super) head: HeadWords,
}

/// What its numbers say of a group and a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// The snapshot has what it did.
    Older,
    /// The snapshot does not have what it did.
    Newer,
    /// It has numbers, but of structures that are gone or new.
    Unknown,
    /// It has no numbers: it changes nothing that a snapshot has.
    Unnumbered,
}

impl Lane {
    pub(super) fn new(m: MId, fresh: bool) -> Self {
        let (words, head) = (Vec::new(), Head::Empty);
        Self { m, words, at: 0, head, fresh, older: 0, last: Nanos(0) }
    }

    /// Adds a group.
    pub(super) fn push(&mut self, stamps: &[Stamp], records: Records<'_>) {
        let head = self.begin();
        let tag = put_raw(stamps, records, &mut self.words);
        self.end(head, tag);
    }

    /// Adds the oldest group of a ring, and the loss before it; how many items that were, none if
    /// the ring is empty.
    #[inline]
    pub(super) fn pull(&mut self, ring: &mut Consumer) -> Option<usize> {
        let before = self.last;
        let head = self.begin();
        let Some(raw) = ring.pop_raw(&mut self.words) else {
            self.words.truncate(head);
            return None;
        };
        self.end(head, raw.tag);
        if raw.lost == 0 {
            return Some(1);
        }
        // It comes before the group, and has the time of what came before it.
        let group = self.words.split_off(head);
        let after = std::mem::replace(&mut self.last, before);
        self.push_gap(raw.lost);
        self.words.extend(group);
        self.last = after;
        Some(2)
    }

    /// Adds a loss.
    pub(super) fn push_gap(&mut self, lost: u64) {
        self.words.extend([GAP | 2, self.last.0, lost]);
    }

    /// Makes room for an item.
    #[inline]
    fn begin(&mut self) -> usize {
        if self.at >= MOVE_AT && 2 * self.at >= self.words.len() {
            self.words.drain(..self.at);
            self.at = 0;
        }
        self.words.push(0);
        self.words.len() - 1
    }

    /// Ends the group that began at `head`.
    #[inline]
    fn end(&mut self, head: usize, tag: u32) {
        let words = &self.words[head + 1..];
        self.last = HeadWords::of(split(tag, words).1).time;
        self.words[head] = words.len() as u64 | u64::from(tag) << 32;
    }

    /// The item at a place, and the place of the next.
    #[inline]
    fn item_at(&self, at: usize) -> Option<(Item<'_>, usize)> {
        let (&head, rest) = self.words.get(at..)?.split_first()?;
        let len = head as u32 as usize;
        let words = rest.get(..len)?;
        let item = match words {
            &[time, lost] if head & GAP != 0 => Item::Gap { lost, time: Nanos(time) },
            _ => {
                let tag = (head >> 32) as u32;
                let (stamps, bytes) = split(tag, words);
                Item::Group(RawGroup { tag, stamps, bytes, head: HeadWords::of(bytes) })
            }
        };
        Some((item, at + 1 + len))
    }

    /// The first item, and how many words it takes.
    #[inline]
    pub(super) fn first(&self) -> Option<(Item<'_>, usize)> {
        self.item_at(self.at).map(|(item, next)| (item, next - self.at))
    }

    /// Leaves out the first item, which takes so many words.
    #[inline]
    pub(super) fn skip(&mut self, words: usize) {
        self.at += words;
    }

    fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let mut at = self.at;
        std::iter::from_fn(move || {
            let (item, next) = self.item_at(at)?;
            at = next;
            Some(item)
        })
    }

    /// The time of the first item held.
    #[inline]
    pub(super) fn first_time(&self) -> Option<Nanos> {
        self.first().map(|(item, _)| item.time())
    }

    /// Puts the stamps of the first group in order; false if they were.
    pub(super) fn sort_stamps(&mut self, numbers: &Numbers) -> bool {
        let Some((Item::Group(group), _)) = self.first() else { return false };
        let mut marks: Vec<Mark> = Marks(group.stamps).collect();
        let place = |mark: &Mark| {
            let at = numbers.get(mark.key).unwrap_or(0);
            (mark.key, ahead(mark, at), mark.len)
        };
        if group.stamps.len() != marks.len() || marks.is_sorted_by_key(place) {
            return false;
        }
        marks.sort_by_key(place);
        let start = self.at + 1;
        let words = &mut self.words[start..start + marks.len()];
        words.iter_mut().zip(&marks).for_each(|(word, mark)| *word = mark.word());
        true
    }

    /// Counts the items that were before a snapshot, taken at `time` with the structures at `base`.
    /// An M's items are in order, so all before an older one are older; those after it that no
    /// number tells of go by time.
    pub(super) fn count_older(&mut self, base: &Numbers, time: Nanos) {
        let mut older = 0;
        for (i, item) in self.items().enumerate() {
            let age = item.age(base);
            if age == Age::Newer {
                break;
            }
            // An item later than the snapshot counts only if an older one comes after it.
            if age == Age::Older || older == i && item.time() <= time {
                older = i + 1;
            }
        }
        self.older = older;
    }

    /// Drops what was counted; how many items and events that are.
    pub(super) fn drop_older(&mut self) -> (usize, u64) {
        let older = std::mem::take(&mut self.older);
        let mut events = 0;
        for _ in 0..older {
            let Some((item, words)) = self.first() else { break };
            events += item.events();
            self.skip(words);
        }
        (older, events)
    }
}

impl Item<'_> {
    #[inline]
    pub(super) fn time(&self) -> Nanos {
        match self {
            Self::Group(group) => group.head.time,
            Self::Gap { time, .. } => *time,
        }
    }

    /// How many events it stands for.
    pub(super) fn events(&self) -> u64 {
        match self {
            Self::Group(group) => group.head.events.into(),
            Self::Gap { lost, .. } => *lost,
        }
    }

    /// Whether it was before a snapshot with the structures at `base`. The world stood still, so
    /// one number tells it for the whole group.
    pub(super) fn age(&self, base: &Numbers) -> Age {
        let Self::Group(group) = self else {
            return Age::Unnumbered;
        };
        let mut age = Age::Unnumbered;
        for mark in Marks(group.stamps) {
            match base.get(mark.key) {
                Some(at) if ahead(&mark, at) < 0 => return Age::Older,
                Some(_) => age = Age::Newer,
                None if age == Age::Unnumbered => age = Age::Unknown,
                None => {}
            }
        }
        age
    }
}

/// How far the number of a stamp is ahead of where its structure is. Numbers have few bits and
/// begin again at 0, so it is the shorter way.
#[inline]
pub(super) fn ahead(mark: &Mark, at: u64) -> i64 {
    let unused = u64::BITS - mark.key.bits();
    ((mark.number.wrapping_sub(at) << unused) as i64) >> unused
}
