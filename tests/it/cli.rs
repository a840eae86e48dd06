//! The command line `postrider`: the real binary against a real stack.

mod operating;
mod publishing;
mod recovering;
mod verifying;
mod watching;
