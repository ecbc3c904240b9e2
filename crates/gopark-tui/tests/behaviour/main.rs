//! What the app does, without a terminal: keys in, scenes and commands out.

mod facts;
mod lessons;
mod plain;
mod playing;
mod program;
mod questions;
mod run;
mod screen;
mod views;
