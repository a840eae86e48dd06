//! How an endpoint wants its deliveries: what Postrider adds to the contract, under the name `delivery`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{filter::Filter, keyring::Sealed};

/// How to deliver. The default is what the contract knows: one POST an event, as published, without authentication.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manner {
    /// Whether it receives requests.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// Deliveries are held, and released when this ends.
    #[serde(skip_serializing_if = "is_default")]
    pub paused: bool,
    /// The request's method.
    #[serde(skip_serializing_if = "is_default")]
    pub method: Method,
    /// The form of the request's body.
    #[serde(skip_serializing_if = "is_default")]
    pub format: Format,
    /// The header that names the event type, where it is not the deployment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type_header: Option<String>,
    /// How the request proves to the receiver who sends it, besides the signature.
    #[serde(skip_serializing_if = "is_default")]
    pub auth: Auth,
    /// Several events in one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batching>,
    /// A delivery counts only once the receiver has confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirming>,
    /// The receiver was asked for its consent when this URL was saved (`CloudEvents` HTTP 1.1 Web Hooks, section 4).
    #[serde(skip_serializing_if = "is_default")]
    pub consent: bool,
    /// Only messages with such a payload; all if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

impl Manner {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How messages reach the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "EndpointType")]
pub enum Kind {
    /// By requests to its URL.
    #[default]
    Http,
    /// The customer asks for them; its URL means nothing.
    // See [`crate::poll`].
    Poller,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// As Standard Webhooks has it.
    #[default]
    Post,
    /// For receivers that store what they get.
    Put,
    /// For receivers that merge it.
    Patch,
    /// Asks for consent; never a delivery's.
    #[serde(skip)]
    Options,
}

impl Method {
    /// As HTTP has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
        }
    }
}

/// The form of a delivery's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The published bytes.
    #[default]
    AsPublished,
    /// The published bytes, and the event's attributes as `ce-` headers (`CloudEvents` HTTP binding 1.0.2, section 3.1).
    #[serde(rename = "cloudevents-binary")]
    CloudEventsBinary,
    /// One JSON document with attributes and data (section 3.2).
    #[serde(rename = "cloudevents-structured")]
    CloudEventsStructured,
}

/// Authentication towards the receiver. Secrets are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Auth {
    /// The signature only.
    #[default]
    None,
    /// RFC 7617.
    Basic {
        /// Without colon.
        username: String,
        /// Its password.
        password: Sealed,
    },
    /// RFC 6750.
    Bearer {
        /// The token.
        token: Sealed,
    },
    /// An API key in a header of the receiver's choice.
    Header {
        /// The header's name.
        name: String,
        /// The key.
        value: Sealed,
    },
    /// A token by client credentials (RFC 6749, section 4.4).
    #[serde(rename = "oauth2")]
    OAuth2 {
        /// Where tokens are asked for.
        token_url: String,
        /// Who asks.
        client_id: String,
        /// The client's password, sent as basic authentication (RFC 6749, section 2.3.1).
        client_secret: Sealed,
        /// What is asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

/// Several events in one request, as a JSON array with one signature. All of them are delivered, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batching {
    /// Events in one request at most, 2 to 100.
    pub max_events: u16,
    /// Seconds that the first of them waits at most, 1 to 900.
    pub max_seconds: u16,
}

/// The receiver confirms a delivery by a request to a URL that the delivery carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirming {
    /// Seconds after the response in which it must, 1 to 86,400.
    pub within_seconds: u32,
}
