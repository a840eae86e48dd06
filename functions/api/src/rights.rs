//! Which scope an operation needs. Decided here for all of them, by their method and route, before any handler runs: a
//! new operation that changes something needs `manage`, and one that shows something `read`, unless it is told here.

use http::Method;
use postrider_core::token::Scope;

/// The scope that a caller needs; `None` for what everybody may do with their own token. `route` is the path that was
/// matched, with names in braces.
pub(crate) fn needed(method: &Method, route: &str) -> Option<Scope> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let segments: Vec<_> = route.trim_start_matches("/api/v1/").split('/').map(plain).collect();
    match segments.as_slice() {
        ["auth", "logout"] => None,
        ["app", "*", "endpoint", "*", "secret"] => Some(Scope::ReadSecrets),
        ["app", "*", "endpoint", "*", "secret", "rotate"] => Some(Scope::RotateSecrets),
        // Whoever reads as a consumer moves its place.
        ["app", "*", "poller", "*", "consumer", "*", ..] => Some(Scope::Poll),
        _ if reads => Some(Scope::Read),
        ["app", "*", "msg"] | ["app", "*", "msg", "batch"] => Some(Scope::Publish),
        ["app", "*", "msg", "*", "endpoint", "*", "resend"]
        | ["app", "*", "dead-letter", "redrive"]
        | ["app", "*", "endpoint", "*", "recover" | "replay-missing" | "send-example" | "diagnose"] => {
            Some(Scope::Attempt)
        }
        ["filter", "test"] => Some(Scope::Read),
        _ => Some(Scope::Manage),
    }
}

fn plain(segment: &str) -> &str {
    if segment.starts_with('{') { "*" } else { segment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_needs_read_or_manage() {
        for (method, route, scope) in [
            (Method::GET, "/api/v1/app", Some(Scope::Read)),
            (Method::HEAD, "/api/v1/app/{app}/msg", Some(Scope::Read)),
            (Method::POST, "/api/v1/app/{app}/msg", Some(Scope::Publish)),
            (Method::POST, "/api/v1/app/{app}/msg/batch", Some(Scope::Publish)),
            (Method::GET, "/api/v1/app/{app}/endpoint/{endpoint}/secret", Some(Scope::ReadSecrets)),
            (Method::GET, "/api/v1/app/{app}/endpoint/{endpoint}/headers", Some(Scope::Read)),
            (Method::POST, "/api/v1/app/{app}/endpoint/{ep}/secret/rotate", Some(Scope::RotateSecrets)),
            (Method::POST, "/api/v1/app/{app}/endpoint/{ep}/recover", Some(Scope::Attempt)),
            (Method::GET, "/api/v1/app/{app}/poller/{ep}", Some(Scope::Read)),
            (Method::GET, "/api/v1/app/{app}/poller/{ep}/consumer/{c}", Some(Scope::Poll)),
            (Method::POST, "/api/v1/app/{app}/poller/{ep}/consumer/{c}/seek", Some(Scope::Poll)),
            (Method::POST, "/api/v1/auth/token", Some(Scope::Manage)),
            (Method::POST, "/api/v1/auth/logout", None),
            (Method::DELETE, "/api/v1/app/{app}", Some(Scope::Manage)),
            (Method::POST, "/api/v1/whatever/comes/next", Some(Scope::Manage)),
        ] {
            assert_eq!(needed(&method, route), scope, "{method} {route}");
        }
    }
}
