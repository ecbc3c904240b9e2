//! The lessons of gopark: small programs that read like Go's, one file each, with the text that a
//! teacher would say beside them.
//!
//! A lesson is its program, `src/NAME.rs`, and its narration, `lessons/NAME.md`. Both drives run
//! the same program. No lesson has a scheduler of its own.
#![deny(unsafe_code)]

use std::time::Duration;

use gopark::sink::Sink;
use gopark::{Failure, Live};

pub mod stealing;

/// One lesson.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its narration, in Markdown.
    pub text: &'static str,
    /// How many Ps it is made for.
    pub procs: usize,
    /// The seed its text was written for.
    pub seed: u64,
    /// Its program.
    pub main: fn(),
}

/// Every lesson, in the order in which they are best taken.
pub const LESSONS: &[Lesson] = &[Lesson {
    name: "stealing",
    text: include_str!("../lessons/stealing.md"),
    procs: 4,
    seed: 7,
    main: stealing::main,
}];

/// The lesson with this name.
pub fn find(name: &str) -> Option<&'static Lesson> {
    LESSONS.iter().find(|lesson| lesson.name == name)
}

/// How to run a lesson's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// Deterministic, with this seed.
    Lab {
        /// Where every choice comes from.
        seed: u64,
    },
    /// On kernel threads, at full speed.
    Live,
}

/// Runs a lesson's program to its end, its events going to `sink`.
///
/// # Errors
/// As [`gopark::Lab::try_run`].
pub fn run(
    lesson: &Lesson,
    drive: Drive,
    procs: usize,
    sink: Option<Box<dyn Sink>>,
) -> Result<(), Failure> {
    match drive {
        Drive::Lab { seed } => {
            let lab = gopark::lab(seed).procs(procs).program(lesson.name).step(STEP);
            match sink {
                Some(sink) => lab.record_into(sink).try_run(lesson.main),
                None => lab.try_run(lesson.main),
            }
        }
        Drive::Live => {
            let live = enter_live().procs(procs).program(lesson.name);
            match sink {
                Some(sink) => live.record_into(sink).try_run(lesson.main),
                None => live.try_run(lesson.main),
            }
        }
    }
}

/// What a scheduling step costs in the lab.
const STEP: Duration = Duration::from_nanos(100);

/// The one place where a lesson enters live.
#[expect(unsafe_code, reason = "live's promise is made here, once, for every lesson")]
fn enter_live() -> Live {
    // SAFETY: the lessons in this crate borrow no thread-local, keep no guard that is bound to a
    // thread and use no scoped thread-local across a call into gopark: between two such calls they
    // use atomics, channels and plain values only. `print!` takes and releases its lock in itself.
    unsafe { gopark::live() }
}
