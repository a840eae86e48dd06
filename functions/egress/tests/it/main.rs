//! The sender against real sockets on this machine.

#![expect(clippy::unwrap_used, reason = "a server or a certificate that cannot be made fails the test")]

mod address;
mod body;
mod fault;
mod http2;
mod request;
mod server;
mod tls;
