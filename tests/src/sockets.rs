//! Servers on bare sockets, which can misbehave as no library would let them, and certificates for those with TLS.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// A port on 127.0.0.1 that counts its connections, and does with each what it is told. Ends with the test's runtime.
#[derive(Debug)]
pub struct Sockets {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Sockets {
    /// Runs the handler for every connection.
    pub async fn start<F>(handler: impl Fn(TcpStream) -> F + Send + 'static) -> Result<Self>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                // How a connection ends is the client's affair.
                tokio::spawn(handler(stream));
            }
        });
        Ok(Self { address, connections, accepting })
    }

    /// Answers a request on every connection with these bytes, and closes it.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Result<Self> {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                read_request(&mut stream).await?;
                stream.write_all(&answer).await?;
                stream.shutdown().await.context("closing")
            }
        })
        .await
    }

    /// Answers a request on every TLS connection with an empty 200.
    pub async fn with_tls(acceptor: TlsAcceptor) -> Result<Self> {
        Self::start(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                read_request(&mut stream).await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
                stream.shutdown().await.context("closing")
            }
        })
        .await
    }

    /// Its URL, by that name or address of this machine.
    pub fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/hook", self.address.port())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads one HTTP/1 request to its end.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    stream.read_exact(&mut vec![0; length.parse()?]).await?;
    Ok(())
}

/// A private certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "A private authority");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// For a server whose certificate it signed, for that name.
    pub fn acceptor(&self, name: &str) -> Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        acceptor(&CertificateParams::new([name.to_owned()])?.signed_by(&key, &*self.0)?, &key)
    }

    /// The same, with a certificate that was valid until the beginning of 2020.
    pub fn expired_acceptor(&self, name: &str) -> Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        acceptor(&params.signed_by(&key, &*self.0)?, &key)
    }
}

/// For a server that signed its certificate itself.
pub fn self_signed(name: &str) -> Result<TlsAcceptor> {
    let key = KeyPair::generate()?;
    acceptor(&CertificateParams::new([name.to_owned()])?.self_signed(&key)?, &key)
}

fn acceptor(certificate: &Certificate, key: &KeyPair) -> Result<TlsAcceptor> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
