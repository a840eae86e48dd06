//! `/auth`: access to the portal, tokens made and revoked.
//!
//! None of these answers is stored under an `Idempotency-Key`: most hold a token.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::post,
};
use postrider_core::{
    access::{ExpireIn, PortalAccessIn, RevokeIn, TokenIn},
    ports::Ambient as _,
};
use postrider_web::json;

use crate::{
    Api, Parts, Shared,
    call::{Call, Outcome, Reply, done, ok},
};

pub(crate) fn routes<P: Parts>() -> Router<Arc<Api<P>>> {
    Router::new()
        .route("/auth/app-portal-access/{app}", post(portal::<P>))
        // An older path of the same, without a body.
        .route("/auth/dashboard-access/{app}", post(dashboard::<P>))
        .route("/auth/app/{app}/expire-all", post(expire_all::<P>))
        .route("/auth/logout", post(log_out::<P>))
        .route("/auth/token", post(create::<P>))
        .route("/auth/token/revoke", post(revoke::<P>))
}

async fn portal<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body: PortalAccessIn = call.json()?;
    ok(&api.access().portal(&call.caller, api.ambient.ksuid(), &app, &body).await?)
}

async fn dashboard<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body = PortalAccessIn::default();
    ok(&api.access().portal(&call.caller, api.ambient.ksuid(), &app, &body).await?)
}

async fn expire_all<P: Parts>(State(api): Shared<P>, Path(app): Path<String>, call: Call) -> Outcome {
    let body: ExpireIn = call.json()?;
    api.access().expire_all(&call.caller, &app, &body, api.ambient.now()).await?;
    Ok(done())
}

async fn log_out<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    api.access().log_out(&call.caller, api.ambient.now()).await?;
    Ok(done())
}

async fn create<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: TokenIn = call.json()?;
    Ok(Reply(json(201, &api.access().create_token(&call.caller, api.ambient.ksuid(), &body).await?)?))
}

async fn revoke<P: Parts>(State(api): Shared<P>, call: Call) -> Outcome {
    let body: RevokeIn = call.json()?;
    api.access().revoke_token(&call.caller, &body, api.ambient.now()).await?;
    Ok(done())
}
