//! One connection, step by step: the same policy and the same trust as of every request, told in full.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use postrider_core::probe::{Address, ConnectFault, Handshake, Probe, Refusal, ResolveFault, Session, Timed, TlsFault};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::{certificate, client::PROTOCOLS, resolver::Gate};

/// For the name; for one address; for the handshake.
const RESOLVE: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(3);
const HANDSHAKE: Duration = Duration::from_secs(4);
/// Addresses that are tried.
const TRIED: usize = 3;
/// Addresses that are told.
const TOLD: usize = 20;

/// What trusts the servers' certificates.
pub(crate) type Trust = Arc<dyn ServerCertVerifier>;

/// Probes a URL within the time.
pub(crate) async fn probe(
    gate: Option<&Gate>,
    trust: impl FnOnce() -> Option<Trust>,
    url: &str,
    time: Duration,
) -> Probe {
    let deadline = Instant::now() + time;
    let parsed = Url::parse(url).ok();
    let target = parsed.as_ref().and_then(|url| Some((url, url.host()?, url.port_or_known_default()?)));
    let Some((url, host, port)) = target else {
        return ended(Timed { took: Duration::ZERO, result: Err(ResolveFault::Invalid) });
    };
    let start = Instant::now();
    let resolved = resolve(&host, deadline).await;
    let resolved = resolved.map(|found| found.iter().map(|address| judged(gate, *address)).take(TOLD).collect());
    let admitted: Vec<IpAddr> = resolved.iter().flatten().filter_map(admitted).take(TRIED).collect();
    let resolved = Timed { took: start.elapsed(), result: resolved };
    if admitted.is_empty() {
        return ended(resolved);
    }
    let start = Instant::now();
    let (stream, connected) = match connect(&admitted, port, deadline).await {
        Ok((stream, address)) => (Some(stream), Ok(address)),
        Err(refusals) => (None, Err(refusals)),
    };
    let connected = Some(Timed { took: start.elapsed(), result: connected });
    let (Some(stream), "https", Some(trust)) = (stream, url.scheme(), trust()) else {
        return Probe { resolved, connected, tls: None };
    };
    let start = Instant::now();
    let result = shake(stream, &host, trust, deadline).await;
    Probe { resolved, connected, tls: Some(Timed { took: start.elapsed(), result }) }
}

const fn ended(resolved: Timed<Result<Vec<Address>, ResolveFault>>) -> Probe {
    Probe { resolved, connected: None, tls: None }
}

async fn resolve(host: &Host<&str>, deadline: Instant) -> Result<Vec<IpAddr>, ResolveFault> {
    let name = match *host {
        Host::Ipv4(address) => return Ok(vec![address.into()]),
        Host::Ipv6(address) => return Ok(vec![address.into()]),
        Host::Domain(name) => name,
    };
    let limit = deadline.min(Instant::now() + RESOLVE);
    let found = timeout_at(limit, lookup_host((name, 0))).await.map_err(|_| ResolveFault::Timeout)?;
    let mut found: Vec<_> = found.map_err(|_| ResolveFault::Unknown)?.map(|address| address.ip()).collect();
    found.dedup();
    if found.is_empty() { Err(ResolveFault::Unknown) } else { Ok(found) }
}

/// Without a gate nothing is admitted: the scheme is not allowed at all.
fn judged(gate: Option<&Gate>, address: IpAddr) -> Address {
    match gate {
        Some(gate) if gate.admits(address) => Address::Admitted(address),
        Some(_) => Address::Refused(Gate::network_of(address)),
        None => Address::Refused("any address, without TLS".to_owned()),
    }
}

fn admitted(address: &Address) -> Option<IpAddr> {
    if let Address::Admitted(address) = address { Some(*address) } else { None }
}

/// To the first that takes it; exactly to what was judged.
async fn connect(addresses: &[IpAddr], port: u16, deadline: Instant) -> Result<(TcpStream, SocketAddr), Vec<Refusal>> {
    let mut refusals = Vec::new();
    for address in addresses {
        let socket = SocketAddr::new(*address, port);
        let limit = deadline.min(Instant::now() + CONNECT);
        let why = match timeout_at(limit, TcpStream::connect(socket)).await {
            Ok(Ok(stream)) => return Ok((stream, socket)),
            Ok(Err(error)) => fault(&error),
            Err(_) => ConnectFault::Timeout,
        };
        refusals.push(Refusal { address: *address, why });
    }
    Err(refusals)
}

fn fault(error: &io::Error) -> ConnectFault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ConnectFault::Refused,
        io::ErrorKind::TimedOut => ConnectFault::Timeout,
        _ => ConnectFault::Unreachable,
    }
}

async fn shake(stream: TcpStream, host: &Host<&str>, trust: Trust, deadline: Instant) -> Handshake {
    let shown = Arc::new(Shown { trust, chain: Mutex::default() });
    let session = match client(Arc::clone(&shown), host) {
        Ok((connector, name)) => {
            let limit = deadline.saturating_duration_since(Instant::now()).min(HANDSHAKE);
            match timeout(limit, connector.connect(name, stream)).await {
                Ok(Ok(stream)) => Ok(session(stream.get_ref().1)),
                Ok(Err(error)) => Err(tls_fault(&error)),
                Err(_) => Err(TlsFault::Timeout),
            }
        }
        Err(error) => Err(TlsFault::Handshake(certificate::bounded(&error.to_string()))),
    };
    let chain = shown.chain.lock().unwrap_or_else(PoisonError::into_inner);
    let certificate = chain.first().and_then(certificate::facts);
    Handshake { session, certificate, intermediates: chain.len().saturating_sub(1) }
}

fn client(shown: Arc<Shown>, host: &Host<&str>) -> Result<(TlsConnector, ServerName<'static>), Error> {
    let name = match *host {
        Host::Ipv4(address) => ServerName::from(IpAddr::from(address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::from(address)),
        Host::Domain(name) => {
            ServerName::try_from(name.to_owned()).map_err(|error| Error::General(error.to_string()))?
        }
    };
    let mut config = ClientConfig::builder_with_provider(postrider_tls::provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(shown)
        .with_no_client_auth();
    // As requests do.
    config.alpn_protocols = PROTOCOLS.map(|name| name.as_bytes().to_vec()).to_vec();
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn session(connection: &rustls::ClientConnection) -> Session {
    let protocol = connection.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
    let cipher = connection.negotiated_cipher_suite();
    let cipher = cipher.map_or_else(String::new, |suite| format!("{:?}", suite.suite()));
    let alpn = connection.alpn_protocol().map(|name| certificate::bounded(&String::from_utf8_lossy(name)));
    Session { protocol, cipher, alpn }
}

fn tls_fault(error: &io::Error) -> TlsFault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(why)) => of_certificate(why),
        Some(Error::InvalidMessage(_)) => TlsFault::NotTls,
        Some(error) => TlsFault::Handshake(certificate::bounded(&error.to_string())),
        None if error.kind() == io::ErrorKind::TimedOut => TlsFault::Timeout,
        None => TlsFault::Closed,
    }
}

fn of_certificate(why: &CertificateError) -> TlsFault {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::WrongName,
        // Of an issuer that has the name of a trusted one, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
        other => TlsFault::Certificate(certificate::bounded(&other.to_string())),
    }
}

/// Keeps what the server showed, and leaves the decision to the verifier that decides about requests.
#[derive(Debug)]
struct Shown {
    trust: Trust,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
        self.trust.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.supported_verify_schemes()
    }
}
