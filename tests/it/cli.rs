//! The command line `postrider`: the real binary against a real stack.

mod diagnosing;
mod importing;
mod listening;
mod operating;
mod publishing;
mod readme;
mod recovering;
mod verifying;
mod watching;
