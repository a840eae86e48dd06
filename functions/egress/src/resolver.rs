//! Name resolution that only answers with addresses which may be connected to.
//!
//! reqwest connects to exactly what a resolver answers, so a name cannot change its address between the check and the
//! connection (DNS rebinding). It does not ask a resolver about IP literals: [`Gate::admits`] is for those.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::policy::AddressPolicy;

/// [`AddressPolicy::permits`] or [`AddressPolicy::allows_plain_http`].
pub(crate) type Rule = fn(&AddressPolicy, IpAddr) -> bool;

/// The policy, with the rule of one scheme.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    policy: Arc<AddressPolicy>,
    rule: Rule,
}

/// Why a name gave no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("the name could not be looked up")]
    Lookup(#[source] io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("none of the name's addresses may be connected to")]
    Blocked,
}

impl Gate {
    pub(crate) fn new(policy: Arc<AddressPolicy>, rule: Rule) -> Self {
        Self { policy, rule }
    }

    /// Whether this address may be connected to.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        (self.rule)(&self.policy, address)
    }

    /// The network that keeps an address from being admitted.
    pub(crate) fn network_of(address: IpAddr) -> String {
        AddressPolicy::network_of(address)
    }

    fn select(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ResolveError> {
        if found.is_empty() {
            return Err(ResolveError::NoAddress);
        }
        let admitted: Vec<_> = found.into_iter().filter(|address| self.admits(address.ip())).collect();
        if admitted.is_empty() { Err(ResolveError::Blocked) } else { Ok(admitted) }
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            // Port 0 stands for "the port of the URL".
            let found = lookup_host((name.as_str(), 0)).await.map_err(ResolveError::Lookup)?.collect();
            Ok(Box::new(gate.select(found)?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(allowed: &str, rule: Rule) -> Gate {
        Gate::new(Arc::new(AddressPolicy::parse(allowed).expect("networks")), rule)
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 0)).collect()
    }

    #[test]
    fn of_a_name_with_several_addresses_only_the_permitted_are_left() {
        let found = addresses(&["10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111"]);
        let left = gate("", AddressPolicy::permits).select(found).expect("addresses");
        assert_eq!(left, addresses(&["8.8.8.8", "2606:4700::1111"]));
    }

    #[test]
    fn without_tls_only_allowed_networks_are_left() {
        let found = addresses(&["127.0.0.1", "8.8.8.8"]);
        let left = gate("127.0.0.0/8", AddressPolicy::allows_plain_http).select(found).expect("addresses");
        assert_eq!(left, addresses(&["127.0.0.1"]));
    }

    #[test]
    fn no_address_and_no_permitted_address_are_different_errors() {
        let gate = gate("", AddressPolicy::permits);
        assert!(matches!(gate.select(addresses(&[])), Err(ResolveError::NoAddress)));
        assert!(matches!(gate.select(addresses(&["10.0.0.1", "::1"])), Err(ResolveError::Blocked)));
    }
}
