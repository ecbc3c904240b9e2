//! What a select does, whatever its cases (`selectgo`).
//!
//! 1. Cases of nil channels are dropped; the others are put in a random order.
//! 2. All their channels are locked, in the order of their addresses, each once: so no two selects
//!    wait for each other.
//! 3. The first case in the random order that can go on does. If none can, the default is taken.
//! 4. If there is none, the goroutine puts a waiter on the queue of every channel, opens its select
//!    word and parks; its M releases the locks. Whoever wins the word lets it go on.
//! 5. It locks all channels again and takes its other waiters off.
//!
//! As Go's compiler, `select!` makes that operation alone of one case and no default.

use std::panic::Location;
use std::sync::Arc;

use gopark_trace::event::Event;
use gopark_trace::ids::ChanId;
use gopark_trace::ring::Stamp;
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;
use lock_api::RawMutex;

use crate::chan::case::AnyCase;
use crate::chan::{Call, park_for_ever};
use crate::kernel::{Commit, Held, Kernel, Park, stamp_g};
use crate::lock::RawLock;
use crate::timers::Timer;

/// Room for what a select works out; each as long as there are cases.
pub(super) struct Scratch<'s> {
    /// The order cases are tried in.
    pub(super) poll: &'s mut [u32],
    /// The locks in the order they are taken.
    pub(super) locks: &'s mut [*const RawLock],
}

/// Takes one of these cases, or the default if there is one and none can go on. Which it was, the
/// cases themselves know then.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn select_among<const N: usize>(cases: [AnyCase<'_>; N], default: bool) {
    let (mut poll, mut locks) = ([0; N], [std::ptr::null(); N]);
    let scratch = Scratch { poll: &mut poll, locks: &mut locks };
    match &cases[..] {
        [case] if !default => case.0.alone(Location::caller()),
        _ => drop(selectgo(&cases, scratch, default, None, Location::caller())),
    }
}

/// The same for one case and a default.
#[track_caller]
pub(crate) fn try_one(case: AnyCase<'_>, at: &'static Location<'static>) {
    let scratch = Scratch { poll: &mut [0], locks: &mut [std::ptr::null()] };
    selectgo(&[case], scratch, true, None, at);
}

/// A select without cases (`select {}`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn block() -> ! {
    let call = Call::enter(Location::caller());
    let why = WaitReason::SelectNoCases;
    park_for_ever(&*call.kernel, call.site, why, Rule::ParkUntilReady {})
}

/// A select in progress.
struct Sel<'a> {
    cases: &'a [AnyCase<'a>],
    /// The cases that are not nil, in the order they are tried.
    poll: &'a [u32],
    locks: &'a [*const RawLock],
    default: bool,
}

