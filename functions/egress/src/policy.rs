//! Which addresses may be connected to: public ones, and the networks that the operator allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Not on the public internet, or not a host at all; and what they are.
const REFUSED_V4: [(Ipv4Net, &str); 15] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (v4([127, 0, 0, 0], 8), "loopback; in Lambda, the runtime API"),
    (v4([169, 254, 0, 0], 16), "link-local: instance metadata, container credentials"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol assignments"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "6to4 relays"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarks"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved, and broadcast"),
];

/// As [`REFUSED_V4`]. What embeds an IPv4 address is refused whole: nobody needs it, and it would be a way around.
const REFUSED_V6: [(Ipv6Net, &str); 16] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "unspecified, loopback, IPv4-compatible"),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "IPv4-mapped"),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), "IPv4-translated (SIIT)"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "NAT64, local use"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discard"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "Teredo"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "benchmarks"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "SRv6"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local; on EC2, instance metadata"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(g: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7]), prefix)
}

/// Decides which addresses may be connected to. By default: public ones, over TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

/// An entry of the allow-list that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allowed networks: {0:?} is not a network such as 127.0.0.0/8 or ::1/128")]
pub struct InvalidNetwork(String);

impl AddressPolicy {
    /// Reads the networks that are allowed beside the public internet, such as `127.0.0.0/8,::1/128`.
    /// Empty means none.
    pub fn parse(networks: &str) -> Result<Self, InvalidNetwork> {
        if networks.trim().is_empty() {
            return Ok(Self::default());
        }
        let allowed = networks.split(',').map(network).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Whether this address may be connected to over TLS.
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.allows_plain_http(address)
    }

    /// Whether this address may be connected to without TLS too: only the allowed networks.
    pub fn allows_plain_http(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(&address))
    }

    /// Which network of those that are refused an address is in, such as `10.0.0.0/8 (private)`.
    pub(crate) fn network_of(address: IpAddr) -> String {
        let told = |network: IpNet, what: &str| format!("{network} ({what})");
        let found = match address {
            IpAddr::V4(address) => {
                let found = REFUSED_V4.iter().find(|(network, _)| network.contains(&address));
                found.map(|(network, what)| told(IpNet::V4(*network), what))
            }
            IpAddr::V6(address) => {
                let found = REFUSED_V6.iter().find(|(network, _)| network.contains(&address));
                found.map(|(network, what)| told(IpNet::V6(*network), what))
            }
        };
        // Public, and not to be reached without TLS.
        found.unwrap_or_else(|| "a public address, without TLS".to_owned())
    }

    /// Whether no address at all may be connected to without TLS.
    pub(crate) fn is_tls_only(&self) -> bool {
        self.allowed.is_empty()
    }
}

fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    text.trim().parse().map_err(|_| InvalidNetwork(text.trim().to_owned()))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|(network, _)| network.contains(&address)),
        IpAddr::V6(address) => !REFUSED_V6.iter().any(|(network, _)| network.contains(&address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last permitted address before, the first and the last refused, the first permitted after.
    /// A dash where the address space ends; neighbouring ranges are one row.
    const RANGES: &[[&str; 4]] = &[
        ["-", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
        ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
        ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
        ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
        ["169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"],
        ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
        ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
        ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
        ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"],
        ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
        ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
        ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
        ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
        ["223.255.255.255", "224.0.0.0", "255.255.255.255", "-"],
        ["-", "::", "::ffff:ffff", "::1:0:0"],
        ["::fffe:ffff:ffff", "::ffff:0:0", "::ffff:255.255.255.255", "::1:0:0:0"],
        ["::fffe:ffff:ffff:ffff", "::ffff:0:0:0", "::ffff:0:255.255.255.255", "::ffff:1:0:0"],
        ["64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "64:ff9b::", "64:ff9b::255.255.255.255", "64:ff9b::1:0:0"],
        ["64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::"],
        ["ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::"],
        ["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::"],
        ["2001:1:ffff:ffff:ffff:ffff:ffff:ffff", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "2001:2:1::"],
        [
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
        ],
        ["2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
        ["3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"],
        ["5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::"],
        ["fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::"],
        ["fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"],
    ];

    /// Inside a range, or on the border of two that touch.
    const REFUSED: &[&str] = &[
        "127.0.0.1",
        "169.254.169.254",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.254",
        "::1",
        "::127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:10.0.0.1",
        "64:ff9b::8.8.8.8",
        "2002:a00:1::1",
        "fd00:ec2::254",
        "febf::1",
        "fec0::",
        "feff::1",
        "ff02::1",
    ];

    const PUBLIC: &[&str] =
        &["1.1.1.1", "8.8.8.8", "52.94.236.248", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"];

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn refuses_each_range_from_its_first_to_its_last_address() {
        let policy = AddressPolicy::default();
        for [before, first, last, after] in RANGES {
            assert!(!policy.permits(address(first)), "{first}");
            assert!(!policy.permits(address(last)), "{last}");
            for outside in [before, after].into_iter().filter(|outside| **outside != "-") {
                assert!(policy.permits(address(outside)), "{outside}");
            }
        }
    }

    #[test]
    fn refuses_what_is_not_public_and_permits_what_is() {
        let policy = AddressPolicy::default();
        for refused in REFUSED {
            assert!(!policy.permits(address(refused)), "{refused}");
        }
        for public in PUBLIC {
            assert!(policy.permits(address(public)), "{public}");
            assert!(!policy.allows_plain_http(address(public)), "{public}");
        }
    }

    #[test]
    fn an_allowed_network_is_permitted_without_tls_and_only_that_one() {
        let policy = AddressPolicy::parse(" 127.0.0.0/8, ::1/128 ").expect("networks");
        for (text, allowed) in [("127.9.9.9", true), ("::1", true), ("10.0.0.1", false), ("::ffff:127.0.0.1", false)] {
            assert_eq!(policy.permits(address(text)), allowed, "{text}");
            assert_eq!(policy.allows_plain_http(address(text)), allowed, "{text}");
        }
        assert!(policy.permits(address("8.8.8.8")));
    }

    #[test]
    fn an_empty_list_allows_nothing_and_a_bad_entry_is_named() {
        for empty in ["", "  "] {
            assert_eq!(AddressPolicy::parse(empty), Ok(AddressPolicy::default()));
        }
        for (list, bad) in
            [("127.0.0.0/8,nonsense", "nonsense"), ("10.0.0.0/33", "10.0.0.0/33"), ("::1/128,", ""), ("::1", "::1")]
        {
            assert_eq!(AddressPolicy::parse(list), Err(InvalidNetwork(bad.to_owned())), "{list}");
        }
    }
}
