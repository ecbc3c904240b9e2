//! Each rule on a stream that keeps it and on one that breaks it, and no other.

#[path = "support/script.rs"]
mod script;

#[path = "rules/outside.rs"]
mod outside;

#[path = "rules/structure.rs"]
mod structure;

#[path = "rules/queues.rs"]
mod queues;

#[path = "rules/picking.rs"]
mod picking;

#[path = "rules/selecting.rs"]
mod selecting;

#[path = "rules/timers.rs"]
mod timers;
#[path = "rules/waking.rs"]
mod waking;

#[path = "rules/syncing.rs"]
mod syncing;
