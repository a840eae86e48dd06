//! Who calls: the token in the `Authorization` header.

use http::{HeaderMap, header};
use postrider_core::{
    ports::Keys,
    problem::Problem,
    time::Time,
    token::{self, Caller, unauthenticated},
};

/// Checks the token. Whoever it names is believed until it expires.
pub async fn authenticate<K: Keys>(keys: &K, headers: &HeaderMap, now: Time) -> Result<Caller, Problem> {
    let token = bearer(headers)?;
    // A text that is no token at all is not worth a look at the keyring.
    let key = token::key_name(token).ok_or_else(|| unauthenticated("Invalid token"))?;
    let keyring = keys.keyring(Some(&key)).await?;
    token::verify(&keyring, token, now)
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
    use postrider_core::keyring::Keyring;

    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn ring() -> Keyring {
        Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("keyring")
    }

    fn caller() -> Caller {
        Caller { org: "org_a".parse().expect("org"), app: None }
    }

    async fn status(values: &[&str]) -> Result<Caller, u16> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).expect("header"));
        }
        authenticate(&ring(), &headers, NOW).await.map_err(|problem| problem.status())
    }

    #[tokio::test]
    async fn one_good_token_is_let_in_whatever_the_case_of_the_scheme() {
        let token = token::mint(&ring(), &caller(), NOW, Duration::from_mins(1)).expect("token");
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
