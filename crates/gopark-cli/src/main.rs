//! gopark.
fn main() {}
