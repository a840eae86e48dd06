//! The document, served: written when somebody asks for it first, and kept.

use std::sync::{Arc, LazyLock};

use axum::{Router, body::Bytes, routing::get};
use http::{HeaderName, header};

use super::{Operation, PREFIX, document};

/// Where it is as well, for whoever looks at the root.
const AT_ROOT: &str = "/openapi.json";

/// Those routes, and the document of these operations beside them.
pub(crate) fn serve<S: Clone + Send + Sync + 'static>(operations: Vec<Operation>, routes: Router<S>) -> Router<S> {
    let text = Arc::new(LazyLock::new(move || Bytes::from(document(&operations).to_string())));
    let show = move || {
        let text = Arc::clone(&text);
        async move { (JSON, Bytes::clone(&text)) }
    };
    routes.route(AT_ROOT, get(show.clone())).route(&format!("{PREFIX}{AT_ROOT}"), get(show))
}

const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
