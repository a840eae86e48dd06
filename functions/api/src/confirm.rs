//! `/confirm/{token}`: the token in the path says who confirms what; no other is needed.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::post,
};

use crate::{
    Api, Parts, Shared,
    call::{Outcome, done},
};

/// `POST` only: whatever previews or scans links would confirm what nobody has seen.
pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new().route("/confirm/{token}", post(confirm::<P>))
}

async fn confirm<P: Parts>(State(api): Shared<P>, Path(token): Path<String>) -> Outcome {
    api.confirmer().confirm(&token).await?;
    Ok(done())
}
