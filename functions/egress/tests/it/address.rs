//! What may be connected to: nothing but public addresses, however they are written.

use std::{net::TcpListener, process::Command};

use postrider_core::outbound::{Fault, Sender};
use postrider_egress::{AddressPolicy, Egress};

use crate::server::{Server, answer, local, outbound, send_to, strict};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Spellings that some parser reads as an address of this machine, of instance metadata or of a private network.
const LITERALS: &[&str] = &[
    "169.254.169.254",
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "１２７.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
];

#[tokio::test]
async fn literals_of_addresses_that_are_not_public_are_blocked() {
    let elsewhere = Egress::new(AddressPolicy::parse("198.51.100.0/24").unwrap(), None).unwrap();
    for sender in [strict(), elsewhere] {
        for literal in LITERALS {
            for scheme in ["http", "https"] {
                let exchange = sender.send(outbound(format!("{scheme}://user:secret@{literal}:9/"))).await;
                assert_eq!(exchange.result, Err(Fault::Blocked), "{scheme}://{literal}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_resolves_to_this_machine_is_blocked_and_nothing_connects() {
    let server = Server::answering(OK).await;
    let exchange = strict().send(outbound(server.url("https", "localhost"))).await;
    assert_eq!(exchange.result, Err(Fault::Blocked));
    let elsewhere = Egress::new(AddressPolicy::parse("198.51.100.0/24").unwrap(), None).unwrap();
    for scheme in ["http", "https"] {
        let exchange = elsewhere.send(outbound(server.url(scheme, "localhost"))).await;
        assert_eq!(exchange.result, Err(Fault::Blocked), "{scheme}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn without_tls_only_allowed_networks_are_reached() {
    let server = Server::answering(OK).await;
    let exchange = local().send(outbound(server.url("http", "localhost"))).await;
    assert_eq!(exchange.result, Ok(answer(200, "")));
    for (sender, url) in
        [(local(), "http://8.8.8.8/"), (strict(), "http://8.8.8.8/"), (strict(), "http://example.com/")]
    {
        assert_eq!(sender.send(outbound(url)).await.result, Err(Fault::Blocked), "{url}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let target = Server::answering(OK).await;
    let location = target.url("http", "127.0.0.1");
    let server =
        Server::answering(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 2\r\n\r\nno")).await;
    assert_eq!(send_to(&server).await.result, Ok(answer(302, "no")));
    assert_eq!((server.connections(), target.connections()), (1, 0));
}

/// The environment of a process cannot be changed safely, so a test above runs once more in a process of its own.
#[test]
fn proxies_in_the_environment_are_ignored() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "address::without_tls_only_allowed_networks_are_reached"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, &url);
    }
    let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
