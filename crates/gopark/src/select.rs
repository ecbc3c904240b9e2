//! Waiting for several channels at once (`select`).
//!
//! In reading order:
//! - [`go`]: what a select does, whatever its cases (`selectgo`).
//! - [`dynamic`]: cases that are known only at run time (`reflect.Select`).
//! - [`macros`]: `select!`, which reads like Go's.

mod go;

mod dynamic;

mod macros;

pub use self::dynamic::{Select, Selected};
pub(crate) use self::go::try_one;
pub use self::go::{block, select_among};
pub use crate::chan::case::{AnyCase, RecvCase, SendCase, recv, send};
