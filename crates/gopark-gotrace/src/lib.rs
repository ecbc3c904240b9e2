//! The place for reading, and writing, the execution traces of real Go programs.
//!
//! There is nothing here yet. The crate holds the name and the layer: it may import
//! `gopark-trace`, whose events a Go trace will be told in, and nothing else of gopark's.
#![forbid(unsafe_code)]
