//! Answers: JSON with a status, or a problem in the contract's shape.

use http::{HeaderValue, Response, StatusCode, header};
use lambda_http::Body;
use postrider_core::{
    claim::StoredAnswer,
    ports::{Unavailable, chain},
    problem::Problem,
};
use serde::Serialize;

/// A 2xx answer: its status and its JSON text, which is empty where there is none.
pub type Answer = StoredAnswer;

/// 204.
pub const NO_CONTENT: Answer = Answer { status: 204, body: String::new() };

/// JSON with a status.
pub fn json(status: u16, value: &impl Serialize) -> Result<Answer, Problem> {
    let body = serde_json::to_string(value).map_err(|error| Unavailable::new("writing an answer", error))?;
    Ok(Answer { status, body })
}

/// The HTTP response. What went wrong behind the API is logged here, and nowhere else; what was wrong with the call
/// is told to the caller only.
pub fn respond(result: Result<Answer, Problem>) -> Response<Body> {
    let (status, body, retry_after) = match result {
        Ok(answer) => (answer.status, answer.body, None),
        Err(problem) => {
            if let Problem::Unavailable(error) = &problem {
                tracing::error!(error = chain(error), "the call could not be answered");
            }
            (problem.status(), problem.body(), problem.retry_after())
        }
    };
    let mut response = Response::new(if body.is_empty() { Body::Empty } else { Body::Text(body) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let is_empty = response.body().is_empty();
    let headers = response.headers_mut();
    if !is_empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(wait) = retry_after {
        headers.insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_the_contracts_shapes() {
        let response = respond(Err(Problem::not_found("Endpoint")));
        assert_eq!(response.status(), 404);
        assert_eq!(&response.body()[..], br#"{"code":"not_found","detail":"Endpoint not found"}"#);
        let response = respond(Err(Problem::invalid(&["body", "url"], "no")));
        assert_eq!(response.status(), 422);
        assert_eq!(&response.body()[..], br#"{"detail":[{"loc":["body","url"],"msg":"no","type":"value_error"}]}"#);
    }

    #[test]
    fn an_unavailable_service_asks_to_come_again_and_tells_nothing() {
        let response = respond(Err(Unavailable::new("reading the table", "secret detail").into()));
        assert_eq!(
            (response.status(), response.headers()[header::RETRY_AFTER].as_bytes()),
            (StatusCode::SERVICE_UNAVAILABLE, &b"1"[..])
        );
        assert!(!String::from_utf8_lossy(response.body()).contains("table"));
    }

    #[test]
    fn no_content_is_empty() {
        let response = respond(Ok(NO_CONTENT));
        assert!(response.status() == 204 && response.body().is_empty() && response.headers().is_empty());
    }
}
