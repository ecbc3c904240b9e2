//! Cases that are known only at run time (`reflect.Select`).

use std::panic::Location;

use super::go::{Scratch, block, selectgo};
use crate::chan::case::{AnyCase, RecvCase, SendCase, recv, send};
use crate::chan::{Receiver, Sender};

/// The most cases a select may have.
const CASES_MAX: usize = 1 << 16;

/// A select whose cases are put together at run time (`reflect.Select`); all are of channels of one
/// type. What is known when it is written reads better with [`select!`](crate::select!).
///
/// ```
/// use gopark::{Select, Selected, chan, go};
///
/// let winner = gopark::lab(7).run(|| {
///     let racers: Vec<_> = (0..10)
///         .map(|n| {
///             let (tx, rx) = chan(0);
///             drop(go(move || tx.send(n)));
///             rx
///         })
///         .collect();
///     match racers.iter().fold(Select::new(), Select::recv).select() {
///         Selected::Recv(case, value) => value == Some(case),
///         _ => unreachable!("there is no other case"),
///     }
/// });
/// assert!(winner);
/// ```
#[derive(Debug)]
#[must_use = "it does nothing before `select`"]
pub struct Select<'a, T> {
    cases: Vec<Case<'a, T>>,
    default: bool,
    prefer: Option<usize>,
}

#[derive(Debug)]
enum Case<'a, T> {
    Recv(RecvCase<'a, T>),
    Send(SendCase<'a, T>),
}

/// Which case a [`Select`] took; cases are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected<T> {
    /// This case received a value, or nothing because its channel is closed and empty.
    Recv(usize, Option<T>),
    /// This case sent its value.
    Sent(usize),
    /// The default.
    Default,
}

impl<'a, T: Send + 'static> Select<'a, T> {
    /// A select without cases.
    pub const fn new() -> Self {
        Self { cases: Vec::new(), default: false, prefer: None }
    }

    /// Adds a case that receives.
    pub fn recv(mut self, rx: &'a Receiver<T>) -> Self {
        self.cases.push(Case::Recv(recv(rx)));
        self
    }

    /// Adds a case that sends. The value is dropped if another case is taken.
    pub fn send(mut self, tx: &'a Sender<T>, value: T) -> Self {
        self.cases.push(Case::Send(send(tx, value)));
        self
    }

    /// Adds a default: it is taken if no case can go on at once.
    pub fn or_default(mut self) -> Self {
        self.default = true;
        self
    }

    /// Tries this case first; the others come in random order behind it. Any order is a legal one,
    /// so this takes nothing from what a select promises but that it is fair: it is for running a
    /// program again as it ran before.
    pub fn prefer(mut self, case: usize) -> Self {
        self.prefer = Some(case);
        self
    }

    /// Takes a case that can go on, or the default, or parks until a case can. Of several that can,
    /// each is taken with the same odds. Without cases it parks for ever.
    ///
    /// # Panics
    /// `send on closed channel`; `reflect.Select: too many cases (max 65536)`. Outside a goroutine.
    #[track_caller]
    pub fn select(self) -> Selected<T> {
        let n = self.cases.len();
        assert!(n <= CASES_MAX, "reflect.Select: too many cases (max {CASES_MAX})");
        let cases: Vec<AnyCase<'_>> = self.cases.iter().map(Case::any).collect();
        let (mut poll, mut locks) = (vec![0; n], vec![std::ptr::null(); n]);
        let scratch = Scratch { poll: &mut poll, locks: &mut locks };
        if n == 0 && !self.default {
            block();
        }
        let taken = selectgo(&cases, scratch, self.default, self.prefer, Location::caller());
        let Some(taken) = taken else { return Selected::Default };
        match self.cases.into_iter().nth(taken).expect("it is one of them") {
            Case::Recv(case) => {
                Selected::Recv(taken, case.finish().expect("the case that was taken"))
            }
            Case::Send(case) => {
                case.finish().expect("the case that was taken");
                Selected::Sent(taken)
            }
        }
    }
}

impl<T: Send + 'static> Case<'_, T> {
    fn any(&self) -> AnyCase<'_> {
        match self {
            Self::Recv(case) => case.any(),
            Self::Send(case) => case.any(),
        }
    }
}

impl<T: Send + 'static> Default for Select<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}
