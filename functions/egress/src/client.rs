//! The HTTP client: how it is set up, and one exchange from beginning to end.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use postrider_core::{
    outbound::{Answer, Exchange, Fault, Fetcher, KEPT_HEADERS, Outbound, Sender, Unfetched},
    probe::{MOST, Probe, Prober, Seen},
};
use reqwest::{
    Client, ClientBuilder, Request, Response, Url,
    header::{ACCEPT, HeaderMap, SET_COOKIE},
    redirect::Policy,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject as _},
    },
};
use tokio::time::{Instant, timeout};
use url::Host;

use crate::{
    body,
    certificate::bounded,
    fault,
    policy::AddressPolicy,
    probe::{self, Trust},
    request,
    resolver::{Gate, Rule},
};

/// For all addresses of a name, TCP and TLS. A name with an address that never answers still gets to try the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A frozen function wakes to dead sockets: keep them for the batch at hand and for the one right behind it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a body may take once its headers have come. They decide the outcome: a server that says 200 and then
/// dawdles looks healthy to everyone, and would hold a whole function instance until the attempt's timeout.
const BODY_PATIENCE: Duration = Duration::from_secs(2);

/// HTTP/2 response headers, decompressed. (HTTP/1: hyper stops at 100 headers, and at 408 KiB, which
/// reqwest cannot lower.)
const HEADER_LIMIT: u32 = 32 * 1024;

/// As a TLS handshake offers them.
pub(crate) const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// Of a response header that is kept.
const VALUE_LIMIT: usize = 1024;

/// The [`Sender`] and the [`Fetcher`] over real sockets. Cheap to share; made once per process, for its connection pool.
#[derive(Debug)]
pub struct Egress {
    https: Lane,
    /// Only where some network may be reached without TLS.
    http: Option<Lane>,
    roots: RootCertStore,
    /// What the https client trusts, for probes: made when the first one is asked for.
    trust: OnceLock<Option<Trust>>,
}

/// A scheme's client, and which addresses it may connect to.
#[derive(Debug)]
struct Lane {
    gate: Gate,
    client: Client,
}

/// Why an [`Egress`] could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not PEM, or not certificates.
    #[error("the extra root certificates cannot be read")]
    UnreadableRoots(#[source] pem::Error),
    /// Readable, and empty.
    #[error("there is no certificate among the extra root certificates")]
    NoRoots,
    /// An extra root certificate is not fit to be one.
    #[error("the TLS client cannot be set up")]
    Tls(#[from] rustls::Error),
    /// Something else is wrong.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Egress {
    /// Trusts what [`postrider_tls`] trusts and, for servers with certificates of a private CA, those in `extra_roots` (PEM).
    pub fn new(policy: AddressPolicy, extra_roots: Option<&[u8]>) -> Result<Self, SetupError> {
        let policy = Arc::new(policy);
        let roots = postrider_tls::roots(extra_roots.map(certificates).transpose()?.unwrap_or_default())?;
        let config = postrider_tls::client(roots.clone(), &PROTOCOLS)?;
        let https = Lane::new(&policy, AddressPolicy::permits, config.clone())?;
        let plain = || Lane::new(&policy, AddressPolicy::allows_plain_http, config);
        let http = if policy.is_tls_only() { None } else { Some(plain()?) };
        Ok(Self { https, http, roots, trust: OnceLock::new() })
    }

    /// One exchange, and what `look` sees in the response's headers.
    async fn exchange<T>(
        &self,
        outbound: Outbound,
        look: impl FnOnce(&HeaderMap) -> T + Send,
    ) -> (Exchange, Option<T>) {
        let (start, limit) = (Instant::now(), outbound.timeout);
        let response = timeout(limit, self.respond(outbound)).await.unwrap_or(Err(Fault::Timeout));
        let duration = start.elapsed();
        let patience = limit.saturating_sub(duration).min(BODY_PATIENCE);
        match response {
            Ok(response) => {
                let seen = look(response.headers());
                let answer = answer(response, Instant::now() + patience).await;
                (Exchange { duration, result: Ok(answer) }, Some(seen))
            }
            Err(fault) => (Exchange { duration, result: Err(fault) }, None),
        }
    }

    /// What decides in the https client.
    fn trust(&self) -> Option<Trust> {
        let made = self.trust.get_or_init(|| {
            let verifier = postrider_tls::verifier(self.roots.clone());
            verifier.inspect_err(|error| tracing::error!(%error, "no root certificates for probes")).ok()
        });
        made.clone()
    }

    /// Until the response's headers.
    async fn respond(&self, outbound: Outbound) -> Result<Response, Fault> {
        let url = Url::parse(&outbound.url).map_err(|_| Fault::Invalid)?;
        let request = request::build(self.client(&url)?, url, outbound)?;
        self.execute(request).await
    }

    async fn execute(&self, request: Request) -> Result<Response, Fault> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        self.client(request.url())?.execute(request).await.map_err(|error| {
            let fault = fault::classify(&error);
            // Without the URL: it may hold credentials.
            let cause = fault::chain(&error.without_url());
            tracing::debug!(host, ?fault, cause, "no response");
            fault
        })
    }

    /// The client for this URL, if its host is not an address that may not be reached. Names are the resolver's to check.
    fn client(&self, url: &Url) -> Result<&Client, Fault> {
        let lane = match url.scheme() {
            "https" => &self.https,
            "http" => self.http.as_ref().ok_or(Fault::Blocked)?,
            _ => return Err(Fault::Invalid),
        };
        let admitted = match url.host().ok_or(Fault::Invalid)? {
            Host::Domain(_) => true,
            Host::Ipv4(address) => lane.gate.admits(address.into()),
            Host::Ipv6(address) => lane.gate.admits(address.into()),
        };
        if admitted { Ok(&lane.client) } else { Err(Fault::Blocked) }
    }
}

