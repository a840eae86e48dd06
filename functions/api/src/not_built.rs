//! Operations of the contract that this version does not have: 501, so that nobody takes them for unknown paths.

use std::sync::Arc;

use axum::{Router, routing::post};
use postrider_core::problem::Problem;

use crate::{
    Api, Parts,
    call::{Call, Outcome},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/app/{app}/endpoint/{endpoint}/send-example", post(for_organizations))
        .route("/auth/app-portal-access/{app}", post(for_organizations))
        .route("/auth/dashboard-access/{app}", post(for_organizations))
        .route("/auth/logout", post(logout))
}

async fn for_all(_call: Call) -> Outcome {
    Err(not_built("This operation is not part of this version of Postrider").into())
}

async fn for_organizations(call: Call) -> Outcome {
    call.caller.must_be_organization()?;
    for_all(call).await
}

async fn logout() -> Outcome {
    Err(not_built("Tokens cannot be revoked; they expire").into())
}

fn not_built(detail: &'static str) -> Problem {
    Problem::refused(501, "not_implemented", detail)
}
