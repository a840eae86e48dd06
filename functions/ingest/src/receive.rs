//! `POST /in/{source}`: what third parties send.

use lambda_http::{Body, Request, Response, http::Method};
use postrider_core::{
    ports::{Ambient, Claims, Jobs, Keys, Messages, Outbox, Paces, Sources, Subscribers},
    problem::Problem,
    receive::{Headers, ReceivedOut, Taken},
};
use postrider_web::{Answer, json, respond, within_limit};

use crate::{Ingest, not_allowed};

/// What follows `/in/` in the path, where that is one segment.
pub(crate) fn source(path: &str) -> Option<&str> {
    let segment = path.trim_end_matches('/').strip_prefix("/in/")?;
    (!segment.is_empty() && !segment.contains('/')).then_some(segment)
}

impl<D, L, Q, A, K, R, F> Ingest<D, L, Q, A, K, R, F>
where
    D: Subscribers + Sources,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    A: Ambient,
    K: Keys,
{
    /// Answers a sender. 200 where others would be answered 202: some take nothing else for success.
    pub(crate) async fn receive(&self, source: &str, request: &Request) -> Response<Body> {
        if request.method() != Method::POST {
            return not_allowed();
        }
        respond(self.take(source, request).await)
    }

    async fn take(&self, source: &str, request: &Request) -> Result<Answer, Problem> {
        let body = within_limit(request.body())?;
        let headers: Headers = request.headers().iter().map(|(name, value)| (name.as_str(), value)).collect();
        match self.receiver.receive(&self.publisher, source, &headers, body).await? {
            Taken::Published(_, true) => Ok(Answer { status: 200, body: String::new() }),
            Taken::Published(message, false) => json(200, &ReceivedOut::Published { id: message.id }),
            Taken::Challenged(challenge) => json(200, &ReceivedOut::Challenged { challenge }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_one_segment_of_the_path() {
        assert_eq!(source("/in/src_1"), Some("src_1"));
        assert_eq!(source("/in/src_1/"), Some("src_1"));
        for path in ["/in", "/in/", "/in/a/b", "/inn/a", "/api/v1/in/a"] {
            assert_eq!(source(path), None, "{path}");
        }
    }
}
