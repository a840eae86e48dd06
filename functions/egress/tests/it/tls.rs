//! Certificates: whom the sender believes.

use std::sync::Arc;

use postrider_core::outbound::{Fault, Sender};
use postrider_egress::{AddressPolicy, Egress, SetupError};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

use crate::server::{Server, answer, local, outbound, read_request};

/// A private certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// May reach this machine, and trusts this authority.
    pub(crate) fn trusted(&self) -> Egress {
        let policy = AddressPolicy::parse("127.0.0.0/8,::1/128").unwrap();
        Egress::new(policy, Some(self.0.pem().as_bytes())).unwrap()
    }

    pub(crate) fn acceptor(&self, name: &str, alpn: &str) -> TlsAcceptor {
        self.acceptor_of(&CertificateParams::new([name.to_owned()]).unwrap(), alpn)
    }

    fn acceptor_of(&self, params: &CertificateParams, alpn: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        acceptor(&params.signed_by(&key, &*self.0).unwrap(), &key, alpn)
    }
}

fn acceptor(certificate: &Certificate, key: &KeyPair, alpn: &str) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Answers 200 to one request over TLS.
async fn serve(acceptor: TlsAcceptor) -> Server {
    Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream): Result<TlsStream<TcpStream>, _> = acceptor.accept(stream).await else { return };
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok();
            stream.shutdown().await.ok();
        }
    })
    .await
}

#[tokio::test]
async fn a_certificate_of_an_extra_root_is_trusted_for_a_name_and_for_an_address() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let server = serve(authority.acceptor(host, "http/1.1")).await;
        let exchange = authority.trusted().send(outbound(server.url("https", host))).await;
        assert_eq!(exchange.result, Ok(answer(200, "ok")), "{host}");
    }
}

#[tokio::test]
async fn an_unknown_authority_a_self_signed_certificate_and_a_wrong_name_are_tls_faults() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let cases = [
        (local(), authority.acceptor("localhost", "http/1.1")),
        (authority.trusted(), acceptor(&own, &key, "http/1.1")),
        (authority.trusted(), authority.acceptor("elsewhere.example", "http/1.1")),
    ];
    for (sender, acceptor) in cases {
        let server = serve(acceptor).await;
        assert_eq!(sender.send(outbound(server.url("https", "localhost"))).await.result, Err(Fault::Tls));
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn an_expired_certificate_is_a_tls_fault() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let server = serve(authority.acceptor_of(&params, "http/1.1")).await;
    let exchange = authority.trusted().send(outbound(server.url("https", "localhost"))).await;
    assert_eq!(exchange.result, Err(Fault::Tls));
}

#[tokio::test]
async fn a_server_without_tls_or_without_http_is_a_tls_fault() {
    let authority = Authority::new();
    let plain = Server::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.ok();
        while read_request(&mut stream).await.is_some() {}
    })
    .await;
    let mail = serve(authority.acceptor("localhost", "smtp")).await;
    for server in [plain, mail] {
        let exchange = authority.trusted().send(outbound(server.url("https", "localhost"))).await;
        assert_eq!(exchange.result, Err(Fault::Tls));
    }
}

#[test]
fn extra_roots_that_are_none_are_an_error_at_once() {
    let new = |roots: &str| Egress::new(AddressPolicy::default(), Some(roots.as_bytes())).unwrap_err();
    assert!(matches!(new("not PEM"), SetupError::NoRoots));
    let broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    assert!(matches!(new(broken), SetupError::UnreadableRoots(_)));
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(new(empty), SetupError::Tls(_)));
}
