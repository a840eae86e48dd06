//! Looking at a customer's server step by step, for the person who wants to know why nothing arrives: what a request does
//! in one go, and sums up in a [`crate::outbound::Fault`], is done here one after the other, and told in full.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    outbound::{Exchange, Outbound},
    time::Time,
};

/// Values of response headers, and names of a certificate, are told up to so many bytes.
pub const TEXT_LIMIT: usize = 256;
/// Response headers, and names of a certificate, that are told at most.
pub const MOST: usize = 40;

/// A step, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed<T> {
    /// From its beginning to its end.
    pub took: Duration,
    /// What came of it.
    pub result: T,
}

/// What was found. A step that failed has none after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The addresses behind the name.
    pub resolved: Timed<Result<Vec<Address>, ResolveFault>>,
    /// A connection to one of them.
    pub connected: Option<Timed<Result<SocketAddr, Vec<Refusal>>>>,
    /// The TLS handshake on that connection; none without TLS.
    pub tls: Option<Timed<Handshake>>,
}

/// An address that a name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// It may be connected to.
    Admitted(IpAddr),
    /// It may not. Only its network is told, such as `10.0.0.0/8 (private)`: names may resolve differently inside of the
    /// operator's network, and its addresses are nobody's business.
    Refused(String),
}

/// Why a name gave no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolveFault {
    /// There is no such name, or the name has no address.
    Unknown,
    /// No answer in time.
    Timeout,
    /// The URL has no host, or another scheme.
    Invalid,
}

/// Why one address could not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub address: IpAddr,
    /// Why.
    pub why: ConnectFault,
}

/// Why a connection could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFault {
    /// Nothing listens there.
    Refused,
    /// No answer in time: a firewall, mostly.
    Timeout,
    /// No way there.
    Unreachable,
}

/// What came of a TLS handshake, and the certificate that the server showed, if it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// What was agreed on.
    pub session: Result<Session, TlsFault>,
    /// Of the server itself.
    pub certificate: Option<Certificate>,
    /// Certificates that the server sent besides.
    pub intermediates: usize,
}

/// What client and server agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Such as `TLSv1_3`.
    pub protocol: String,
    /// The cipher suite.
    pub cipher: String,
    /// `h2` or `http/1.1`, if the server chose one.
    pub alpn: Option<String>,
}

/// Facts of a certificate. All texts are bounded, and the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Valid from.
    pub not_before: Time,
    /// Valid until.
    pub not_after: Time,
}

/// Why a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate is not valid any more.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for other names.
    WrongName,
    /// It was not signed by an authority that is trusted here, or the intermediate certificate is missing.
    UnknownIssuer,
    /// Something else is wrong with it.
    Certificate(String),
    /// What answers does not speak TLS.
    NotTls,
    /// The two could not agree, or the server broke it off.
    Handshake(String),
    /// The connection was closed.
    Closed,
    /// No answer in time.
    Timeout,
}

/// A request and all that came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// As of any request.
    pub exchange: Exchange,
    /// The response's headers: at most [`MOST`], values of at most [`TEXT_LIMIT`] bytes, none of cookies.
    pub headers: Vec<(String, String)>,
}

/// Looks at customers' servers, under the rules that hold for every request to them: only addresses that are allowed, no
/// redirects, bounded time and bytes.
pub trait Prober: Send + Sync {
    /// Resolves, connects, and shakes hands. Takes no longer than the timeout, or hardly.
    fn probe(&self, url: &str, timeout: Duration) -> impl Future<Output = Probe> + Send;
    /// Makes a request as a [`crate::outbound::Sender`] does, and tells more of the response.
    fn ask(&self, request: Outbound) -> impl Future<Output = Seen> + Send;
}

impl<P: Prober> Prober for Arc<P> {
    async fn probe(&self, url: &str, timeout: Duration) -> Probe {
        self.as_ref().probe(url, timeout).await
    }

    async fn ask(&self, request: Outbound) -> Seen {
        self.as_ref().ask(request).await
    }
}