/// The case that was taken; none is the default.
#[track_caller]
pub(super) fn selectgo(
    cases: &[AnyCase<'_>],
    scratch: Scratch<'_>,
    default: bool,
    prefer: Option<usize>,
    at: &'static Location<'static>,
) -> Option<usize> {
    let mut call = Call::enter(at);
    let poll = poll_order(cases, scratch.poll, prefer, &*call.kernel);
    let locks = lock_order(cases, poll, scratch.locks);
    let sel = Sel { cases, poll, locks, default };
    sel.timers().for_each(|timer| call.kernel.timer_look(timer));

    let locked = Locked::take(locks);
    for case in sel.polled() {
        // SAFETY: all locks are held.
        unsafe { case.0.join(&mut call) };
    }
    // SAFETY: as above.
    let ready = if call.kernel.recording() { unsafe { sel.ready() } } else { 0 };
    // SAFETY: as above.
    let found = sel.polled().position(|case| unsafe { case.0.find(&mut call) });
    // SAFETY: as above.
    unsafe { sel.tell_start(&mut call) };
    if let Some(at) = found {
        let taken = poll[at];
        // SAFETY: as above.
        let woken = unsafe { cases[taken as usize].0.go(&mut call) };
        tell_pick(&call, taken, false, Rule::SelectUniform { ready }, &[]);
        drop(locked);
        woken.into_iter().for_each(|g| call.ready(g));
        return Some(taken as usize);
    }
    if default {
        tell_pick(&call, cases.len() as u32, false, Rule::SelectDefault {}, &[]);
        return None;
    }
    Some(sel.wait(&mut call, locked) as usize)
}

impl<'a> Sel<'a> {
    /// The cases that are not nil, in the order they are tried.
    fn polled(&self) -> impl Iterator<Item = &'a AnyCase<'a>> {
        let cases = self.cases;
        self.poll.iter().map(move |&i| &cases[i as usize])
    }

    /// The timers of their channels.
    fn timers(&self) -> impl Iterator<Item = &'a Arc<Timer>> {
        self.polled().filter_map(|case| case.0.timer())
    }

    /// How many cases could go on.
    ///
    /// # Safety
    /// The caller holds all locks. So for all below.
    unsafe fn ready(&self) -> u32 {
        // SAFETY: passed on.
        self.polled().filter(|case| unsafe { case.0.is_ready() }).count() as u32
    }

    /// The place of the next event of every channel, if events are recorded. Several cases of one
    /// channel take as many of its numbers.
    ///
    /// # Safety
    /// As [`Sel::ready`].
    unsafe fn stamps(&self, call: &Call) -> Vec<Stamp> {
        if !call.kernel.recording() {
            return Vec::new();
        }
        // SAFETY: passed on.
        self.polled().map(|case| unsafe { case.0.stamp() }).collect()
    }

    /// # Safety
    /// As [`Sel::ready`].
    unsafe fn tell_start(&self, call: &mut Call) {
        if !call.kernel.recording() {
            return;
        }
        let mut stamps = call.take_lost();
        // SAFETY: passed on.
        stamps.extend(unsafe { self.stamps(call) });
        let id = |case: &AnyCase<'_>| match case.0.lock() {
            // SAFETY: passed on.
            Some(_) => unsafe { case.0.chan() },
            None => ChanId(0),
        };
        let sends = (0_u32..).zip(self.cases).filter(|(_, case)| case.0.sends());
        let event = Event::SelectStart {
            cases: self.cases.iter().map(id).collect(),
            sends: sends.map(|(i, _)| i).collect(),
            order: self.poll.to_vec(),
            default: self.default,
        };
        call.kernel.record(call.site, &stamps, &mut std::iter::once((event, None)));
    }

    /// Waits on all channels at once. The case that was won.
    #[cold]
    fn wait(&self, call: &mut Call, locked: Locked<'_>) -> u32 {
        let g = call.kernel.current();
        for case in self.polled() {
            // SAFETY: all locks are held, and `leave` comes before this returns, for every case.
            unsafe { case.0.wait(g) };
        }
        self.timers().for_each(|timer| call.kernel.timer_block(timer));
        g.select.open();
        // SAFETY: all locks are held.
        let stamps = unsafe { self.stamps(call) };
        let held = Held { locks: self.locks, stamps: &raw const *stamps };
        // The commit releases them.
        std::mem::forget(locked);
        let no_channel = self.poll.is_empty();
        call.kernel.park(Park {
            why: WaitReason::Select,
            on: None,
            on_number: None,
            rule: if no_channel { Rule::NilBlocks {} } else { Rule::SelectBlocks {} },
            site: call.site,
            commit: Commit::UnlockAll(&raw const held),
        });
        let _locked = Locked::take(self.locks);
        self.timers().for_each(|timer| call.kernel.timer_unblock(timer));
        // SAFETY: all locks are held.
        let stamps = unsafe { self.stamps(call) };
        let mut won = None;
        for &i in self.poll {
            // SAFETY: as above.
            if unsafe { self.cases[i as usize].0.leave() } {
                won = Some(i);
            }
        }
        let case = won.expect("a select goes on when one of its cases was won");
        tell_pick(call, case, true, Rule::SelectWonBy { case }, &stamps);
        case
    }
}

fn tell_pick(call: &Call, case: u32, waited: bool, rule: Rule, more: &[Stamp]) {
    if call.kernel.recording() {
        let stamps = [&[stamp_g(call.kernel.current())], more].concat();
        let event = Event::SelectPick { case, waited };
        call.kernel.record(call.site, &stamps, &mut std::iter::once((event, Some(rule))));
    }
}

/// The cases that are not nil, in a uniformly random order (Fisher and Yates, inside out).
fn poll_order<'s>(
    cases: &[AnyCase<'_>],
    poll: &'s mut [u32],
    prefer: Option<usize>,
    kernel: &dyn Kernel,
) -> &'s [u32] {
    let mut n = 0;
    for (i, case) in (0_u32..).zip(cases) {
        if case.0.lock().is_none() {
            continue;
        }
        let j = below(kernel, n + 1);
        poll[n] = poll[j];
        poll[j] = i;
        n += 1;
    }
    let poll = &mut poll[..n];
    let at = prefer.and_then(|prefer| poll.iter().position(|&i| i as usize == prefer));
    if let Some(at) = at {
        poll[..=at].rotate_right(1);
    }
    poll
}

/// A random number below `n` (Go's `cheaprandn`).
fn below(kernel: &dyn Kernel, n: usize) -> usize {
    if n == 1 { 0 } else { ((u64::from(kernel.random()) * n as u64) >> 32) as usize }
}

/// The locks of all channels, each once, by address: there are few, mostly, so insertion does.
fn lock_order<'s>(
    cases: &[AnyCase<'_>],
    poll: &[u32],
    locks: &'s mut [*const RawLock],
) -> &'s [*const RawLock] {
    let mut n = 0;
    for lock in poll.iter().filter_map(|&i| cases[i as usize].0.lock()) {
        let lock: *const RawLock = lock;
        let Err(at) = locks[..n].binary_search(&lock) else { continue };
        locks[at..=n].rotate_right(1);
        locks[at] = lock;
        n += 1;
    }
    &locks[..n]
}

/// All locks of a select, held.
struct Locked<'a>(&'a [*const RawLock]);

impl<'a> Locked<'a> {
    fn take(locks: &'a [*const RawLock]) -> Self {
        for &lock in locks {
            // SAFETY: the channels live as long as their cases.
            unsafe { (*lock).lock() };
        }
        Self(locks)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        for &lock in self.0.iter().rev() {
            // SAFETY: as above, and they are held.
            unsafe { (*lock).unlock() };
        }
    }
}
