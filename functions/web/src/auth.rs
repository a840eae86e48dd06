//! Who calls: the token in the `Authorization` header.

use http::{HeaderMap, header};
use postrider_core::{
    access::Door,
    outbound::Fetcher,
    ports::{Keys, Revocations},
    problem::Problem,
    time::Time,
    token::{Caller, unauthenticated},
};

/// Lets in whoever the token names.
pub async fn authenticate<K: Keys, R: Revocations, F: Fetcher>(
    door: &Door<F>,
    keys: &K,
    revocations: &R,
    headers: &HeaderMap,
    now: Time,
) -> Result<Caller, Problem> {
    door.admit(keys, revocations, bearer(headers)?, now).await
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = all.next() else {
        return Err(unauthenticated("No token: send the header Authorization: Bearer <token>"));
    };
    let text = first.to_str().map_err(|_| unauthenticated("Invalid token"))?;
    // API Gateway joins headers that were sent twice with a comma.
    if all.next().is_some() || text.contains(',') {
        return Err(unauthenticated("More than one Authorization header: send exactly one"));
    }
    match text.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(unauthenticated("Not a bearer token: send the header Authorization: Bearer <token>")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use postrider_core::{
        ids::Ksuid,
        keyring::Keyring,
        memory::{Memory, Offline},
        token,
    };

    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn ring() -> Keyring {
        Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("keyring")
    }

    fn caller() -> Caller {
        Caller::organization("org_a".parse().expect("org"))
    }

    /// Who is let in, without what they have shown.
    async fn status(values: &[&str]) -> Result<Caller, u16> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).expect("header"));
        }
        let door = Door::<Offline>::new(None);
        let caller = authenticate(&door, &ring(), &Memory::default(), &headers, NOW).await;
        caller.map(|caller| Caller { token: None, ..caller }).map_err(|problem| problem.status())
    }

    #[tokio::test]
    async fn one_good_token_is_let_in_whatever_the_case_of_the_scheme() {
        let token = token::mint(&ring(), &caller(), Ksuid::floor(NOW), Duration::from_mins(1)).expect("token");
        for scheme in ["Bearer", "bearer", "BEARER "] {
            assert_eq!(status(&[&format!("{scheme} {token}")]).await, Ok(caller()), "{scheme}");
        }
        let good = format!("Bearer {token}");
        assert_eq!(status(&[&good, &good]).await, Err(401));
        assert_eq!(status(&[&format!("{good},{good}")]).await, Err(401));
    }

    #[tokio::test]
    async fn everything_else_is_kept_out() {
        for bad in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer whsec_abc", "nonsense"] {
            assert_eq!(status(&[bad]).await, Err(401), "{bad}");
        }
        assert_eq!(status(&[]).await, Err(401));
    }
}
