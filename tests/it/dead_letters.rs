//! dead letters