impl Sender for Egress {
    async fn send(&self, outbound: Outbound) -> Exchange {
        self.exchange(outbound, |_| ()).await.0
    }
}

impl Prober for Egress {
    async fn probe(&self, url: &str, timeout: Duration) -> Probe {
        let is_plain = url.starts_with("http:");
        let lane = if is_plain { self.http.as_ref() } else { Some(&self.https) };
        probe::probe(lane.map(|lane| &lane.gate), || self.trust(), url, timeout).await
    }

    async fn ask(&self, request: Outbound) -> Seen {
        let (exchange, headers) = self.exchange(request, told).await;
        Seen { exchange, headers: headers.unwrap_or_default() }
    }
}

impl Fetcher for Egress {
    async fn fetch(&self, url: &str, limit: usize, time: Duration) -> Result<String, Unfetched> {
        timeout(time, self.document(url, limit)).await.unwrap_or(Err(Fault::Timeout.into()))
    }
}

impl Egress {
    async fn document(&self, url: &str, limit: usize) -> Result<String, Unfetched> {
        let url = Url::parse(url).map_err(|_| Fault::Invalid)?;
        let request = self.client(&url)?.get(url).header(ACCEPT, "application/json").build();
        let response = self.execute(request.map_err(|_| Fault::Invalid)?).await?;
        match response.status().as_u16() {
            200 => body::whole(response, limit).await.ok_or(Unfetched::Unreadable),
            status => Err(Unfetched::Status(status)),
        }
    }
}

impl Lane {
    fn new(policy: &Arc<AddressPolicy>, rule: Rule, config: ClientConfig) -> Result<Self, SetupError> {
        let gate = Gate::new(Arc::clone(policy), rule);
        let client = settings(&gate).tls_backend_preconfigured(config).build().map_err(SetupError::Client)?;
        Ok(Self { gate, client })
    }
}

/// What both clients have in common. HTTP/2 where the server offers it in the TLS handshake.
///
/// Retries are left as reqwest and hyper do them, since both are safe: a request of which no byte was written when its
/// pooled connection turned out to be closed, and one that an HTTP/2 server declares unprocessed (`REFUSED_STREAM`, or
/// `GOAWAY` without error), at most twice.
fn settings(gate: &Gate) -> ClientBuilder {
    Client::builder()
        .dns_resolver(gate.clone())
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http2_max_header_list_size(HEADER_LIMIT)
}

async fn answer(response: Response, deadline: Instant) -> Answer {
    let (status, headers) = (response.status().as_u16(), kept(response.headers()));
    Answer { status, body: body::read(response, deadline).await, headers }
}

/// The first value of each header that means something. One that is too long, or not text, means nothing.
fn kept(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let text = |name| headers.get(name)?.to_str().ok().filter(|text| text.len() <= VALUE_LIMIT);
    KEPT_HEADERS.into_iter().filter_map(|name| Some((name, text(name)?.to_owned()))).collect()
}

/// Headers for people. What a cookie says is between the server and browsers.
fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().filter(|(name, _)| **name != SET_COOKIE).take(MOST);
    shown.map(|(name, value)| (name.to_string(), bounded(&String::from_utf8_lossy(value.as_bytes())))).collect()
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let roots: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(SetupError::UnreadableRoots)?;
    if roots.is_empty() { Err(SetupError::NoRoots) } else { Ok(roots) }
}
