//! Operations of the contract that this version does not have: 501, so that nobody takes them for unknown paths.

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get},
};
use postrider_core::problem::Problem;

use crate::{
    Api, Parts,
    call::{Call, Outcome},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/endpoint/{endpoint}/stats", get(for_all))
        .route("/app/{app}/msg/{msg}/content", delete(for_organizations))
        .route("/app/{app}/msg/{msg}/attempt/{attempt}/content", delete(for_organizations))
}

async fn for_all(_call: Call) -> Outcome {
    Err(not_built("This operation is not part of this version of Postrider").into())
}

async fn for_organizations(call: Call) -> Outcome {
    call.caller.must_be_organization()?;
    for_all(call).await
}

fn not_built(detail: &'static str) -> Problem {
    Problem::refused(501, "not_implemented", detail)
}
