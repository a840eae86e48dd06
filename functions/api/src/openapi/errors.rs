//! The refusals: each is described once, and referred to.

use postrider_core::problem::{Invalid, Refused};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::operation::Shape;

/// A refusal, by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    Invalid,
    TooMany,
    Unavailable,
}

impl Error {
    pub(super) const ALL: [Self; 9] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::TooLarge,
        Self::Invalid,
        Self::TooMany,
        Self::Unavailable,
    ];

    pub(super) const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Unavailable => 503,
        }
    }

    /// Its name among the document's responses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::Unauthenticated => "Unauthenticated",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::TooLarge => "TooLarge",
            Self::Invalid => "Invalid",
            Self::TooMany => "TooMany",
            Self::Unavailable => "Unavailable",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::BadRequest => "A header or a parameter of the query cannot be read, or the token names nobody.",
            Self::Unauthenticated => "There is no token, or it is not valid, or not any more.",
            Self::Forbidden => {
                "The token lacks the scope, or is an application's where only the organization's will do."
            }
            Self::NotFound => "There is no such thing, or it belongs to somebody else.",
            Self::Conflict => "It is being changed by somebody else, or the request is still being processed.",
            Self::TooLarge => "The body has more than 262,144 bytes.",
            Self::Invalid => "Fields or parameters break a rule; or the idempotency key was another request's.",
            Self::TooMany => "Too many at once; `Retry-After` says how long to wait.",
            Self::Unavailable => "Something behind the API did not answer. To try again is safe.",
        }
    }

    fn shape(self) -> Shape {
        match self {
            Self::Invalid => SchemaGenerator::subschema_for::<Invalid<'_>>,
            _ => SchemaGenerator::subschema_for::<Refused<'_>>,
        }
    }

    fn example(self) -> Value {
        let refused = |code: &str, detail: &str| json!({ "code": code, "detail": detail });
        match self {
            Self::BadRequest => refused("generic_error", "Query parameter limit: expected a number"),
            Self::Unauthenticated => refused("authentication_failed", "Invalid token"),
            Self::Forbidden => refused("insufficient access", "Only a token of the organization may do this"),
            Self::NotFound => refused("not_found", "Endpoint not found"),
            Self::Conflict => refused("conflict", "An endpoint with this uid exists already in the application"),
            Self::TooLarge => refused("payload_too_large", "The request's body has 300000 bytes"),
            Self::Invalid => json!({
                "detail": [{ "loc": ["body", "url"], "msg": "must begin with https://", "type": "value_error" }]
            }),
            Self::TooMany => refused("rate_limited", "Try again when Retry-After has passed"),
            Self::Unavailable => refused("unavailable", "Try again in a moment"),
        }
    }

    const fn asks_to_wait(self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable)
    }

    /// As a component of the document.
    pub(super) fn response(self, schema: &Value) -> Value {
        let content = json!({ "application/json": { "schema": schema, "example": self.example() } });
        let mut response = json!({ "description": self.description(), "content": content });
        if self.asks_to_wait() {
            let seconds = json!({ "type": "integer", "minimum": 1 });
            response["headers"] =
                json!({ "Retry-After": { "description": "Seconds to wait.", "required": true, "schema": seconds } });
        }
        response
    }

    /// Its shape, for a generator of answers.
    pub(super) fn schema(self, generator: &mut SchemaGenerator) -> Value {
        self.shape()(generator).into()
    }

    /// A reference to it, for an operation that may say more.
    pub(super) fn reference(self, when: Option<&str>) -> Value {
        let mut reference = json!({ "$ref": format!("#/components/responses/{}", self.name()) });
        if let Some(when) = when {
            reference["description"] = when.into();
        }
        reference
    }
}
