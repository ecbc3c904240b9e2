//! The scheduler keeps Go's rules, R10 to R99: each test asserts one of them on the events of labs.
//!
//! Rules about one order on one P have a program of their own. Rules about every run are checked on
//! many runs of a mixed program, at the moment of each event, on a [`board`](board::Board) that
//! follows the events.

#[path = "rules/board.rs"]
mod board;
#[path = "rules/runs.rs"]
mod runs;
#[path = "support/mixed.rs"]
mod mixed;

#[path = "rules/channels.rs"]
mod channels;
#[path = "rules/picking.rs"]
mod picking;
#[path = "rules/sharing.rs"]
mod sharing;
#[path = "rules/selecting.rs"]
mod selecting;
#[path = "rules/spawning.rs"]
mod spawning;
#[path = "rules/stealing.rs"]
mod stealing;
#[path = "rules/syncing.rs"]
mod syncing;
#[path = "rules/timing.rs"]
mod timing;
#[path = "rules/waking.rs"]
mod waking;
