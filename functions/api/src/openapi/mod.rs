//! The OpenAPI document: what is written about the operations stands where they are routed, so neither is without the
//! other.
//!
//! To add an operation:
//! 1. Derive `JsonSchema` for what it takes and gives, in `postrider-core`, with a line of documentation for each
//!    member (it is shown to callers), its limits, and an `example` where its shape does not show one. Strings borrow
//!    their shape from [`postrider_core::shapes`].
//! 2. Route it with [`Operations::with`] in the module of its resource: an [`Operation`] and the handler. Paths begin
//!    below `/api/v1`; the parameters in them are named as in the contract and described once, in `parameters`.
//! 3. Say which errors it can give. Those that follow from what it has (a token, a body, parameters, an idempotency
//!    key) are there already: see [`Operation`].
//!
//! An operation that another function answers is described in `elsewhere` instead. The tests compare that list with the
//! routes in the template, the examples with the schemas, and every answer of the end-to-end tests with the document.

mod document;
mod elsewhere;
mod errors;
mod example;
mod operation;
mod operations;
mod parameters;
mod schemas;
mod serve;

pub(crate) use document::document;
pub(crate) use errors::Error;
pub(crate) use operation::Operation;
pub(crate) use operations::{Operations, Tag};
pub(crate) use parameters::Parameter;
pub(crate) use serve::serve;

/// Before the path of every operation.
pub(crate) const PREFIX: &str = "/api/v1";
