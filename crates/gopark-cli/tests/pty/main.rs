//! The command in a real terminal: what a person sees, presses, and is left with.

mod terminal;

mod output;

mod stage;

mod run;

mod looks;

mod ends;

mod processes;
