//! What a viewer and a program say to each other over a socket.
//!
//! A program on gopark that finds [`STAGE_VAR`] in its environment connects to that Unix socket
//! before its first goroutine runs, sends [`Message::Hello`], waits paused, and obeys
//! [`Command`]s from then on. Events go one way, commands the other; either side may vanish at any
//! time, and the other goes on: a program whose viewer is gone runs to its end unwatched.

use crate::ids::{GId, Nanos};
use crate::record::Batch;

/// Environment variable with the path of the viewer's Unix socket.
pub const STAGE_VAR: &str = "GOPARK_STAGE";

/// The version of events and messages. A reader refuses other versions.
pub const VERSION: u32 = 1;

table! {
    /// What the viewer asks of the conductor.
    pub enum Command, COMMANDS;

    /// Run until told otherwise.
    1 Run { } from "gopark" => "run";
    /// Stop before the next transition. In live every M stops at its next scheduling point.
    2 Pause { } from "gopark" => "pause";
    /// Let this many scheduling decisions happen, then pause.
    3 Step { decisions: u32 } from "gopark" => "step {decisions}";
    /// Run until this many events have been emitted since the start of the run, then pause.
    4 RunToSeq { seq: u64 } from "gopark" => "run to event {seq}";
    /// Run until an event with this code (see the table of events) was emitted, then pause.
    5 RunToEvent { code: u8 } from "gopark" => "run to the next event {code}";
    /// Run until this goroutine starts to run, then pause.
    6 RunToGo { g: GId } from "gopark" => "run until {g} runs";
    /// Run until this time, then pause.
    7 RunToTime { time: Nanos } from "gopark" => "run until {time}";
    /// At most this many decisions a second while running; 0 is full speed.
    8 Tempo { decisions_per_s: u32 } from "gopark" => "tempo {decisions_per_s}";
    /// End the run now.
    9 Stop { } from "gopark" => "stop";
}

table! {
    /// What a program or a viewer sends, and what a recording holds: one frame each.
    pub enum Message, MESSAGES;

    /// The first message of a program and of a recording.
    1 Hello { version: u32, producer: String } from "gopark" => "{producer}, version {version}";
    /// Events, in order.
    2 Records { records: Batch } from "gopark" => "events";
    /// A wish of the viewer.
    3 Ask { command: Command } from "gopark" => "{command}";
    /// The conductor has stopped the run after this many events.
    4 Paused { seq: u64, time: Nanos } from "gopark" => "paused after {seq} events";
    /// The conductor lets the run go on.
    5 Running { } from "gopark" => "running";
    /// The program has ended; nothing follows.
    6 Goodbye { } from "gopark" => "the end";
}
