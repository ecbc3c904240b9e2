//! Part of gopark.
