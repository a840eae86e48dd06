//! Postrider, end to end: what it promises, shown over real connections.

#![expect(clippy::print_stdout, reason = "what was measured is printed")]

mod access;
mod addresses;
mod authorization;
mod bad_input;
mod batching;
mod budget;
mod bulk;
mod circuit;
mod cli;
mod clients;
mod clock;
mod confirmation;
mod consent;
mod crash;
mod dead_letters;
mod diagnose;
mod duplicates;
mod erasure;
mod etiquette;
mod events;
mod fairness;
mod fan_out;
mod faults;
mod filters;
mod idempotency;
mod inputs;
mod logs;
mod manage;
mod manner;
mod misbehaving;
mod oidc;
mod operational;
mod paging;
mod policies;
mod pollers;
mod publish;
mod receiving;
mod recovery;
mod retry;
mod rotation;
mod schemas;
mod signatures;
mod stats;
mod tokens;
