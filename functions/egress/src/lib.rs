//! The only crate that talks to customers' servers.
//!
//! [`Egress`] implements [`postrider_core::outbound::Sender`]: one request, and a typed outcome; and, for documents of
//! servers that the operator trusts, [`postrider_core::outbound::Fetcher`]. What it guarantees:
//! - **It cannot be turned against its own network.** The [`AddressPolicy`] is asked about the addresses that are
//!   then connected to (no second lookup in between), and about IP literals, which no resolver sees.
//! - **A server cannot make it hold more than a bounded number of bytes**, of headers or of body, nor longer than the
//!   attempt's timeout.
//! - **At most one request reaches the server**, unless the server itself says that it has not looked at it.
//!
//! It is also the [`postrider_core::probe::Prober`] that looks at a server step by step, under the same rules.
//!
//! Redirects are not followed, proxies from the environment are not used, and nothing is stored.

mod body;
mod certificate;
mod client;
mod fault;
mod policy;
mod probe;
mod request;
mod resolver;

pub use client::{Egress, SetupError};
pub use policy::{AddressPolicy, InvalidNetwork};
