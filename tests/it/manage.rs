//! Applications, endpoints and event types, by the published client.
//!
//! Models that hold `null` are made from JSON: the client's own type for it is in a crate that it does not show.

mod applications;
mod deleted;
mod endpoints;
mod event_types;
mod headers;
