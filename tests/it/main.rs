//! Postrider, end to end: what it promises, shown over real connections.

#![expect(clippy::print_stdout, reason = "what was measured is printed")]

mod addresses;
mod bad_input;
mod budget;
mod clients;
mod clock;
mod crash;
mod dead_letters;
mod duplicates;
mod events;
mod faults;
mod idempotency;
mod logs;
mod manage;
mod paging;
mod policies;
mod publish;
mod retry;
mod rotation;
mod tokens;
