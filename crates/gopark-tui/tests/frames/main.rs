//! Frames of the stage: as pictures to compare, and what must hold for every one of them.

mod goroutines;
mod limits;
mod motion;
mod paint;
mod pictures;
mod sizes;
mod worlds;
